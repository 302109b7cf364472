/**
 * Durable logs as a node, or several on one broker, do what is asked of them: what is known of a log comes from the log, whoever wrote
 * it; what was deleted or has expired is gone for everyone; and no news that is lost makes a wrong answer. Time passes by the test's clock.
 */
import { defineChannels, durable, SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { lookup, type ProducerTuple, readDurableEntry } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import type { Broker } from '../broker/broker.ts';
import { memory } from '../broker/memory.ts';
import { Hub } from '../hub.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { gate, type Meddled, meddle, turns } from '../testing/meddle.ts';
import { Turn } from '../turn.ts';
import type { DurableRequest } from './durables.ts';

const name = 'log/a';
const channels = defineChannels({
  'log/:name': durable(),
  'short/:name': durable({ keep: { entries: 3 } }),
});

function create(more: Partial<DurableRequest & { op: 'create' }> = {}): DurableRequest {
  const facts = { type: 'text/plain', ttlS: null, expiresAt: null, closed: false };
  return { op: 'create', ...facts, body: bodyOf(''), ...more };
}

function append(text: string, more: Partial<DurableRequest & { op: 'append' }> = {}): DurableRequest {
  return {
    op: 'append',
    type: 'text/plain',
    body: bodyOf(text),
    closed: false,
    seq: null,
    producer: null,
    ...more,
  };
}

const bodyOf = (text: string) => ({ bytes: Buffer.from(text), fault: null });
const by = (id: string, seq: number): { producer: ProducerTuple } => ({ producer: { id, epoch: 0, seq } });

/** One broker, and nodes on it that a test can meddle with. */
function world(shape: (broker: Broker) => Broker = (broker) => broker, seed = 1) {
  const clock = fakeClock({ seed });
  const broker = shape(memory({ clock }));
  const node = () => {
    const meddled: Meddled = meddle(broker);
    const metrics = newMetrics();
    const tools = { broker: meddled.broker, clock, turn: new Turn(clock), metrics, logger: silentLogger };
    const hub = new Hub(resolveNumbers({ channelIdleMs: 1000 }), tools, lookup(channels));
    const outcome = async (request: DurableRequest, of = name) =>
      (await hub.durables.ask(of, request, null)).outcome;
    return { hub, metrics, ...meddled, outcome };
  };
  /** What the log holds now. */
  const log = async (of = name) => {
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    const slice = await broker.read(of, range);
    const acts = slice.entries.flatMap(({ data }) => readDurableEntry(data));
    const text = acts.map(({ body }) => Buffer.from(body).toString()).join('');
    return { ...slice, text, ops: acts.map(({ header }) => header.op) };
  };
  return { clock, broker, node, log };
}

describe('durable logs on one node', () => {
  it('are created, appended to, closed and deleted', async () => {
    const { node, log } = world();
    const { hub, outcome } = node();
    expect(await outcome(append('x'))).toBe('missing');
    expect(await outcome(create({ body: bodyOf('a') }))).toBe('created');
    expect(await outcome(append('b'))).toBe('appended');
    expect(await hub.durables.look(name, false)).toMatchObject({
      facts: { type: 'text/plain', closed: false },
      start: { offset: 0, check: 0 },
    });
    expect(await outcome(append('c', { closed: true }))).toBe('appended');
    expect(await outcome(append('d'))).toBe('ended');
    expect(await log()).toMatchObject({ text: 'abc', top: { offset: 3 } });
    expect(await outcome({ op: 'delete' })).toBe('deleted');
    expect(await hub.durables.look(name, false)).toBeUndefined();
    expect(await log()).toMatchObject({ entries: [], oldest: 5, snapshot: { offset: 4 } });
  });

  it('are asked for one after another, in the order in which they were', async () => {
    const { node, log } = world();
    const { outcome } = node();
    const outcomes = await Promise.all([
      outcome(create()),
      ...Array.from({ length: 50 }, (_, i) => outcome(append(`${i},`))),
      outcome(append('', { closed: true })),
      outcome(append('x')),
    ]);
    expect(outcomes.slice(-2)).toEqual(['closed', 'ended']);
    expect((await log()).text).toBe(Array.from({ length: 50 }, (_, i) => `${i},`).join(''));
  });

  it('take what waits together as one entry, and answer each of it', async () => {
    const { node, log } = world();
    const { hub, outcome } = node();
    await outcome(create());
    const slow = outcome(append('0,'));
    const outcomes = await Promise.all([
      ...Array.from({ length: 40 }, (_, i) => outcome(append(`${i + 1},`, by('p', i)))),
      outcome(append('x', by('p', 39))),
      outcome(append('x', by('p', 41))),
      outcome(append('end', { closed: true })),
      outcome(append('x', by('p', 40))),
    ]);
    await slow;
    expect(outcomes.slice(0, 40)).toEqual(Array(40).fill('appended'));
    expect(outcomes.slice(40)).toEqual(['duplicate', 'skipped', 'appended', 'ended']);
    const { text, top, ops } = await log();
    expect(text).toBe(`${Array.from({ length: 41 }, (_, i) => `${i},`).join('')}end`);
    expect(top.offset).toBe(2);
    expect(ops).toHaveLength(43);
    // Whose they are stays known.
    const two = 'log/two';
    await outcome(create(), two);
    await Promise.all(['ada', 'ada', 'bob'].map((from) => hub.durables.ask(two, append(from), from)));
    expect((await log(two)).entries.map(({ from }) => from)).toEqual([null, 'ada', 'bob']);
  });

  it('are written apart where that is much', async () => {
    const { node, log } = world();
    const { outcome } = node();
    await outcome(create());
    await Promise.all(Array.from({ length: 10 }, () => outcome(append('x'.repeat(30_000)))));
    const { entries, text } = await log();
    expect(text.length).toBe(300_000);
    expect(Math.max(...entries.map(({ data }) => data.length))).toBeLessThan(70_000);
    await outcome(append('x'.repeat(500_000)));
    expect((await log()).text.length).toBe(800_000);
  });

  it('tell those whose write failed, and nobody else', async () => {
    const { node, log } = world();
    const { outcome, meddling } = node();
    await outcome(create());
    meddling.append = () => Promise.reject(new SyncError('storage'));
    const failing = Promise.allSettled([outcome(append('a')), outcome(append('b'))]);
    await expect(outcome(create())).rejects.toMatchObject({ code: 'storage' });
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    meddling.append = (pass) => pass();
    expect(await outcome(append('c'))).toBe('appended');
    expect((await log()).text).toBe('c');
  });

  it('[P24] tell nobody who reads them whose producers they remember, and keep those of each apart', async () => {
    const { node, log } = world();
    const { hub, outcome } = node();
    await outcome(create());
    const ids = ['ada@example.org/worker-7', 'bob/worker-7', 'worker-7', 'ada@example.org/worker-8'];
    for (const id of ids) expect(await outcome(append('x', by(id, 0)))).toBe('appended');
    for (const id of ids) expect(await node().outcome(append('x', by(id, 0)))).toBe('duplicate');
    for (let seq = 1; seq < 50; seq++) await outcome(append('y', by('bob/worker-7', seq)));
    const { entries, ops } = await log();
    expect(ops).toHaveLength(54);
    for (const { data } of entries)
      expect(Buffer.from(data as Uint8Array).toString()).not.toMatch(/ada|bob|worker/);
    expect(await hub.durables.ask(name, append('z', by('bob/worker-7', 9)), null)).toMatchObject({
      outcome: 'duplicate',
      producer: { seq: 49 },
    });
  });

  it('[P26] are another log when they are created anew: what was before is dropped', async () => {
    const { node, log } = world();
    const { hub, outcome } = node();
    for (const request of [
      create(),
      append('old', by('p', 0)),
      { op: 'delete' } as const,
      create({ type: 'a/b' }),
    ])
      await outcome(request);
    expect(await outcome(append('new', { type: 'a/b', ...by('p', 0) }))).toBe('appended');
    expect(await log()).toMatchObject({ text: 'new', oldest: 4 });
    expect((await hub.durables.look(name, false))?.start).toMatchObject({ offset: 3 });
    // Another node finds it so.
    expect(await node().outcome(append('new', { type: 'a/b', ...by('p', 0) }))).toBe('duplicate');
  });

  it('[P26] never show what was before, though it could not be dropped', async () => {
    let broken = true;
    const { node, log } = world((broker) => ({
      ...meddle(broker).broker,
      compact: (channel, epoch, snapshot) =>
        broken ? Promise.reject(new SyncError('storage')) : broker.compact(channel, epoch, snapshot),
    }));
    const { hub, outcome } = node();
    for (const request of [create(), append('old'), { op: 'delete' } as const, create()])
      await outcome(request);
    expect((await log()).text).toBe('old');
    const [, , deleted] = (await log()).entries;
    expect(deleted?.offset).toBe(3);
    expect((await hub.durables.look(name, false))?.start).toMatchObject({ offset: 3, check: deleted?.check });
    broken = false;
    await node().hub.open(name);
    expect(await log()).toMatchObject({ text: '', oldest: 4 });
  });

  it('are known though most of what they held is no longer kept', async () => {
    const { node, log } = world();
    const { outcome } = node();
    const short = 'short/a';
    await outcome(create({ ttlS: 3600 }), short);
    for (let i = 0; i < 20; i++) await outcome(append(`${i},`, by('p', i)), short);
    expect(await log(short)).toMatchObject({ text: '17,18,19,', oldest: 19 });
    const other = node();
    expect(await other.outcome(append('', by('p', 19)), short)).toBe('duplicate');
    expect(await other.hub.durables.look(short, false)).toMatchObject({
      facts: { type: 'text/plain', ttlS: 3600 },
      start: undefined,
    });
  });

  it('are read from their newest entries only when they are opened', async () => {
    const { node } = world();
    const { outcome } = node();
    await outcome(create());
    for (let i = 0; i < 300; i++) await outcome(append('x'.repeat(1000), by('p', i)));
    const other = node();
    let entries = 0;
    other.meddling.read = async (read) => {
      const slice = await read();
      entries += slice.entries.length;
      return slice;
    };
    expect(await other.outcome(append('', by('p', 299)))).toBe('duplicate');
    expect(entries).toBeLessThan(200);
  });

  it('are followed anew when their log turns out to be another one', async () => {
    const { clock, node } = world();
    const { hub, outcome, replace } = node();
    await outcome(create());
    await outcome(append('a'));
    replace(memory({ clock }));
    expect(await hub.durables.look(name, false)).toBeUndefined();
    expect(await outcome(append('a'))).toBe('missing');
    expect(await outcome(create({ type: 'a/b' }))).toBe('created');
  });
});

describe('durable logs that can not be read', () => {
  const lost = async () => {
    const { clock, node } = world();
    const one = node();
    await one.outcome(create());
    const { cursor } = await (await one.hub.open(name)).join(0, { wake: () => {} });
    const other = world((broker) => broker, 2);
    await other.node().outcome(create());
    one.replace(other.broker);
    let fails = true;
    const { read } = one.meddling;
    one.meddling.read = (pass, range) =>
      fails && range.direction === 'before' && range.entriesMax > 0
        ? Promise.reject(new SyncError('storage'))
        : read(pass, range);
    const asking = one.outcome(create({ type: 'a/b' }));
    asking.catch(() => {});
    await turns(20);
    return { ...one, clock, cursor, asking, mend: () => (fails = false) };
  };

  it('are read again until they can', async () => {
    const { clock, asking, mend } = await lost();
    mend();
    await clock.advance(2000);
    expect(await asking).toBe('different');
  });

  it('keep nobody waiting for more than five seconds', async () => {
    const { clock, hub, asking, mend } = await lost();
    const late = hub.durables.look(name, true);
    const told = Promise.allSettled([asking, late]);
    await clock.advance(6000);
    for (const one of await told) expect(one).toMatchObject({ reason: { code: 'unavailable' } });
    mend();
    await clock.advance(20_000);
    expect(await hub.durables.look(name, true)).toBeDefined();
  });

  it('hold up nobody whose entry was rolled back', async () => {
    const { clock, node, log } = world();
    const { meddling, outcome } = node();
    await outcome(create());
    const { epoch } = await log();
    // It was stored, and is gone when the node looks for it.
    meddling.append = async () => ({ epoch, offset: 2, check: 1, at: clock.now(), duplicate: false });
    expect(await outcome(append('b'))).toBe('appended');
    meddling.append = (pass) => pass();
    expect(await outcome(append('c'))).toBe('appended');
    expect((await log()).text).toBe('c');
  });

  it('hold up nobody when the node leaves', async () => {
    const { hub, asking } = await lost();
    await hub.close();
    await expect(asking).rejects.toMatchObject({ code: 'restart' });
  });
});

describe('durable logs that end', () => {
  const seconds = (count: number) => count * 1000;

  it('[P27] end after so long without a use, and are dropped then', async () => {
    const { clock, node, log } = world();
    const { hub, outcome } = node();
    await outcome(create({ ttlS: 16, body: bodyOf('a') }));
    await clock.advance(seconds(15));
    expect(await hub.durables.look(name, false)).toBeDefined();
    await outcome(append('b'));
    await clock.advance(seconds(15));
    expect(await hub.durables.look(name, true)).toBeDefined();
    await clock.advance(seconds(15));
    expect(await hub.durables.look(name, false)).toBeDefined();
    await clock.advance(seconds(3));
    await turns();
    expect(await log()).toMatchObject({ entries: [], snapshot: { offset: 4 } });
    expect(await hub.durables.look(name, false)).toBeUndefined();
  });

  it('[P27] are dropped when their time comes, though the node has closed them meanwhile', async () => {
    const { clock, node, log } = world();
    const { hub, outcome } = node();
    await outcome(create({ expiresAt: clock.now() + seconds(60), body: bodyOf('a') }));
    await clock.advance(seconds(10));
    expect(hub.opened(name)).toBeUndefined();
    await clock.advance(seconds(49));
    expect((await log()).text).toBe('a');
    await clock.advance(seconds(1));
    await turns();
    expect(await log()).toMatchObject({ entries: [] });
  });

  it('[P27] are gone for whoever comes later, and may be created anew', async () => {
    const { clock, node, log } = world();
    const first = node();
    await first.outcome(create({ ttlS: 60, body: bodyOf('a') }));
    await first.hub.close();
    await clock.advance(seconds(64));
    const second = node();
    expect(await second.outcome(create({ type: 'a/b', body: bodyOf('b') }))).toBe('created');
    expect((await log()).text).toBe('b');
  });

  it('[P27] go on for as long as somebody reads them live', async () => {
    const { clock, node } = world();
    const { hub, outcome } = node();
    await outcome(create({ ttlS: 16 }));
    const { cursor } = await (await hub.open(name)).join(0, { wake: () => {} });
    for (let i = 0; i < 10; i++) {
      await clock.advance(seconds(8));
      await turns();
    }
    expect(await hub.durables.look(name, false)).toBeDefined();
    cursor.release();
    await clock.advance(seconds(35));
    await turns();
    expect(await hub.durables.look(name, false)).toBeUndefined();
  });

  it('[P27] are read though their end could not be put off', async () => {
    const { clock, node } = world();
    const { hub, meddling, outcome } = node();
    await outcome(create({ ttlS: 16 }));
    await clock.advance(seconds(8));
    meddling.append = () => Promise.reject(new SyncError('storage'));
    expect(await hub.durables.look(name, true)).toBeDefined();
  });

  it('are tried again where they could not be ended', async () => {
    const { clock, node, log } = world();
    const { meddling, outcome } = node();
    await outcome(create({ ttlS: 1, body: bodyOf('a') }));
    meddling.append = () => Promise.reject(new SyncError('storage'));
    await clock.advance(seconds(2));
    expect((await log()).text).toBe('a');
    meddling.append = (pass) => pass();
    await clock.advance(seconds(2));
    await turns();
    expect(await log()).toMatchObject({ entries: [] });
  });
});

describe('durable logs on several nodes', () => {
  it('ask the log once more for all who come while it is asked', async () => {
    const { node } = world();
    const [one, two] = [node(), node()];
    await one.outcome(create());
    await two.hub.open(name);
    const asked = gate();
    const { meddling, hub } = two;
    meddling.news = () => {};
    meddling.read = async (read) => {
      const slice = await read();
      await asked.passed;
      return slice;
    };
    const before = meddling.reads;
    const first = hub.durables.look(name, false);
    await turns();
    await one.outcome({ op: 'delete' });
    const others = Array.from({ length: 50 }, () => hub.durables.look(name, false));
    await turns();
    expect(meddling.reads - before).toBe(1);
    asked.open();
    expect(await first).toBeDefined();
    // They came after it was deleted.
    expect(await Promise.all(others)).toEqual(Array(50).fill(undefined));
    expect(meddling.reads - before).toBeLessThan(10);
  });

  it('[P25] are found, though no news of them came', async () => {
    const { node } = world();
    const [one, two] = [node(), node()];
    two.meddling.news = () => {};
    expect(await two.outcome(append('x'))).toBe('missing');
    await one.outcome(create());
    expect(await two.hub.durables.look(name, false)).toBeDefined();
    expect(await two.outcome(append('a', by('p', 0)))).toBe('appended');
    expect(await one.outcome(append('b', by('p', 1)))).toBe('appended');
    expect(await two.outcome(append('b', by('p', 1)))).toBe('duplicate');
    expect(await two.outcome(append('', { closed: true }))).toBe('closed');
    expect(await one.outcome(append('c', by('p', 2)))).toBe('ended');
    expect(await one.outcome({ op: 'delete' })).toBe('deleted');
    expect(await two.outcome(create({ type: 'a/b' }))).toBe('created');
    expect(await one.outcome(append('d'))).toBe('mistyped');
  });

  it('[P25] take each request of a producer once, wherever it is repeated, and nothing after a close', async () => {
    const { node, log } = world();
    const nodes = [node(), node(), node()];
    await nodes[0]?.outcome(create());
    const all = Array.from({ length: 40 }, (_, i) =>
      Promise.all(nodes.map(({ outcome }) => outcome(append(`${i},`, by(`p${i}`, 0))))),
    );
    for (const outcomes of await Promise.all(all))
      expect(outcomes.toSorted()).toEqual(['appended', 'duplicate', 'duplicate']);
    const numbers = (await log()).text.split(',').slice(0, -1).map(Number);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const late = await Promise.all([
      ...nodes.map(({ outcome }, i) => outcome(append(`${i};`))),
      nodes[1]?.outcome(append('end', { closed: true })),
      ...nodes.map(({ outcome }, i) => outcome(append(`${i};`))),
    ]);
    const { text } = await log();
    expect(text.endsWith('end')).toBe(true);
    expect(text.split(';').length - 1).toBe(
      late
        .slice(0, 3)
        .concat(late.slice(4))
        .filter((one) => one === 'appended').length,
    );
  });

  it('[P25] say so when others kept writing first', async () => {
    const { node, log } = world();
    const { meddling, outcome } = node();
    const other = node();
    await outcome(create());
    meddling.append = async (pass) => {
      await other.outcome(append('x'));
      return await pass();
    };
    await expect(outcome(append('a'))).rejects.toMatchObject({ code: 'unavailable' });
    expect((await log()).text).not.toContain('a');
  });

  it('are refused where more than 16 MiB of them wait, and are taken again once those are answered', async () => {
    const { node } = world();
    const { meddling, outcome } = node();
    await outcome(create());
    const held = gate();
    meddling.append = async (pass) => {
      await held.passed;
      return await pass();
    };
    const large = append('x'.repeat(1024 * 1024));
    const asked = Array.from({ length: 17 }, () => outcome(large));
    await expect(asked.at(-1)).rejects.toMatchObject({ code: 'too_many', detail: { retryMs: 1000 } });
    await expect(asked.at(-2)).rejects.toMatchObject({ code: 'too_many' });
    held.open();
    expect(await Promise.all(asked.slice(0, 15))).toEqual(Array(15).fill('appended'));
    expect(await outcome(append('a'))).toBe('appended');
  });
});
