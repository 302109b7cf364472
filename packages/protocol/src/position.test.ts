/**
 * Rules P1 to P5: places in a log. The check chain is held against a second implementation that counts in BigInt, and
 * against published FNV-1a values, so that a broker in another language can be written from the page alone.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Data } from './entry.ts';
import {
  follows,
  hash,
  newEpoch,
  nextCheck,
  origin,
  type Position,
  previousCheck,
  samePlace,
} from './position.ts';

const word = 2n ** 32n;

/** Rule P3's hash as the page says it, in numbers without bounds. */
function plainHash(data: Data): bigint {
  const units = typeof data === 'string' ? data.split('').map((c) => c.charCodeAt(0)) : [...data];
  return units.reduce((h, unit) => ((h ^ BigInt(unit)) * 16_777_619n) % word, 2_166_136_261n);
}

/** Rule P3's check after each entry. */
function plainChecks(log: readonly Data[]): bigint[] {
  let check = 0n;
  return log.map((data) => {
    check = (check * 31n + plainHash(data)) % word;
    return check;
  });
}

function checks(log: readonly Data[]): number[] {
  let check = origin('e').check;
  return log.map((data) => {
    check = nextCheck(check, data);
    return check;
  });
}

/** Texts of any UTF-16 code units, lone surrogates too, and bytes. */
const data: fc.Arbitrary<Data> = fc.oneof(
  fc.string(),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  fc.uint8Array(),
);
const log = fc.array(data, { maxLength: 20 });
const check = fc.nat(2 ** 32 - 1);
const position: fc.Arbitrary<Position> = fc.record({
  epoch: fc.string({ minLength: 1 }),
  offset: fc.nat(Number.MAX_SAFE_INTEGER - 1),
  check,
});

describe('offsets', () => {
  test('[P1] the first entry of an epoch has offset 1 and follows the place with offset 0', () => {
    const start = origin('e');
    expect(start).toEqual({ epoch: 'e', offset: 0, check: 0 });
    const entry = { data: '"a"', check: nextCheck(0, '"a"') };
    expect([0, 1, 2].map((offset) => follows(start, { ...entry, offset }))).toEqual([false, true, false]);
  });

  test('[P1] a log read entry by entry is consecutive: each follows the one before, and no other does', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 12 }), (texts) => {
        const checksOf = checks(texts);
        const entries = texts.map((text, i) => ({ offset: i + 1, check: checksOf[i] ?? -1, data: text }));
        let at = origin('e');
        for (const entry of entries) {
          expect(entries.filter((other) => follows(at, other))).toEqual([entry]);
          at = { ...at, offset: entry.offset, check: entry.check };
        }
      }),
    );
  });
});

describe('positions', () => {
  test('[P2] two positions are the same place only when epoch, offset and check all agree', () => {
    fc.assert(
      fc.property(position, fc.constantFrom('epoch', 'offset', 'check'), (place, field) => {
        expect(samePlace(place, { ...place })).toBe(true);
        const changed = field === 'epoch' ? `${place.epoch}x` : place[field] + 1;
        expect(samePlace(place, { ...place, [field]: changed })).toBe(false);
      }),
    );
  });
});

