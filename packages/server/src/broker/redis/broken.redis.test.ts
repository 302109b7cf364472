/**
 * What anyone may have written to Redis, or taken from it: keys of another type, numbers that are none, parts that are gone, entries
 * that don't follow. Such a log begins a new epoch, which its readers are told, its remains are kept aside, nothing is burnt, and
 * other logs notice nothing.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { noRedis, type RedisServer, startRedis } from '../../testing/redis.ts';
import { appendOf, data, everything, expectWhole, offsets, rangeOf, refusal } from '../testing.ts';
import { brokerOn, keysOf, newsOf } from './testing.ts';

let server: RedisServer;
beforeAll(async () => {
  if (!noRedis) server = await startRedis();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  await server?.command('FLUSHALL');
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

const keys = keysOf('c');
const by = (sequence: number, id = 'ann/p') => ({ producer: { id, sequence } });

/** A log with three entries, a producer, a key and a snapshot, and another log beside it. */
async function filled() {
  const [broker, other] = await Promise.all([brokerOn(server), brokerOn(server)]);
  await broker.append('other', appendOf('"other"'));
  for (const sequence of [1, 2, 3])
    await broker.append(
      'c',
      appendOf(`"${sequence}"`, { ...by(sequence), key: 'k', order: sequence, keep: null }),
    );
  const { epoch, entries } = await broker.read('c', rangeOf({ keep: null }));
  await broker.compact('c', epoch, { offset: 1, check: entries[0]?.check ?? 0, data: '"snapshot"' });
  return { broker, other, epoch };
}

type Command = readonly string[];

const numbers = [
  'top',
  'check',
  'at',
  'bytes',
  'oldest',
  'oldestAt',
  'oldestBytes',
  'snapshot',
  'snapshotCheck',
];
numbers.push('keysFrom', 'producers', 'keys', 'orders');

/** Another number in the head. */
function head(name: string, value: string): Command {
  const script = `local head = redis.call('HGET', KEYS[1], 'head')
local number = 0
head = string.gsub(head, '%d+', function() number = number + 1; if number == tonumber(ARGV[1]) then return ARGV[2] end end)
return redis.call('HSET', KEYS[1], 'head', head)`;
  return ['EVAL', script, '1', keys.meta, String(numbers.indexOf(name) + 1), value];
}

/** Ways to break the log, each a command of Redis. */
const breaks: Readonly<Record<string, Command>> = {
  'its head is a text': ['SET', keys.meta, 'x'],
  'its head is an empty one': ['HSET', keys.meta, 'v', ''],
  'its head has no layout': ['HDEL', keys.meta, 'v'],
  'its head has no epoch': ['HDEL', keys.meta, 'epoch'],
  'its epoch is none': ['HSET', keys.meta, 'epoch', '{"a":1}'],
  'its numbers are gone': ['HDEL', keys.meta, 'head'],
  'its numbers are too few': ['HSET', keys.meta, 'head', '1 2 3'],
  'its top is a word': head('top', 'abc'),
  'its top is below zero': head('top', '-1'),
  'its top is beyond all numbers': head('top', '9223372036854775807'),
  'its top is ahead of its entries': head('top', '9'),
  'its top is behind its entries': head('top', '2'),
  'its check is another': head('check', '5'),
  'its check is none': head('check', '4294967296'),
  'its oldest is beyond its top': head('oldest', '9'),
  'its head is gone': ['DEL', keys.meta],
  'its entries are a text': ['SET', keys.entries, 'x'],
  'its entries are gone': ['DEL', keys.entries],
  'an entry that is none was added': ['XADD', keys.entries, '99-1', 'x', 'y'],
  'an entry was added with an id of its own': ['XADD', keys.entries, '*', 'a', '1'],
  'its producers are gone': ['DEL', keys.producers],
  'its producers are a text': ['SET', keys.producers, 'x'],
  'a producer of it is a word': ['HSET', keys.producers, '4:ann/p', 'junk'],
  'the order of its producers is gone': ['DEL', keys.newest],
  'the owners of its producers are gone': ['DEL', keys.owned],
  'its keys are gone': ['DEL', keys.keys],
  'its keys are of another type': ['SET', keys.keys, 'x'],
  'the orders of its keys are gone': ['DEL', keys.orders],
  'an order of it is a word': ['HSET', keys.orders, 'k', 'x'],
  'its snapshot is gone': ['DEL', keys.snapshot],
};

