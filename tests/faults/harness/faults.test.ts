/**
 * Scenarios over one node that every test run plays, with real processes and sockets, and the bugs planted to see that the
 * checker is awake. All others are played by `npm run faults`, which also shows one again: `-- --only F24 --seed 7`.
 */
import { describe, expect, test } from 'vitest';
import { planted } from './planted.ts';
import { faultsOf, play, playMs, quick } from './quick.ts';

describe.concurrent('[S2] [D2] [A1] [A2] [L1] whatever happens to a node and its network, every promise is kept', () => {
  test.for(quick(false))('$id $title: $injects', { timeout: playMs }, async (scenario, { expect, skip }) => {
    const missing = scenario.needs?.();
    if (missing !== undefined) return skip(missing);
    expect(faultsOf(await play(scenario))).toEqual([]);
  });
});

describe.concurrent('the checker is awake', () => {
  test.each(planted)('$bug: $breaks', { timeout: playMs }, async ({ scenario, plant, breaks }) => {
    const named = new Set<string>();
    // Whether somebody is there to see what breaks depends on the machine: it is played again, but not for ever.
    for (let plays = 0; plays < 3 && !breaks.every((one) => named.has(one)); plays++)
      for (const { invariant } of (await play(scenario, plant)).violations) named.add(invariant);
    expect([...named]).toEqual(expect.arrayContaining([...breaks]));
  });
});
