/**
 * The table of errors: codes that no two share, close codes that a WebSocket can carry, statuses of HTTP; and that
 * nothing foreign gets out through a SyncError.
 */
import { describe, expect, test } from 'vitest';
import { type ErrorCode, isErrorCode, SyncError, type Then } from './codes.ts';
import { errors, toSyncError } from './errors.ts';

const rows = Object.entries(errors) as [ErrorCode, (typeof errors)[ErrorCode]][];

describe('the table', () => {
  test('no two errors share a number', () => {
    const numbers = rows.map(([, { code }]) => code);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test.each(rows)('%s closes with a code that an endpoint may send', (_name, { close }) => {
    // RFC 6455, 7.4: 1004 to 1006 and 1015 never stand in a close frame; 4000 to 4999 are the application's.
    expect(
      [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(close) ||
        (close >= 4000 && close <= 4999),
    ).toBe(true);
  });

  test.each(rows)(
    '%s closes with its own number, with that of a bad frame, or with a standard code',
    (_name, row) => {
      expect(Math.floor(row.code / 1000)).toBe(4);
      if (row.close >= 4000) expect([row.code, errors.bad_frame.code]).toContain(row.close);
    },
  );

  test.each(rows)(
    '%s answers HTTP with a status of an error, unless it never leaves the client',
    (_name, row) => {
      if (row.http === 0) expect(row.code).toBeGreaterThanOrEqual(4600);
      else expect([4, 5]).toContain(Math.floor(row.http / 100));
    },
  );

  test('each of the four things a client may do next follows from some error', () => {
    const all: Then[] = ['reauth', 'resync', 'retry', 'stop'];
    expect([...new Set(rows.map(([, { then }]) => then))].sort()).toEqual(all);
  });

  test('a close code that is ours tells one thing to do next', () => {
    const next = new Map<number, Then>();
    for (const [name, { close, then }] of rows) {
      if (close < 4000) continue;
      expect(next.get(close) ?? then, name).toBe(then);
      next.set(close, then);
    }
    expect(next.get(4401)).toBe('reauth');
  });

  test.each(rows)('%s has a message of one short sentence', (_name, { message }) => {
    expect(message).toMatch(/^[A-Z].*\.$/);
    expect(message.length).toBeLessThanOrEqual(75);
  });
});

describe('codes from the wire', () => {
  test.each(rows)('%s is a code', (name) => {
    expect(isErrorCode(name)).toBe(true);
  });

  test.each(['', 'Internal', 'later', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '[C3] "%s" is none',
    (text) => {
      expect(isErrorCode(text)).toBe(false);
    },
  );
});

describe('SyncError', () => {
  test.each(rows)('%s has the message and the next step of the table', (name, { message, then }) => {
    const error = new SyncError(name);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'SyncError', code: name, message, next: then, detail: undefined });
  });

  test('says more when told more', () => {
    const error = new SyncError('sequence', 'Number 9 does not follow.', { expected: 4 });
    expect(error).toMatchObject({
      message: 'Number 9 does not follow.',
      detail: { expected: 4 },
      next: 'retry',
    });
    expect(String(error)).toBe('SyncError: Number 9 does not follow.');
  });

  test('passes through toSyncError as it is', () => {
    const error = new SyncError('forbidden', 'Not yours.');
    expect(toSyncError(error)).toBe(error);
  });

  test.each([
    ['an error', new Error('password=hunter2')],
    ['an error with a code', Object.assign(new Error('password=hunter2'), { code: 'forbidden' })],
    [
      'an error that only says it is one of ours',
      Object.assign(new Error('hunter2'), { name: 'SyncError', code: 'storage' }),
    ],
    ['an error with a cause', new Error('hunter2', { cause: new SyncError('storage', 'hunter2') })],
    ['a text', 'hunter2'],
    ['an object', { message: 'hunter2', detail: { password: 'hunter2' } }],
    ['nothing', undefined],
    ['null', null],
  ])('toSyncError tells nothing of what is foreign: %s', (_what, thrown) => {
    const error = toSyncError(thrown);
    expect(error).toMatchObject({
      code: 'internal',
      message: 'Something went wrong on the server.',
      detail: undefined,
    });
    expect(error.cause).toBeUndefined();
    expect(`${JSON.stringify(error)}${error.message}${error.stack}`).not.toContain('hunter2');
  });
});
