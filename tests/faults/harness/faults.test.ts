/**
 * Scenarios over one node that every test run plays, with real processes and sockets, and the bugs planted to see that the
 * checker is awake. All others are played by `npm run faults`, which also shows one again: `-- --only F24 --seed 7`.
 */
import { describe, expect, test } from 'vitest';
import { planted } from './planted.ts';
import { faultsOf, play, playMs, quick } from './quick.ts';

describe.concurrent('[S2] [D2] [A1] [A2] [L1] whatever happens to a node and its network, every promise is kept', () => {
  test.each(quick(false))('$id $title: $injects', { timeout: playMs }, async (scenario) => {
    expect(faultsOf(await play(scenario))).toEqual([]);
  });
});

describe.concurrent('the checker is awake', () => {
  test.each(planted)('$bug: $breaks', { timeout: playMs }, async ({ scenario, plant, breaks }) => {
    const { violations } = await play(scenario, plant);
    expect(violations.map(({ invariant }) => invariant)).toEqual(expect.arrayContaining([...breaks]));
  });
});