describe('the check', () => {
  test('[P3] the hash gives the published values of 32-bit FNV-1a', () => {
    const published: [string, number][] = [
      ['', 0x811c9dc5],
      ['a', 0xe40c292c],
      ['b', 0xe70c2de5],
      ['foobar', 0xbf9cf968],
    ];
    for (const [text, value] of published) {
      expect(hash(text), text).toBe(value);
      expect(hash(new TextEncoder().encode(text)), text).toBe(value);
    }
  });

  test('[P3] a text is hashed by its UTF-16 code units, not by its UTF-8 bytes', () => {
    expect(hash('é')).toBe(Number(((2_166_136_261n ^ 0xe9n) * 16_777_619n) % word));
    expect(hash('é')).not.toBe(hash(new TextEncoder().encode('é')));
    expect(hash('\u{1f6a2}')).toBe(hash('\ud83d\udea2'));
    expect(hash('\ud83d')).not.toBe(hash('\ufffd'));
  });

  test('[P3] a chain of checks is the same as one counted in numbers without bounds', () => {
    fc.assert(
      fc.property(log, (entries) => {
        expect(checks(entries).map(BigInt)).toEqual(plainChecks(entries));
      }),
    );
  });

  test('[P3] one step is exact in doubles too, as a script inside Redis counts', () => {
    fc.assert(
      fc.property(fc.oneof(check, fc.constant(2 ** 32 - 1)), data, (before, entry) => {
        expect((before * 31 + Number(plainHash(entry))) % 2 ** 32).toBe(nextCheck(before, entry));
      }),
    );
  });

  test('[P3] a log that differs in one entry has another check from there on, however it goes on', () => {
    fc.assert(
      fc.property(log, data, data, log, (before, mine, theirs, after) => {
        fc.pre(plainHash(mine) !== plainHash(theirs));
        const left = checks([...before, mine, ...after]).slice(before.length);
        const right = checks([...before, theirs, ...after]).slice(before.length);
        left.forEach((value, i) => {
          expect(value).not.toBe(right[i]);
        });
      }),
    );
  });

  test('[P3] entries in another order have another check', () => {
    expect(checks(['1', '2'])[1]).not.toBe(checks(['2', '1'])[1]);
  });

  test('[P3] a check can be carried back over its entry', () => {
    fc.assert(
      fc.property(check, data, (before, entry) => {
        expect(previousCheck(nextCheck(before, entry), entry)).toBe(before);
      }),
    );
  });
});

describe('following', () => {
  test('[P4] an entry follows when its offset is one more and its check is carried one step', () => {
    fc.assert(
      fc.property(position, data, (at, entry) => {
        const next = { offset: at.offset + 1, check: nextCheck(at.check, entry), data: entry };
        expect(follows(at, next)).toBe(true);
        expect(follows(at, { ...next, offset: next.offset + 1 })).toBe(false);
        expect(follows(at, { ...next, offset: at.offset })).toBe(false);
        expect(follows(at, { ...next, check: (next.check + 1) % 2 ** 32 })).toBe(false);
        expect(follows({ ...at, check: (at.check + 1) % 2 ** 32 }, next)).toBe(false);
      }),
    );
  });

  test('[P4] an entry of a log that was rolled back and went on otherwise does not follow', () => {
    const kept = checks(['1', '2', '3']);
    const rolledBack = checks(['1', '9', '3']);
    const mine = { epoch: 'e', offset: 2, check: kept[1] ?? 0 };
    expect(follows(mine, { offset: 3, check: kept[2] ?? 0, data: '3' })).toBe(true);
    expect(follows(mine, { offset: 3, check: rolledBack[2] ?? 0, data: '3' })).toBe(false);
  });
});

describe('epochs', () => {
  const random = fc.uint8Array({ minLength: 16, maxLength: 16 });
  /** Up to the year 5000, which is as far as nine digits are meant to reach. */
  const time = fc.nat(95_617_584_000_000);

  test('[P5] an epoch is at most 64 of the characters allowed, and all its random bits are in it', () => {
    fc.assert(
      fc.property(time, random, (now, bytes) => {
        const epoch = newEpoch(now, bytes);
        expect(epoch).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(Number.parseInt(epoch.slice(0, 9), 36)).toBe(now);
        expect(Uint8Array.from(Buffer.from(epoch.slice(9), 'hex'))).toEqual(bytes);
      }),
    );
  });

  test('[P5] epochs sort as text by the time they began, whatever their random bits', () => {
    fc.assert(
      fc.property(time, time, random, random, (a, b, left, right) => {
        fc.pre(a !== b);
        expect(newEpoch(a, left) < newEpoch(b, right)).toBe(a < b);
      }),
    );
    expect(newEpoch(9, new Uint8Array(16).fill(255)) < newEpoch(36, new Uint8Array(16))).toBe(true);
  });

  test('[P5] two epochs of the same millisecond differ by their random bits', () => {
    const bytes = new Uint8Array(16);
    const other = Uint8Array.from(bytes, (byte, i) => (i === 15 ? 1 : byte));
    expect(newEpoch(1, bytes)).not.toBe(newEpoch(1, other));
  });
});
