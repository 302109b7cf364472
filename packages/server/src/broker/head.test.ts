/** The rules of a log where the brokers' suite can't reach: the bound on producers, and that a refusal changes nothing. */
import { limits, SyncError } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { admit, advance, newHead, producersMax } from './head.ts';
import { appendOf } from './testing.ts';

describe('head', () => {
  const by = (id: string, sequence: number) => appendOf('1', { producer: { id, sequence } });

  it('[A2] forgets the producer that stored longest ago, and then knows none of that name', () => {
    const head = newHead('e');
    const store = (id: string, sequence: number) => {
      const { entry } = admit(head, by(id, sequence), 1);
      if (entry) advance(head, by(id, sequence), entry);
    };
    for (let i = 0; i < producersMax; i++) store(`p${i}`, 1);
    store('p0', 2);
    store('one more', 1);
    expect(head.producers.size).toBe(producersMax);
    expect(admit(head, by('p0', 2), 1).answer.duplicate).toBe(true);
    expect(admit(head, by('p1', 1), 1).answer.duplicate).toBe(false);
    expect(() => admit(head, by('p1', 2), 1)).toThrow(SyncError);
  });

  it('[A2] one owner cannot make a log forget what another one would have to repeat', () => {
    const head = newHead('e');
    const store = (id: string, sequence: number) => {
      const { entry } = admit(head, by(id, sequence), 1);
      if (entry) advance(head, by(id, sequence), entry);
    };
    store('victim/p', 1);
    for (let i = 0; i <= producersMax + 10; i++) store(`mallory/p${i}`, 1);
    expect(head.producers.size).toBe(producersMax);
    expect(admit(head, by('victim/p', 1), 1).answer).toMatchObject({ offset: 1, duplicate: true });
    store('new/p', 1);
    expect(admit(head, by('new/p', 1), 1).answer.duplicate).toBe(true);
  });

  it('[A5] holds the last 64 sequence numbers of a producer, and no more than that in memory', () => {
    const head = newHead('e');
    for (let sequence = 1; sequence <= 1000; sequence++) {
      const { entry } = admit(head, by('p', sequence), sequence);
      if (entry) advance(head, by('p', sequence), entry);
    }
    expect(limits.unackedMax.default).toBe(64);
    for (let sequence = 937; sequence <= 1000; sequence++) {
      expect(admit(head, by('p', sequence), 0).answer).toMatchObject({
        offset: sequence,
        at: sequence,
        duplicate: true,
      });
    }
    expect(() => admit(head, by('p', 936), 0)).toThrow('too old');
    expect(head.producers.get('p')?.ring.length).toBe(192);
  });

  it('[A3] admitting changes nothing by itself', () => {
    const head = newHead('e');
    const before = JSON.stringify(head);
    admit(head, by('p', 1), 1);
    expect(() => admit(head, by('p', 2), 1)).toThrow(SyncError);
    expect(() => admit(head, appendOf('1', { key: 'k', ifKeyAt: 1 }), 1)).toThrow(SyncError);
    expect([JSON.stringify(head), head.producers.size, head.keys?.size ?? 0]).toEqual([before, 0, 0]);
  });
});
