/**
 * Counting by address: the bounds per address and over all, that whoever leaves is counted out once, and what counts as one
 * address. The property tests hold it against a plain list of who is in.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crowd, networkOf } from './crowd.ts';

describe('a crowd', () => {
  it('lets in so many of one key, and of another beside them', () => {
    const crowd = new Crowd(2, 10);
    const leave = crowd.enter('a');
    crowd.enter('a');
    expect(crowd.enter('a')).toBeUndefined();
    expect(crowd.enter('b')).toBeTypeOf('function');
    leave?.();
    expect(crowd.enter('a')).toBeTypeOf('function');
  });

  it('lets in so many over all, however many keys they have', () => {
    const crowd = new Crowd(2, 3);
    for (const key of ['a', 'b', 'c']) expect(crowd.enter(key)).toBeTypeOf('function');
    expect(crowd.enter('d')).toBeUndefined();
  });

  it('counts and holds nothing that has left, and lets nobody out twice', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', '__proto__'), leaves: fc.option(fc.nat(30)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const crowd = new Crowd(3, 7);
        const inside: { key: string; leave: () => void; gone: boolean }[] = [];
        for (const { key, leaves } of steps) {
          const one = inside[leaves ?? -1];
          const present = inside.filter(({ gone }) => !gone);
          if (leaves !== null) {
            one?.leave();
            if (one) one.gone = true;
          } else {
            const leave = crowd.enter(key);
            const room = present.length < 7 && present.filter((other) => other.key === key).length < 3;
            expect(leave !== undefined).toBe(room);
            if (leave) inside.push({ key, leave, gone: false });
          }
          const left = inside.filter(({ gone }) => !gone);
          expect([crowd.size, crowd.keys]).toEqual([left.length, new Set(left.map((each) => each.key)).size]);
        }
      }),
    );
  });
});

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['', ''],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::5:6', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::203.0.113.7', '64:ff9b:0:0::/64'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['no address', 'no address'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('of IPv6 counts as its first 64 bits, however it is written', () => {
    const groups = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 4 }), (address, rest) => {
        const write = (all: number[]): string => all.map((group) => group.toString(16)).join(':');
        fc.pre(address.slice(0, 4).some((group) => group !== 0));
        const neighbour = [...address.slice(0, 4), ...rest];
        expect(networkOf(write(address))).toBe(networkOf(write(neighbour)));
        const canonical = new URL(`http://[${write(address)}]`).hostname.slice(1, -1);
        expect(networkOf(canonical)).toBe(networkOf(write(address)));
        const other = [(address[0] ?? 0) ^ 1, ...address.slice(1)];
        expect(networkOf(write(other))).not.toBe(networkOf(write(address)));
      }),
    );
  });
});
