/**
 * The seeded simulator in the test run: 200 seeds must keep every promise, and each planted bug must be found. A seed
 * that fails is in the message; `npm run sim -- --from SEED --seeds 1` shows it again.
 */
import { describe, expect, test } from 'vitest';
import { type Plant, simulate } from './scenario.ts';

const seeds = 200;
const perTest = 10;

describe('[S2] [D2] [A1] [A2] whatever the network and the node do', () => {
  test.each(Array.from({ length: seeds / perTest }, (_, i) => i * perTest + 1))(
    'seeds from %i keep every promise',
    async (from) => {
      for (let seed = from; seed < from + perTest; seed++) {
        const { faults } = await simulate({ seed });
        expect(faults, `seed ${seed}`).toEqual([]);
      }
    },
    120_000,
  );
});

describe('[S2] [D2] [A1] [A2] [L6] [L7] [L8] whatever becomes of the requests and streams of those who come over HTTP', () => {
  test.each(Array.from({ length: 8 }, (_, i) => i * perTest + 1))(
    'seeds from %i keep every promise',
    async (from) => {
      for (let seed = from; seed < from + perTest; seed++) {
        const { faults } = await simulate({ seed, http: true });
        expect(faults, `seed ${seed}`).toEqual([]);
      }
    },
    120_000,
  );
});

describe('the judge finds what is planted', () => {
  const plants: [Plant, RegExp][] = [
    ['drop-delivery', /^hole: /],
    ['reuse-offset', /^(lost|differs): /],
    ['forget-producer', /^twice: stored/],
  ];
  test.each(
    plants.flatMap(([plant, expected]) => [
      [plant, expected, false] as const,
      [plant, expected, true] as const,
    ]),
  )(
    '%s: %s, over HTTP: %s',
    async (plant, expected, http) => {
      let found: string | undefined;
      for (let seed = 1; seed <= 30 && found === undefined; seed++) {
        const { faults } = await simulate({ seed, plant, http });
        found = faults.find((fault) => expected.test(fault));
      }
      expect(found).toMatch(expected);
    },
    120_000,
  );
});