describe.skipIf(noRedis)('a log that is broken in Redis', () => {
  for (const [what, command] of Object.entries(breaks)) {
    it(`[P1] [P5] ${what}: an append begins a new epoch, and others are told`, async () => {
      const { broker, other, epoch } = await filled();
      const news = newsOf(other, 'c');
      await other.read('other', rangeOf());
      await other.read('never', rangeOf());
      await expect
        .poll(async () => (await server.command('PUBSUB', 'NUMSUB', 'app:{c}')) as unknown)
        .toEqual(['app:{c}', 1]);
      // RENAME and DEL leave room for what stands there.
      if (command[0] === 'SET') await server.command('DEL', command[1] ?? '');
      if (what === 'its head is an empty one') await server.command('DEL', keys.meta);
      await server.command(...command);
      // A retry would be answered before the order of its key is looked at.
      const id = what.startsWith('an order') ? 'bob/p' : 'ann/p';
      const appended = await broker.append(
        'c',
        appendOf('"new"', { ...by(1, id), key: 'k', order: 1, keep: null }),
      );
      expect(appended).toMatchObject({ offset: 1, duplicate: false });
      expect(appended.epoch).not.toBe(epoch);
      const slice = await broker.read('c', rangeOf({ keep: null }));
      expectWhole(slice);
      expect(data(slice)).toEqual(['"new"']);
      await expect.poll(() => news.at(-1)).toMatchObject({ epoch: appended.epoch, top: { offset: 1 } });
      expect(broker.troubles.logsBroken).toBe(1);
      expect(await broker.append('c', appendOf('"2"', { ...by(2, id), keep: null }))).toMatchObject({
        epoch: appended.epoch,
        offset: 2,
      });
      expect(data(await broker.read('other', rangeOf()))).toEqual(['"other"']);
    });
  }

  for (const [what, command] of Object.entries({
    'its top is a word': head('top', 'abc'),
    'its head is gone': ['DEL', keys.meta],
    'its entries are gone': ['DEL', keys.entries],
    'its entries are a text': ['SET', keys.entries, 'x'],
    'its snapshot is gone': ['DEL', keys.snapshot],
    'its snapshot is of another type': ['HSET', keys.snapshot, 'x', 'y'],
    'its snapshot says not how it is encoded': ['SET', keys.snapshot, 'x'],
    'its snapshot is no text': [
      'EVAL',
      "return redis.call('SETRANGE', KEYS[1], 1, '\\128\\128')",
      '1',
      keys.snapshot,
    ],
    'an entry in the middle is gone': ['XDEL', keys.entries, 'SECOND'],
    'its top is ahead of its entries': head('top', '9'),
  })) {
    it(`${what}: a read begins a new epoch, and tells it`, async () => {
      const { broker, epoch } = await filled();
      const news = newsOf(broker, 'c');
      const list = (await server.command('XRANGE', keys.entries, '2', '2')) as string[][];
      if (['SET', 'HSET'].includes(command[0] ?? '') && command[1] !== keys.meta)
        await server.command('DEL', command[1] ?? '');
      await server.command(...command.map((part) => (part === 'SECOND' ? (list[0]?.[0] ?? '') : part)));
      const slice = await broker.read('c', rangeOf({ keep: null }));
      expect(slice).toMatchObject({ top: { offset: 0 }, oldest: 1, snapshot: null, entries: [] });
      expect(slice.epoch).not.toBe(epoch);
      await expect.poll(() => news.at(-1)).toMatchObject({ epoch: slice.epoch, top: { offset: 0 } });
      expect(await broker.append('c', appendOf('"new"'))).toMatchObject({ epoch: slice.epoch, offset: 1 });
    });
  }

  /** Entries as someone else may have written them in place of the third: fields and values. */
  const junk: Readonly<Record<string, readonly string[]>> = {
    'has no payload': ['a', '1', 'n', '3', 'b', '6', 'e', '0', 'f', ''],
    'has a field too many': ['a', '1', 'n', '3', 'b', '6', 'e', '0', 'f', '', 'd', '"3"', 'x', 'y'],
    'has other fields': ['x', 'y'],
    'has a time that is a word': ['a', 'now', 'n', '3', 'b', '6', 'e', '0', 'f', '', 'd', '"3"'],
    'is encoded otherwise': ['a', '1', 'n', '3', 'b', '6', 'e', '9', 'f', '', 'd', '"3"'],
    'has another payload': ['a', '1', 'n', '3', 'b', '6', 'e', '0', 'f', '', 'd', '"4"'],
    'is huge': ['a', '1', 'n', '3', 'b', '6', 'e', '0', 'f', '', 'd', 'x'.repeat(3_000_000)],
  };

  for (const [what, fields] of Object.entries(junk)) {
    it(`[P4] an entry ${what}: readers are told that the log is another one, not that entry`, async () => {
      const { broker, epoch } = await filled();
      const list = (await server.command('XRANGE', keys.entries, '3', '3')) as string[][];
      const id = list[0]?.[0] ?? '';
      await server.command('XDEL', keys.entries, id);
      await server.command('XSETID', keys.entries, '2-4294967295');
      await server.command('XADD', keys.entries, id, ...fields);
      const slice = await broker.read('c', rangeOf({ keep: null }));
      expect(slice.epoch).not.toBe(epoch);
      expect(slice.entries).toEqual([]);
      const aside = (await server.command('XRANGE', `${keys.entries}:broken`, '3', '3')) as string[][];
      expect(aside[0]?.[0]).toBe(id);
    });
  }

  it('its remains are kept aside for a week', async () => {
    const { broker } = await filled();
    await server.command('DEL', keys.producers);
    await broker.append('c', appendOf('1'));
    const remains = (await server.command('KEYS', '*:broken')) as string[];
    expect(remains.sort()).toEqual(
      Object.values(keys)
        .filter((key) => key !== keys.producers)
        .map((key) => `${key}:broken`)
        .sort(),
    );
    for (const key of remains) {
      const leftMs = Number(await server.command('PTTL', key));
      expect(leftMs).toBeGreaterThan(6.9 * 86_400_000);
      expect(leftMs).toBeLessThanOrEqual(7 * 86_400_000);
    }
    // A second time, in place of the first.
    await server.command('DEL', keys.entries);
    await broker.append('c', appendOf('1'));
    expect(await broker.append('c', appendOf('2'))).toMatchObject({ offset: 2 });
  });

  it('[A3] what fails half way through a batch burns nothing: all of it is stored in the new epoch', async () => {
    const { broker, epoch } = await filled();
    await server.command('HSET', keys.producers, '4:bob/p', 'junk');
    await server.command(...head('producers', '2'));
    await server.command('ZADD', keys.newest, '3', '4:bob/p');
    await server.command('ZADD', keys.owned, '0', '4:bob/0000000000000003p');
    const batch = [
      broker.append('c', appendOf('"a"', { keep: null })),
      broker.append('c', appendOf('"b"', { ...by(4), keep: null })),
      broker.append('c', appendOf('"c"', { producer: { id: 'bob/p', sequence: 1 }, keep: null })),
      broker.append('c', appendOf('"d"', { keep: null })),
    ] as const;
    expect((await Promise.allSettled(batch)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect((await batch[0]).epoch).not.toBe(epoch);
    expect(await refusal(batch[1])).toMatchObject({ code: 'sequence', detail: { expected: 1 } });
    const slice = await broker.read('c', rangeOf({ keep: null }));
    expectWhole(slice);
    expect(data(slice)).toEqual(['"a"', '"c"', '"d"']);
  });

  it('a log of a newer layout is refused, and left as it is', async () => {
    const { broker } = await filled();
    await server.command('HSET', keys.meta, 'v', '2');
    for (const call of [broker.append('c', appendOf('1')), broker.read('c', rangeOf())])
      expect(await refusal(call)).toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining('layout 2'),
      });
    expect(await server.command('KEYS', '*:broken')).toEqual([]);
    expect(broker.troubles.logsBroken).toBe(0);
  });

  it('keys that were deleted, one at a time or all: never a silent hole', async () => {
    const { broker } = await filled();
    for (const [i, key] of [...Object.values(keys), '*'].entries()) {
      const { epoch } = await broker.append('c', appendOf('"x"', { key: 'k', order: 10 + i, keep: null }));
      if (key === '*') await server.command('FLUSHALL');
      else await server.command('DEL', key);
      await broker.append('c', appendOf('"y"', { keep: null }));
      const slice = await broker.read('c', rangeOf({ keep: null }));
      expectWhole(slice, slice.snapshot ? { epoch: slice.epoch, ...slice.snapshot } : undefined);
      if (slice.epoch === epoch) expect(offsets(slice).length).toBeGreaterThan(1);
      else expect(data(slice)).toEqual(['"y"']);
    }
  });

  it('an entry that must be dropped unread does not stop those after it', async () => {
    const broker = await brokerOn(server);
    const keep = { ...everything, entriesMax: 3 };
    for (const text of ['1', '2', '3']) await broker.append('c', appendOf(text, { keep }));
    const first = (await server.command('XRANGE', keys.entries, '-', '+')) as string[][];
    await server.command('XDEL', keys.entries, first[0]?.[0] ?? '');
    for (const text of ['4', '5']) await broker.append('c', appendOf(text, { keep }));
    expect(offsets(await broker.read('c', rangeOf({ keep })))).toEqual([3, 4, 5]);
    expect(broker.troubles.logsBroken).toBe(0);
  });
});

