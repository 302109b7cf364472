/**
 * What a Redis may lose: everything, its newest entries when it restarts from an older dump or a replica takes over that was
 * behind, or what a node slept through. The log that comes back is told for what it is, an epoch or a check gives it away, and
 * never passes for the one that was.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '@syncline/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { noRedis, type RedisServer, replicaOf } from '../../testing/redis.ts';
import type { Broker } from '../broker.ts';
import { type LogsOptions, redisOver } from '../redis.ts';
import { appendOf, data, everything, expectWhole, offsets, rangeOf, refusal } from '../testing.ts';
import { Unanswered } from './faults.ts';
import { type Link, openLink } from './link.ts';
import { loadScript } from './scripts.ts';
import { brokerOn, keysOf, newsOf, redisFor } from './testing.ts';

/** Appends once the broker can reach its Redis again. */
async function appendSoon(broker: Broker, text: string) {
  let appended: Awaited<ReturnType<Broker['append']>> | undefined;
  await expect
    .poll(async () => {
      appended ??= await broker.append('c', appendOf(text)).catch(() => undefined);
      return appended !== undefined;
    })
    .toBe(true);
  if (!appended) throw new Error('It was not appended.');
  return appended;
}

async function heardOf(server: RedisServer, channel = 'c', prefix = 'app'): Promise<void> {
  const topic = `${prefix}:{${channel}}`;
  await expect.poll(() => server.command('PUBSUB', 'NUMSUB', topic).catch(() => [])).toEqual([topic, 1]);
}

