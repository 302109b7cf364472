/**
 * Durable logs written by two nodes at once, on one real Redis: whatever falls together, each request is stored once or refused, in an
 * order that its rules allow. What was answered is held against what the log holds in the end.
 */
import { defineChannels, durable } from '@syncline/protocol';
import { seeded } from '@syncline/protocol/testing';
import { lookup, type ProducerTuple, readDurableEntry, systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redis } from '../broker/redis.ts';
import { Hub } from '../hub.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { noRedis, startRedis } from '../testing/redis.ts';
import { Turn } from '../turn.ts';
import type { DurableRequest, Outcome } from './durables.ts';

const name = 'log/a';
const clock = systemClock;

type Append = DurableRequest & { op: 'append' };

const bodyOf = (text: string) => ({ bytes: Buffer.from(text), fault: null });
const create = (type = 'text/plain'): DurableRequest => {
  return { op: 'create', type, ttlS: null, expiresAt: null, closed: false, body: bodyOf('') };
};
const append = (text: string, more: Partial<Append> = {}): Append => {
  return {
    op: 'append',
    type: 'text/plain',
    body: bodyOf(text),
    closed: false,
    seq: null,
    producer: null,
    ...more,
  };
};
const by = (id: string, epoch: number, seq: number): { producer: ProducerTuple } => ({
  producer: { id, epoch, seq },
});

/** So many nodes on one Redis, and what the log holds. */
async function nodes(count: number) {
  const server = await startRedis();
  const made = Array.from({ length: count }, () => {
    const broker = redis({ url: server.url, clock });
    const tools = { broker, clock, turn: new Turn(clock), metrics: newMetrics(), logger: silentLogger };
    return {
      broker,
      hub: new Hub(resolveNumbers({}), tools, lookup(defineChannels({ 'log/:name': durable() }))),
    };
  });
  onTestFinished(async () => {
    for (const { hub, broker } of made) {
      await hub.close();
      await broker.close();
    }
    await server.stop();
  });
  await Promise.all(made.map(({ broker }) => broker.ready));
  const ask = async (node: number, request: DurableRequest): Promise<Outcome> => {
    const hub = made[node % count]?.hub;
    if (!hub) throw new Error('There is no node.');
    return (await hub.durables.ask(name, request, null)).outcome;
  };
  const entries = async () => {
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    const slice = await made[0]?.broker.read(name, range);
    return (slice?.entries ?? [])
      .flatMap(({ data }) => readDurableEntry(data))
      .map(({ header, body }) => ({ header, text: Buffer.from(body).toString() }));
  };
  return { ask, entries };
}

describe.skipIf(noRedis)('durable logs on two nodes with one Redis', () => {
  it('[P20] [P25] are created by one of all who ask at once', async () => {
    const { ask, entries } = await nodes(2);
    const types = ['a/b', 'c/d', 'a/b', 'c/d', 'e/f', 'a/b'];
    const outcomes = await Promise.all(types.map((type, i) => ask(i, create(type))));
    expect(outcomes.filter((one) => one === 'created')).toHaveLength(1);
    const type = types[outcomes.indexOf('created')];
    expect(outcomes).toEqual(
      types.map((one, i) =>
        i === outcomes.indexOf('created') ? 'created' : one === type ? 'exists' : 'different',
      ),
    );
    expect(await entries()).toMatchObject([{ header: { op: 'create', type } }]);
  });

  it('[P22] [P24] [P25] hold nothing after their close and nothing twice, however writers and repetitions fall together', async () => {
    const { ask, entries } = await nodes(2);
    for (let round = 0; round < 8; round++) {
      const random = seeded(round + 1);
      await ask(round, create());
      const answered: { text: string; outcome: Outcome }[] = [];
      const writer = async (id: string, node: number): Promise<void> => {
        for (let seq = 0; seq < 12; seq++) {
          const text = `${round}:${id}:${seq};`;
          // Sent to both nodes, as a client does that has given the first answer up.
          const both = random() < 0.5 ? [node, node + 1] : [node];
          const outcomes = await Promise.all(both.map((to) => ask(to, append(text, by(id, 0, seq)))));
          for (const outcome of outcomes) answered.push({ text, outcome });
          if (outcomes.includes('ended')) return;
        }
      };
      const plain = async (node: number): Promise<void> => {
        for (let i = 0; i < 12; i++) {
          const text = `${round}:plain${node}:${i};`;
          answered.push({ text, outcome: await ask(node, append(text)) });
        }
      };
      const closer = async (): Promise<void> => {
        for (let i = 0; i < 4 + random() * 10; i++)
          answered.push({ text: '', outcome: await ask(1, append(`${i}-`)) });
        answered.push({
          text: 'END',
          outcome: await ask(round, append('END', { closed: true, ...by('closer', 3, 0) })),
        });
        expect(await ask(round + 1, append('END', { closed: true, ...by('closer', 3, 0) }))).toBe(
          'duplicate',
        );
      };
      await Promise.all([writer('p', 0), writer('q', 1), plain(0), plain(1), closer()]);
      const log = await entries();
      expect(log.at(-1)).toMatchObject({ text: 'END', header: { closed: true } });
      const texts = log.map(({ text }) => text);
      for (const { text } of answered.filter(({ text, outcome }) => text && outcome === 'appended'))
        expect(texts.filter((one) => one === text)).toHaveLength(1);
      for (const { text } of answered.filter(({ outcome }) => outcome === 'duplicate'))
        expect(texts).toContain(text);
      const stored = answered.filter(({ outcome }) => outcome === 'appended');
      expect(log.length).toBe(stored.length + 1);
      expect(await ask(round, { op: 'delete' })).toBe('deleted');
    }
  });

  it('[P24] [P25] hold nothing of an epoch after a higher one, and each epoch in its order', async () => {
    const { ask, entries } = await nodes(2);
    await ask(0, create());
    const writer = async (epoch: number): Promise<void> => {
      for (let seq = 0; seq < 20; seq++) {
        const outcome = await ask(epoch, append(`${epoch}:${seq};`, by('p', epoch, seq)));
        if (outcome === 'fenced') return;
        expect(outcome).toBe('appended');
      }
    };
    await Promise.all([0, 1, 2, 3].map(writer));
    const last = new Map<number, number>();
    let highest = 0;
    for (const { header } of (await entries()).slice(1)) {
      if (header.op !== 'append' || !header.producer) throw new Error('There is an entry of nobody.');
      const { epoch, seq } = header.producer;
      expect(epoch).toBeGreaterThanOrEqual(highest);
      expect(seq).toBe((last.get(epoch) ?? -1) + 1);
      last.set(epoch, seq);
      highest = epoch;
    }
    expect(highest).toBe(3);
    expect(last.get(3)).toBe(19);
  });

  it('[P23] [P25] hold marks of writers in their order', async () => {
    const { ask, entries } = await nodes(2);
    await ask(0, create());
    const marks = Array.from({ length: 60 }, (_, i) => String(i).padStart(3, '0'));
    const outcomes = await Promise.all(marks.map((seq, i) => ask(i, append(seq, { seq }))));
    const stored = (await entries()).slice(1).map(({ text }) => text);
    expect(stored).toEqual(stored.toSorted());
    expect(stored).toEqual(marks.filter((_, i) => outcomes[i] === 'appended'));
    expect(outcomes.filter((one) => one !== 'appended' && one !== 'late')).toEqual([]);
  });
});
