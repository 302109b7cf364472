/**
 * What becomes of payloads, kind by kind, without sockets or logs: what is appended, what is refused, what schemas and hooks
 * get to see and may put in its place. Definitions are made as contracts make them.
 */
import { doc, SyncError, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { beginning, noLineage, updateEntry } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { Access, Rights } from '../access.ts';
import { silentLogger } from '../observe.ts';
import { Admission } from './admission.ts';

const clock = fakeClock({ now: 1_000_000 });
const admission = new Admission(100, clock);
const fleet = state({ keys: 7 });
const take = (payload: string, definition = fleet, author: { ownsKey(key: string): boolean } | null = null) =>
  admission.take('x', payload, definition, author);

describe('on a stream', () => {
  it('a payload is the entry and the value', () => {
    expect(admission.take('x', '{"a": 1}', stream(), null)).toEqual({
      append: { data: '{"a": 1}' },
      value: '{"a": 1}',
    });
  });

  it('what a hook gives instead is both', async () => {
    const intake = admission.take('x', '1', stream(), null);
    const seen: unknown[] = [];
    const examined = await admission.examine('x', intake, stream(), async (...what) => {
      seen.push(what);
      return { data: [2] };
    });
    expect(examined).toEqual({ append: { data: '[2]' }, value: '[2]' });
    expect(seen).toEqual([[undefined, 1]]);
  });
});

describe('on a doc', () => {
  it('bytes are the entry, and no value', async () => {
    const bytes = updateEntry(new Uint8Array(2));
    const intake = admission.take('x', bytes, doc(), null);
    expect(intake).toEqual({ append: { data: bytes }, value: undefined });
    const refuse = () => Promise.reject(new Error('looked at'));
    expect(await admission.examine('x', intake, doc(), refuse)).toBe(intake);
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'it is of no format that clients publish'],
    ['a beginning', beginning(noLineage, new Uint8Array(2)), 'it is of no format that clients publish'],
    ['an edit with more behind it', updateEntry(new Uint8Array(3)), 'at byte 2'],
  ])('[Y2] %s is refused', (_what, bytes, why) => {
    expect(() => admission.take('x', bytes, doc(), null)).toThrow(
      expect.objectContaining({ code: 'bad_payload', message: expect.stringContaining(why) }),
    );
  });
});

