/**
 * Options: what each may be, and the one sentence that says what was expected and what was given. Tried on `createServer`,
 * as people meet them; nothing is started by what is refused.
 */
import { defineChannels, type SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, vi } from 'vitest';
import { disk } from './broker/disk.ts';
import { memory } from './broker/memory.ts';
import { optionsTable } from './options/numbers.ts';
import { resolveNumbers } from './options.ts';
import { createServer } from './server.ts';

vi.mock('./broker/disk.ts', () => ({ disk: vi.fn(() => memory()) }));

const channels = defineChannels({ 'chat/:room': stream() });

/** What `createServer` says to options that TypeScript would refuse. */
function refusal(options: unknown): SyncError {
  try {
    createServer(options as Parameters<typeof createServer>[0]);
  } catch (thrown) {
    return thrown as SyncError;
  }
  throw new Error('Nothing was refused.');
}

describe('numbers', () => {
  it('are the table’s where nothing is given, and frozen', () => {
    const numbers = resolveNumbers({ heartbeatMs: 5000 });
    expect(numbers.heartbeatMs).toBe(5000);
    for (const [name, row] of Object.entries(optionsTable)) {
      if (name !== 'heartbeatMs') expect(numbers).toHaveProperty(name, row.default);
      expect(row.default).toBeGreaterThanOrEqual(row.min);
      expect(row.default).toBeLessThanOrEqual(row.max);
    }
    expect(Object.isFrozen(numbers)).toBe(true);
    expect(resolveNumbers({ heartbeatMs: undefined }).heartbeatMs).toBe(optionsTable.heartbeatMs.default);
  });

  it.each(Object.entries(optionsTable))(
    '%s is refused out of its bounds, and as anything that is no whole number',
    (name, { min, max }) => {
      const wrong: [unknown, string][] = [
        ['5', '"5" (string)'],
        [null, 'null'],
        [true, 'true (boolean)'],
        [{}, 'an object'],
        [[1], 'a list'],
        [min - 1, `${min - 1} (number)`],
        [min + 0.5, `${min + 0.5} (number)`],
        [Number.NaN, 'NaN (number)'],
      ];
      for (const [value, got] of wrong) {
        const error = refusal({ channels, [name]: value });
        expect([error.code, error.message]).toEqual([
          'bad_option',
          `Expected \`${name}\` to be a number from ${min} up, got ${got}.`,
        ]);
      }
      const above = refusal({ channels, [name]: max + 1 });
      expect(above.message).toBe(
        `Expected \`${name}\` to be a number from ${min} up to ${max}, got ${max + 1} (number).`,
      );
    },
  );

  it('a payload must fit into a frame', () => {
    expect(refusal({ channels, payloadBytesMax: 100_000 }).message).toMatch(
      /^Expected `payloadBytesMax` to be at most `frameBytesMax`, which is 66560, got 100000 \(number\)\./,
    );
    expect(resolveNumbers({ payloadBytesMax: 100_000, frameBytesMax: 101_000 })).toMatchObject({
      payloadBytesMax: 100_000,
    });
  });
});