describe.skipIf(noRedis)('a Redis that lost something', () => {
  it('[P5] everything: logs begin new epochs, and who listens is told without anything being appended', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const news = newsOf(broker, 'c');
    const { epoch } = await broker.append('c', appendOf('1', { producer: { id: 'p', sequence: 1 } }));
    await server.kill();
    const lost = news.length;
    await server.start();
    await expect
      .poll(() => news.slice(lost))
      .toMatchObject([{ top: { offset: 0 }, entries: [], asked: true }]);
    expect(news.at(-1)?.epoch).not.toBe(epoch);
    const again = await appendSoon(broker, '2');
    expect(again).toMatchObject({ offset: 1 });
    expect(again.epoch).not.toBe(epoch);
    await expect.poll(() => news.at(-1)).toMatchObject({ epoch: again.epoch, top: { offset: 1 } });
    await expect.poll(() => server.command('GET', 'app:schema')).toBe('1');
  });

  it('[P3] its newest entries, by a restart from an older dump: the same epoch, another check', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    const news = newsOf(broker, 'c');
    for (const text of ['1', '2', '3']) await broker.append('c', appendOf(text));
    await server.command('SAVE');
    copyFileSync(join(server.dir, 'dump.rdb'), join(server.dir, 'older.rdb'));
    for (const text of ['4', '5', '6']) await broker.append('c', appendOf(`"lost ${text}"`));
    const before = await broker.read('c', rangeOf());
    await server.kill();
    copyFileSync(join(server.dir, 'older.rdb'), join(server.dir, 'dump.rdb'));
    await server.start();
    // It ends before what was told, which only who asks can tell.
    await expect
      .poll(() => news.at(-1))
      .toMatchObject({ epoch: before.epoch, top: { offset: 3 }, entries: [], asked: true });
    const { offset, check, epoch } = await appendSoon(broker, '"other 4"');
    expect([epoch, offset]).toEqual([before.epoch, 4]);
    expect(check).not.toBe(before.entries[3]?.check);
    const after = await broker.read('c', rangeOf());
    expectWhole(after);
    expect(data(after)).toEqual(['1', '2', '3', '"other 4"']);
  });

  it('[P3] its newest entries, which others have replaced before this node comes back: told by the first of them', async () => {
    const server = await redisFor();
    const [broker, other] = await Promise.all([brokerOn(server), brokerOn(server)]);
    for (const text of ['1', '2', '3', '4']) await broker.append('c', appendOf(text));
    const news = newsOf(broker, 'c');
    await broker.read('c', rangeOf());
    await broker.append('c', appendOf('5'));
    await expect.poll(() => news.at(-1)?.top.offset).toBe(5);
    const told = news.at(-1)?.top;
    // The log as it was after the fourth entry.
    const keys = keysOf('c');
    const list = (await server.command('XRANGE', keys.entries, '4', '5')) as string[][];
    const [fourth = '', fifth = ''] = list.map(([id]) => id ?? '');
    await server.command('XDEL', keys.entries, fifth);
    await server.command('XSETID', keys.entries, fourth);
    const check = fourth.split('-')[1] ?? '';
    const head = String(await server.command('HGET', keys.meta, 'head')).split(' ');
    await server.command('HSET', keys.meta, 'head', ['4', check, head[2], '4', ...head.slice(4)].join(' '));
    const { offset } = await other.append('c', appendOf('"another 5"'));
    expect(offset).toBe(5);
    await expect.poll(() => news.at(-1)).toMatchObject({ top: { offset: 5 }, asked: true });
    expect(news.at(-1)?.top.check).not.toBe(told?.check);
    await other.append('c', appendOf('6'));
    await expect.poll(() => news.at(-1)).toMatchObject({ entries: [{ offset: 6 }] });
  });

  it('[P3] its newest entries, by a failover to a replica that was behind: the same epoch, another check', async () => {
    const master = await redisFor({ tcp: true });
    const replica = await replicaOf(master);
    const broker = await brokerOn(master);
    for (const text of ['1', '2', '3']) await broker.append('c', appendOf(text));
    const offset = async (server: typeof master, which: RegExp) =>
      Number(which.exec(String(await server.command('INFO', 'replication')))?.[1]);
    const until = await offset(master, /master_repl_offset:(\d+)/);
    // The master goes on: what proves that announcements arrive is passed on too.
    await expect.poll(() => offset(replica, /slave_repl_offset:(\d+)/)).toBeGreaterThanOrEqual(until);
    // From here on nothing reaches the replica: it is on its own already when the master still takes writes.
    await replica.command('REPLICAOF', 'NO', 'ONE');
    for (const text of ['4', '5', '6']) await broker.append('c', appendOf(`"old ${text}"`));
    const before = await broker.read('c', rangeOf());
    await master.kill();
    const survivor = await brokerOn(replica);
    for (const text of ['4', '5', '6']) await survivor.append('c', appendOf(`"new ${text}"`));
    const after = await survivor.read('c', rangeOf());
    expect([after.epoch, after.top.offset]).toEqual([before.epoch, 6]);
    expectWhole(after);
    // Whoever saw the lost entries is caught at each of them.
    for (const index of [3, 4, 5]) expect(after.entries[index]?.check).not.toBe(before.entries[index]?.check);
    expect(after.entries[2]).toEqual(before.entries[2]);
    await replica.stop();
  });

  it('[S4] what a node slept through was trimmed: `oldest` tells, and what is left is read', async () => {
    const server = await redisFor();
    const [sleeper, other] = await Promise.all([brokerOn(server), brokerOn(server)]);
    const keep = { ...everything, entriesMax: 5 };
    const { epoch } = await sleeper.append('c', appendOf('0', { keep }));
    await Promise.all(Array.from({ length: 400 }, (_, i) => other.append('c', appendOf(`${i}`, { keep }))));
    const slice = await sleeper.read('c', rangeOf({ offset: 1, keep }));
    expect(slice).toMatchObject({ epoch, oldest: 397, top: { offset: 401 } });
    expect(offsets(slice)).toEqual([397, 398, 399, 400, 401]);
    // Entries leave in portions: what is left over is bounded, and can't be read.
    expect(Number(await server.command('XLEN', keysOf('c').entries))).toBeLessThan(200);
    expect(offsets(await sleeper.read('c', rangeOf({ direction: 'before', offset: 398, keep })))).toEqual([
      397,
    ]);
  });

  it('parts that vanish one after the other: no error but for a log that begins anew', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const server = await redisFor();
    const broker = await brokerOn(server);
    for (const key of Object.values(keysOf('c'))) {
      for (const sequence of [1, 2])
        await broker.append(
          'c',
          appendOf('1', { producer: { id: key, sequence }, key: 'k', order: 1, keep: null }),
        );
      const { epoch, entries } = await broker.read('c', rangeOf({ keep: null }));
      const [first] = entries;
      await broker.compact('c', epoch, { offset: first?.offset ?? 0, check: first?.check ?? 0, data: '{}' });
      await server.command('PEXPIRE', key, '1');
      await expect.poll(() => server.command('EXISTS', key)).toBe(0);
      const appended = await broker.append('c', appendOf('2', { keep: null }));
      const slice = await broker.read('c', rangeOf({ keep: null }));
      expect(slice.epoch).toBe(appended.epoch);
      expect(slice.top.offset).toBe(appended.offset);
      expectWhole(slice, slice.snapshot ? { epoch, ...slice.snapshot } : undefined);
    }
  });
});