describe('on a state channel', () => {
  it('[K1] a set becomes an entry with its key, and the value is what it is about', () => {
    expect(take('["set","k",{"n": 1.0}]')).toEqual({
      append: { data: '["k",{"n": 1.0}]', key: 'k', ifKeyAt: undefined, order: undefined, keysMax: 7 },
      value: '{"n": 1.0}',
      facts: {},
    });
    expect(take('["set","k",1,{"at":5,"ttlMs":6,"ifVersion":0}]')).toMatchObject({
      append: { data: '["k",1,{"at":5,"ttlMs":6}]', ifKeyAt: 0, order: 5 },
    });
  });

  it('[K1] a removal ends its key, and has no value', () => {
    expect(take('["delete","k",{"ifVersion":3}]')).toEqual({
      append: { data: '["k"]', key: 'k', keyEnds: true, ifKeyAt: 3 },
      value: undefined,
    });
  });

  it('[K4] a time ahead of the server counts as now, and is told as it was sent', () => {
    expect(take('["set","k",1,{"at":999999999}]').append).toMatchObject({
      data: '["k",1,{"at":999999999}]',
      order: 1_000_000,
    });
  });

  it.each<[string, SyncError['code'], string]>([
    ['["k",1]', 'bad_payload', 'expected a list that begins with "set" or "delete", got "k"'],
    ['["k",null,{"expired":true}]', 'bad_payload', 'expected a list that begins with'],
    [`["set","k","${'x'.repeat(100)}"]`, 'payload_too_large', 'The payload has 114 bytes'],
  ])('[K1] %s is refused with %s', (payload, code, message) => {
    expect(() => take(payload)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it('bytes are refused', () => {
    expect(() => admission.take('x', Uint8Array.of(1), fleet, null)).toThrow(
      new SyncError('unsupported_data', '"x" carries JSON.'),
    );
  });

  it('a hook sees key and value, and what it gives instead takes the place of the value alone', async () => {
    const seen: unknown[] = [];
    const examined = await admission.examine(
      'x',
      take('["set","k",{"n":1},{"at":5,"ifVersion":2}]'),
      fleet,
      async (...what) => {
        seen.push(what);
        return { data: { n: 2 } };
      },
    );
    expect(seen).toEqual([['k', { n: 1 }]]);
    expect(examined).toMatchObject({
      append: { data: '["k",{"n":2},{"at":5}]', key: 'k', ifKeyAt: 2, order: 5, keysMax: 7 },
      value: '{"n":2}',
    });
  });

  it('a hook sees a removal, and may refuse it but put nothing in its place', async () => {
    const intake = take('["delete","k"]');
    const seen: unknown[] = [];
    const look = async (...what: unknown[]) => {
      seen.push(what);
      return { data: 1 };
    };
    expect(await admission.examine('x', intake, fleet, look)).toBe(intake);
    expect(seen).toEqual([['k', undefined]]);
    const refuse = () => Promise.reject(new SyncError('forbidden'));
    await expect(admission.examine('x', intake, fleet, refuse)).rejects.toThrow(SyncError);
  });

  it('what a hook gives instead may not be larger than a payload', async () => {
    const look = async () => ({ data: 'x'.repeat(100) });
    await expect(admission.examine('x', take('["set","k",1]'), fleet, look)).rejects.toMatchObject({
      code: 'payload_too_large',
    });
  });

  it('the schema is about the value', async () => {
    const seen: unknown[] = [];
    const validate = (value: unknown) => {
      seen.push(value);
      return typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] };
    };
    const numbers = state({ value: { '~standard': { version: 1, vendor: 'test', validate } } });
    const set = take('["set","k",1]', numbers);
    expect(await admission.examine('x', set, numbers)).toBe(set);
    const wrong = admission.examine('x', take('["set","k",{"a":1}]', numbers), numbers);
    await expect(wrong).rejects.toMatchObject({ code: 'bad_payload' });
    await admission.examine('x', take('["delete","k"]', numbers), numbers);
    expect(seen).toEqual([1, { a: 1 }]);
  });
});

describe("keys of one's own", () => {
  const couriers = state({ own: true });
  const access = (open: boolean) =>
    new Access({
      ...{ authenticate: open ? null : () => ({ user: null }), authorize: null, beforePublish: null },
      ...{ tokenParameter: null, hookMs: 1000, clock, logger: silentLogger },
    });
  const as = (user: string | null, open = false) => new Rights({ user }, access(open));
  const may = (user: string | null, key: string, open = false) => {
    for (const payload of [`["set","${key}",1]`, `["delete","${key}"]`]) {
      try {
        take(payload, couriers, as(user, open));
      } catch (thrown) {
        expect(thrown).toMatchObject({
          code: 'forbidden',
          message: expect.stringContaining(`The key "${key}"`),
        });
        return false;
      }
    }
    return true;
  };

  it.each<[string | null, string, boolean]>([
    ['ann', 'ann', true],
    ['ann', 'ann/bike', true],
    ['ann', 'ann/bike/2', true],
    ['ann', 'anna', false],
    ['ann', 'bob', false],
    ['ann', 'Ann', false],
    ['ann', '/ann', false],
    ['ann/b', 'ann/b', false],
    ['ann', 'ann/b', true],
    [null, 'null', false],
    [null, '/', false],
  ])('[K7] %s may write %s: %s', (user, key, allowed) => {
    expect(may(user, key)).toBe(allowed);
  });

  it("[K7] are everybody's where nobody is asked who they are, and where the contract says nothing of it", () => {
    expect(may(null, 'x', true)).toBe(true);
    expect(take('["set","bob",1]', fleet, as('ann')).value).toBe('1');
  });

  it.each([
    ['{"lat":100,"lng":13}', 'Expected `lat` to be from -90 to 90 degrees, got 100.'],
    ['{"lat":52,"lng":-181}', 'Expected `lng` to be from -180 to 180 degrees, got -181.'],
    ['{"lat":1e999,"lng":13}', 'Expected `lat` to be from -90 to 90 degrees, got Infinity.'],
  ])('[K1] a place that is not on earth is refused: %s', (value, message) => {
    const placed = state({ geo: { lat: 'lat', lng: 'lng' } });
    const refused = { code: 'bad_payload', message: expect.stringContaining(message) };
    expect(() => take(`["set","a",${value}]`, placed)).toThrow(expect.objectContaining(refused));
    expect(take(`["set","a",${value}]`).value).toBe(value);
  });

  it.each(['{"lat":90,"lng":-180}', '{"lat":"100"}', 'null', '5', '[]'])(
    'a value may lie at the edge, or nowhere: %s',
    (value) => {
      expect(take(`["set","a",${value}]`, state({ geo: { lat: 'lat', lng: 'lng' } })).value).toBe(value);
    },
  );

  it('[K7] are no matter for the server itself', () => {
    expect(take('["set","bob",1]', couriers, null).value).toBe('1');
  });
});
