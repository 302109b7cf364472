/**
 * Slots of keys against the specification's own examples, and replies of a Cluster, right and wrong. That a real Cluster agrees is
 * shown in cluster.redis.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rangesOf, redirectionOf, slotCount, slotOf, tagIn } from './slots.ts';

describe('slots', () => {
  it('are those of the specification', () => {
    expect(slotOf('123456789')).toBe(0x31c3 % slotCount);
    expect(slotOf('foo')).toBe(12_182);
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
    expect(slotOf('foo{}{bar}')).toBe(slotOf('foo{}{bar}'.slice(0)));
    expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'));
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
    expect(slotOf('')).toBe(0);
  });

  it('have a name each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: slotCount - 1 }), (slot) => {
        expect(slotOf(`a:{${tagIn((other) => other === slot)}}:b`)).toBe(slot);
      }),
      { numRuns: 10 },
    );
    expect(tagIn(() => false)).toBeUndefined();
  });

  it('are read from what a Cluster says, and from nothing else', () => {
    const node = [Buffer.from('10.0.0.1'), 6379, 'id', []];
    expect(rangesOf([[0, 5460, node, [Buffer.from('10.0.0.9'), 6379]]], 'asked')).toEqual([
      { from: 0, to: 5460, host: '10.0.0.1', port: 6379 },
    ]);
    expect(
      rangesOf(
        [
          [0, 1, [null, 6379]],
          [2, 3, ['', 6380]],
          [4, 5, ['?', 6381]],
        ],
        'asked',
      ),
    ).toEqual([
      { from: 0, to: 1, host: 'asked', port: 6379 },
      { from: 2, to: 3, host: 'asked', port: 6380 },
      { from: 4, to: 5, host: 'asked', port: 6381 },
    ]);
    for (const wrong of [
      null,
      'x',
      [null],
      [[]],
      [[0]],
      [[5, 4, node]],
      [[0, 16_384, node]],
      [[-1, 4, node]],
    ])
      expect(rangesOf(wrong, 'asked')).toEqual([]);
    for (const port of [0, 65_536, '6379', 1.5, null])
      expect(rangesOf([[0, 1, ['h', port]]], 'a')).toEqual([]);
  });

  it('are redirected by well-formed errors only', () => {
    const moved = { asking: false, slot: 3999, host: '127.0.0.1', port: 6381 };
    expect(redirectionOf('MOVED 3999 127.0.0.1:6381')).toEqual(moved);
    expect(redirectionOf('ASK 3999 127.0.0.1:6381')).toEqual({ ...moved, asking: true });
    expect(redirectionOf('MOVED 3999 :6381')).toEqual({ ...moved, host: '' });
    expect(redirectionOf('MOVED 3999 ?:6381')).toEqual({ ...moved, host: '' });
    expect(redirectionOf('MOVED 3999 ::1:6381')).toEqual({ ...moved, host: '::1' });
    for (const wrong of [
      'MOVED __proto__ 127.0.0.1:6381',
      'MOVED 16384 127.0.0.1:6381',
      'MOVED 1 127.0.0.1:0',
      'MOVED 1 127.0.0.1:65536',
      'MOVED 1 __proto__',
      'MOVED 1 127.0.0.1:6381 ',
      'MOVED 1 127.0.0.1:6381\nx',
      'ERR no',
    ])
      expect(redirectionOf(wrong)).toBeUndefined();
  });
});