describe.skipIf(noRedis)('logs that needn’t outlive the nodes', () => {
  it('vanish whole, an idle time after the last append', async () => {
    const server = await redisFor();
    // Long enough for a machine with much else to do to look before it is over.
    const volatileMs = 60_000;
    const { volatile } = await brokerOn(server, { volatileMs });
    const first = await volatile.append(
      'c',
      appendOf('1', { producer: { id: 'p', sequence: 1 }, key: 'k', order: 1 }),
    );
    const parts = Object.values(keysOf('c', 'app:v'));
    const each = (command: string, ...args: readonly string[]) => {
      const script = `local all = {} for i, key in ipairs(KEYS) do all[i] = redis.call('${command}', key, unpack(ARGV)) end return all`;
      return server.command('EVAL', script, String(parts.length), ...parts, ...args) as Promise<number[]>;
    };
    const stored = (await each('EXISTS')).filter((exists) => exists === 1).length;
    expect(stored).toBeGreaterThan(1);
    // All in one moment: whoever looks at the log keeps it for as long again.
    const moments = (await each('PEXPIRETIME')).filter((at) => at > 0);
    expect(moments).toEqual(Array(stored).fill(moments[0]));
    const left = Math.max(...(await each('PTTL')));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(volatileMs);
    // That time is over.
    await each('PEXPIRE', '1');
    await expect.poll(() => server.command('EXISTS', ...parts)).toBe(0);
    const again = await volatile.append('c', appendOf('2'));
    expect(again).toMatchObject({ offset: 1 });
    expect(again.epoch).not.toBe(first.epoch);
  });

  it('stay while somebody listens', async () => {
    const server = await redisFor();
    const { volatile } = await brokerOn(server, { volatileMs: 12_000 });
    await volatile.append('c', appendOf('1'));
    newsOf(volatile, 'c');
    const key = keysOf('c', 'app:v').entries;
    await heardOf(server, 'c', 'app:v');
    await server.command('PEXPIRE', key, '9000');
    await server.command('PEXPIRE', keysOf('c', 'app:v').meta, '9000');
    await expect.poll(() => server.command('PTTL', key)).toBeGreaterThan(9500);
  });

  it('are looked at without a write, and what is stored meanwhile stays for ever', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    await broker.read('c', rangeOf());
    const { meta } = keysOf('c');
    await server.command('PEXPIRE', meta, '5000');
    const look = (): Promise<unknown> => server.command('EVAL_RO', loadScript('look').text, '1', meta, '');
    expect(((await look()) as unknown[][])[0]?.[2]).toBe(1);
    await broker.append('c', appendOf('1'));
    expect(((await look()) as unknown[][])[0]?.[2]).toBe(0);
    // Whoever had looked before that has it kept for as long again, which it is for ever.
    const keys = Object.values(keysOf('c'));
    await server.command('EVAL', loadScript('renew').text, String(keys.length), ...keys, '');
    expect(await server.command('PTTL', meta)).toBe(-1);
  });

  it('the others stay for ever, but for names that were only read', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server);
    await broker.read('c', rangeOf());
    expect(Number(await server.command('PTTL', keysOf('c').meta))).toBeGreaterThan(3_000_000);
    await broker.append('c', appendOf('1', { producer: { id: 'p', sequence: 1 }, key: 'k', order: 1 }));
    const lives = await Promise.all(
      Object.values(keysOf('c')).map(async (key) => Number(await server.command('PTTL', key))),
    );
    expect(new Set(lives)).toEqual(new Set([-1, -2]));
  });
});

