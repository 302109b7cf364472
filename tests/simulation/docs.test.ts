/**
 * Documents in the simulator: seed by seed all copies must come to the same, with nothing lost that was stored or kept, and planted
 * bugs must be found. A seed that fails is in the message.
 */
import { describe, expect, test } from 'vitest';
import { type DocPlant, simulateDoc } from './docs.ts';

const seeds = 50;
const perTest = 10;

describe('[Y1] [Y5] [A2] whatever the network, the node, the log and the pages do', () => {
  test.each(Array.from({ length: seeds / perTest }, (_, i) => i * perTest + 1))(
    'documents come to the same, from seed %i on',
    async (from) => {
      for (let seed = from; seed < from + perTest; seed++) {
        const { faults } = await simulateDoc({ seed });
        expect(faults, `seed ${seed}`).toEqual([]);
      }
    },
    120_000,
  );
});

describe('the judge finds what is planted', () => {
  const plants: [DocPlant, RegExp][] = [
    ['lose-edit', /^D2/],
    ['forget-edits', /^D3/],
  ];
  test.each(plants)(
    '%s',
    async (plant, expected) => {
      let found: string | undefined;
      for (let seed = 1; seed <= 30 && found === undefined; seed++) {
        const { faults } = await simulateDoc({ seed, plant });
        found = faults.find((fault) => expected.test(fault));
      }
      expect(found).toMatch(expected);
    },
    120_000,
  );
});