describe.skipIf(noRedis)('a prefix that something else uses', () => {
  it('is refused, with how to mend it', async () => {
    await server.command('SET', 'app:schema', '7');
    const newer = brokerOn(server);
    expect(await refusal(newer)).toMatchObject({
      code: 'bad_option',
      message: expect.stringContaining('prefix'),
    });
    await server.command('DEL', 'app:schema');
    await server.command('HSET', 'app:schema', 'theirs', '1');
    expect(await refusal(brokerOn(server))).toMatchObject({ code: 'bad_option' });
    expect(await server.command('HGETALL', 'app:schema')).toEqual(['theirs', '1']);
  });

  it('two prefixes share a Redis and nothing else', async () => {
    const [one, two] = await Promise.all([
      brokerOn(server, { prefix: 'a' }),
      brokerOn(server, { prefix: 'b' }),
    ]);
    const heard = newsOf(two, 'c');
    await two.read('c', rangeOf());
    await one.append('c', appendOf('1'));
    await two.append('c', appendOf('2'));
    await expect.poll(() => heard.length).toBe(1);
    expect(data(await one.read('c', rangeOf()))).toEqual(['1']);
    expect(data(await two.read('c', rangeOf()))).toEqual(['2']);
  });

  it('scripts are known by their own text, whatever functions and scripts others have there', async () => {
    await server.command(
      'FUNCTION',
      'LOAD',
      'REPLACE',
      "#!lua name=append\nredis.register_function('append', function() return 'theirs' end)",
    );
    await server.command('SCRIPT', 'LOAD', "return 'theirs'");
    const broker = await brokerOn(server);
    expect((await broker.append('c', appendOf('1'))).offset).toBe(1);
    await server.command('SCRIPT', 'FLUSH');
    expect((await broker.append('c', appendOf('2'))).offset).toBe(2);
  });
});