describe.skipIf(noRedis)('a Redis that can not be reached', () => {
  it('[A1] refuses with `unavailable`, in call order, and goes on when it is back', async () => {
    const server = await redisFor({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const broker = await brokerOn(server);
    const once = appendOf('"once"', { producer: { id: 'p', sequence: 1 } });
    const first = await broker.append('c', appendOf('1'));
    await server.kill();
    expect(await refusal(broker.append('c', once))).toMatchObject({ code: 'unavailable' });
    expect(await refusal(broker.read('c', rangeOf()))).toMatchObject({ code: 'unavailable' });
    await server.start();
    const again = await appendSoon(broker, '2');
    expect(again).toMatchObject({ epoch: first.epoch, offset: 2 });
    expect(await broker.append('c', once)).toMatchObject({ offset: 3, duplicate: false });
  });

  it('[A2] an append whose answer is lost is stored once, however often it is tried', async () => {
    const server = await redisFor();
    const broker = await brokerOn(server, { commandMs: 300 }, { commandMs: 300 });
    const news = newsOf(broker, 'c');
    await broker.append('c', appendOf('1'));
    server.freeze();
    const once = appendOf('"once"', { producer: { id: 'p', sequence: 1 } });
    const tries = [broker.append('c', once), broker.append('c', once)];
    for (const one of tries) expect(await refusal(one)).toMatchObject({ code: 'unavailable' });
    server.thaw();
    let stored: unknown;
    await expect
      .poll(async () => {
        stored = await broker.append('c', once).catch(() => undefined);
        return stored;
      })
      .toMatchObject({ offset: 2 });
    await expect.poll(() => news.at(-1)?.top.offset).toBe(2);
    expect((await broker.read('c', rangeOf())).top.offset).toBe(2);
  });
});

describe.skipIf(noRedis)('a call that was given up', () => {
  /** A broker whose next call is given up when it is on its way; what is returned lets it arrive. */
  async function losing(server: RedisServer, options: LogsOptions = {}) {
    const link = openLink({ target: { address: { path: server.path } }, prefix: 'app' });
    const late: (() => Promise<unknown>)[] = [];
    let loses = false;
    const run: Link['run'] = (...call) => {
      if (!loses) return link.run(...call);
      loses = false;
      late.push(() => link.run(...call));
      const error = new SyncError('unavailable');
      error.cause = new Unanswered('The connection broke.');
      return Promise.reject(error);
    };
    const broker = redisOver(
      {
        ...{ ready: link.ready, health: link.health, run, runReplicated: link.runReplicated.bind(link) },
        ...{ subscribe: link.subscribe.bind(link), hear: link.hear.bind(link), now: () => link.now() },
        ...{ publish: link.publish.bind(link), onResubscribed: link.onResubscribed.bind(link) },
        enter: (slotKey) => link.enter(slotKey),
        close: () => link.close(),
      },
      { ...options, prefix: 'app' },
    );
    onTestFinished(() => broker.close());
    await broker.ready;
    const lose = async (call: () => Promise<unknown>): Promise<void> => {
      loses = true;
      expect(await refusal(call())).toMatchObject({ code: 'unavailable' });
    };
    const arrive = async (): Promise<void> =>
      void (await Promise.allSettled(late.splice(0).map((one) => one())));
    return { broker, lose, arrive };
  }

  it('takes no effect after one that came later', async () => {
    const server = await redisFor();
    const { broker, lose, arrive } = await losing(server);
    await broker.append('c', appendOf('1'));
    await lose(() => broker.append('c', appendOf('"given up"')));
    await broker.append('c', appendOf('2'));
    await arrive();
    await broker.append('c', appendOf('3'));
    expect(data(await broker.read('c', rangeOf()))).toEqual(['1', '2', '3']);
  });

  it.each([
    ['a log that nothing was stored in before', async () => {}],
    [
      'a snapshot',
      async (broker: Broker) => {
        await broker.append('c', appendOf('1'));
      },
    ],
  ])('nor after a refusal, or a read: %s', async (_, before) => {
    const server = await redisFor();
    const { broker, lose, arrive } = await losing(server);
    await before(broker);
    for (const later of [
      () => refusal(broker.append('c', appendOf('1', { ifTopAt: 99 }))),
      () => broker.read('c', rangeOf()),
      () => broker.compact('c', 'none', { offset: 1, check: 1, data: '{}' }),
    ]) {
      await lose(() => broker.append('c', appendOf('"given up"')));
      await later();
      await arrive();
      expect(data(await broker.read('c', rangeOf()))).not.toContain('"given up"');
    }
  });

  it('may still take effect where nothing came after it, and is news then', async () => {
    const server = await redisFor();
    const { broker, lose, arrive } = await losing(server);
    const news = newsOf(broker, 'c');
    await broker.append('c', appendOf('1'));
    await lose(() => broker.append('c', appendOf('2')));
    await arrive();
    await expect.poll(() => news.at(-1)?.top.offset).toBe(2);
    expect(data(await broker.read('c', rangeOf()))).toEqual(['1', '2']);
  });

  it('is noted for each node, and forgotten when no connection can bring it any more', async () => {
    const server = await redisFor();
    let now = 1_800_000_000_000;
    const { meta } = keysOf('c');
    const noted = async (): Promise<number> =>
      ((await server.command('HKEYS', meta)) as string[]).filter((name) => name.startsWith('f:')).length;
    for (let node = 1; node <= 30; node++) {
      const { broker, lose } = await losing(server, { stamp: () => now });
      await lose(() => broker.append('c', appendOf('"given up"')));
      await broker.append('c', appendOf('1'));
      if (node < 20) expect(await noted()).toBe(node);
      if (node === 20) now += 2 * 3_600_000;
    }
    expect(await noted()).toBe(10);
  });
});