describe('other options', () => {
  it.each<[string, unknown, string | RegExp]>([
    ['authenticate', 'secret', 'Expected `authenticate` to be a function, got "secret" (string).'],
    ['seed', {}, 'Expected `seed` to be a function, got an object.'],
    [
      'broker',
      'redis',
      'Expected `broker` to be a broker, such as memory() or disk({ dir }), got "redis" (string).',
    ],
    ['broker', null, 'Expected `broker` to be a broker, such as memory() or disk({ dir }), got null.'],
    ['channels', undefined, 'Expected `channels` to be a contract made by defineChannels(), got nothing.'],
    ['channels', {}, 'Expected `channels` to be a contract made by defineChannels(), got an object.'],
    [
      'channels',
      'chat',
      'Expected `channels` to be a contract made by defineChannels(), got "chat" (string).',
    ],
    ['clock', 5, 'Expected `clock` to be a clock, got 5 (number).'],
    [
      'logger',
      () => {},
      /^Expected `logger` to be an object with a function error, such as console or pino\(\), got /,
    ],
    [
      'logger',
      { error: 'to a file' },
      'Expected `logger` to be an object with a function error, such as console or pino(), got an object.',
    ],
    [
      'originsAllowed',
      '*',
      'Expected `originsAllowed` to be a list of origins such as "https://app.example", got "*" (string).',
    ],
    [
      'originsAllowed',
      ['https://app.example/'],
      'Expected `originsAllowed` to be a list of origins such as "https://app.example", got a list.',
    ],
    [
      'originsAllowed',
      ['null'],
      'Expected `originsAllowed` to be a list of origins such as "https://app.example", got a list.',
    ],
    ['path', 'sync', 'Expected `path` to be a path such as "/sync", got "sync" (string).'],
    ['path', '/sync?x', 'Expected `path` to be a path such as "/sync", got "/sync?x" (string).'],
    [
      'plain',
      'chat/lobby',
      'Expected `plain` to be an object of paths and channel names, such as { "/chat": "chat/lobby" }, got "chat/lobby" (string).',
    ],
    ['plain', { chat: 'chat/lobby' }, 'Expected `plain` to give paths such as "/chat", got "chat" (string).'],
    [
      'plain',
      { '/chat': 5 },
      /^Expected `plain` to give \/chat a channel of the contract, got 5 \(number\): /,
    ],
    [
      'plain',
      { '/chat': 'news/today' },
      /^Expected `plain` to give \/chat a channel of the contract, got "news\/today" \(string\): No pattern of the contract matches/,
    ],
    [
      'plain',
      { '/chat': 'chat//x' },
      /^Expected `plain` to give \/chat a channel of the contract, got "chat\/\/x" \(string\): .*a segment is empty/,
    ],
    [
      'plain',
      { '/sync': 'chat/x' },
      'Expected `plain` to leave /sync to the SDK. Give one of the two another path.',
    ],
  ])('%s as %o is refused', (name, value, message) => {
    const error = refusal({ channels, [name]: value });
    expect(error.code).toBe('bad_option');
    expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  });

  it('no options at all are refused', () => {
    for (const nothing of [undefined, null, 'x']) {
      expect(refusal(nothing).message).toMatch(
        /^Expected `channels` to be a contract made by defineChannels\(\), got /,
      );
    }
  });

  it('one that does not exist is refused, with the one that was probably meant', () => {
    expect(refusal({ channels, heartbeat: 5000 }).message).toBe(
      'There is no option `heartbeat`; did you mean `heartbeatMs`?',
    );
    expect(refusal({ channels, Plainly: {} }).message).toBe(
      'There is no option `Plainly`; did you mean `plain`?',
    );
    expect(refusal({ channels, allowedOrigins: [] }).message).toBe(
      'There is no option `allowedOrigins`; did you mean `originsAllowed`?',
    );
    expect(refusal({ channels, cors: true }).message).toBe(
      'There is no option `cors`. See the options in docs/reference/options.md.',
    );
    expect(refusal({ channels, constructor: 5 }).message).toMatch(/^There is no option `constructor`/);
  });

  it('what is refused has opened no file and started no timer', () => {
    const clock = fakeClock();
    vi.mocked(disk).mockClear();
    refusal({ channels, clock, plain: { '/sync': 'chat/x' } });
    refusal({ channels, clock, heartbeatMs: 1 });
    expect(disk).not.toHaveBeenCalled();
    expect(clock.timers).toBe(0);
  });

  it('logs are stored on disk where nothing else is said', async () => {
    vi.mocked(disk).mockImplementation(() => Object.assign(memory(), { ready: Promise.resolve() }));
    await createServer({ channels }).close();
    expect(disk).toHaveBeenCalledWith({ dir: 'syncline-data' });
  });

  it('what is changed afterwards changes nothing', async () => {
    const options = { channels, broker: memory(), heartbeatMs: 5000, path: '/live' };
    const server = createServer(options);
    options.path = 'nonsense';
    const { createServer: createHttpServer } = await import('node:http');
    expect(() => server.attach(createHttpServer())).not.toThrow();
    await server.close();
  });
});
