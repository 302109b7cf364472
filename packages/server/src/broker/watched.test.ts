/**
 * A watched broker is the broker itself, which passes the brokers' suite; and what is told of appends: once each, also where the answer
 * to the first attempt was lost.
 */
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { meddle } from '../testing/meddle.ts';
import { brokerSuite } from './broker.suite.ts';
import { memory } from './memory.ts';
import { appendOf } from './testing.ts';
import { type Watching, watched } from './watched.ts';

brokerSuite('a broker that is watched', async () => {
  const clock = fakeClock();
  return { broker: watched(memory({ clock }), watching().watching), clock };
});

function watching(wants: (channel: string) => boolean = () => true) {
  const told: unknown[] = [];
  const appended: Watching['appended'] = (channel, { data }, { offset, duplicate }) =>
    told.push([channel, data, offset, duplicate]);
  return { told, watching: { wants, appended } };
}

const by = (sequence: number) => appendOf(`${sequence}`, { producer: { id: 'p', sequence } });

describe('who watches a broker', () => {
  it('is told of what was stored, once each, and of no refusal', async () => {
    const { told, watching: watcher } = watching();
    const broker = watched(memory(), watcher);
    await Promise.allSettled([1, 1, 5, 2].map((sequence) => broker.append('c', by(sequence))));
    broker.appendNow?.('c', by(2));
    broker.appendNow?.('c', by(3));
    expect(told).toEqual([
      ['c', '1', 1, false],
      ['c', '2', 2, false],
      ['c', '3', 3, false],
    ]);
  });

  it('is told of the logs that it wants to know of', async () => {
    const { told, watching: watcher } = watching((channel) => channel === 'c');
    const broker = watched(memory(), watcher);
    for (const channel of ['a', 'c']) {
      await broker.append(channel, appendOf('1'));
      broker.appendNow?.(channel, appendOf('2'));
    }
    expect(told).toEqual([
      ['c', '1', 1, false],
      ['c', '2', 2, false],
    ]);
  });

  it('is told when a retry finds that what was never answered is stored, and then no more', async () => {
    const { told, watching: watcher } = watching();
    const { broker: inner, meddling } = meddle(memory());
    const broker = watched(inner, watcher);
    meddling.append = async (append) => {
      await append();
      throw new SyncError('unavailable');
    };
    await expect(broker.append('c', by(1))).rejects.toThrow();
    meddling.append = (append) => append();
    expect(told).toEqual([]);
    for (let n = 0; n < 2; n++) await broker.append('c', by(1));
    expect(told).toEqual([['c', '1', 1, true]]);
  });

  it('is told of a retry that is stored after all, where the first attempt was not', async () => {
    const { told, watching: watcher } = watching();
    const { broker: inner, meddling } = meddle(memory());
    const broker = watched(inner, watcher);
    meddling.append = () => Promise.reject(new SyncError('unavailable'));
    await expect(broker.append('c', by(1))).rejects.toThrow();
    meddling.append = (append) => append();
    for (let n = 0; n < 2; n++) await broker.append('c', by(1));
    expect(told).toEqual([['c', '1', 1, false]]);
  });

  it('finds everything else as it is, and nothing where there is nothing', () => {
    const inner = memory();
    const broker = watched(inner, watching().watching);
    expect(broker.nodes).toBe(inner.nodes);
    expect(broker.volatile).toBe(inner.volatile);
    const { broker: bare } = meddle(memory());
    expect(watched(bare, watching().watching).appendNow).toBeUndefined();
  });
});
