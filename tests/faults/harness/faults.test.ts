/**
 * The selection of scenarios that every test run plays, with real processes and sockets, and the bugs planted to see that the
 * checker is awake. All others are played by `npm run faults`, which also shows one again: `-- --only F24 --seed 7`.
 */
import { describe, expect, test } from 'vitest';
import { show } from './checker.ts';
import { planted } from './planted.ts';
import { scenarios } from './scenarios.ts';
import { Slots } from './slots.ts';
import { judge, type Verdict } from './verdict.ts';

/** Most of a scenario is waiting, so several share a processor; more than these would starve each other. */
const slots = new Slots(3);
const timeoutMs = 280_000;

/** Played again once where the machine was too busy to say. */
async function play(
  scenario: (typeof scenarios)[number],
  seed: number,
  plant?: (typeof planted)[number]['plant'],
) {
  const verdict = await slots.run(() => judge(scenario, { seed, plant: plant ?? null }));
  return verdict.inconclusive ? slots.run(() => judge(scenario, { seed, plant: plant ?? null })) : verdict;
}

const found = ({ violations, seed, kept }: Verdict) =>
  violations.slice(0, 10).map((violation) => `${show(violation)} (seed ${seed}, ${kept})`);

describe.concurrent('[S2] [D2] [A1] [A2] [L1] whatever happens to nodes and networks, every promise is kept', () => {
  const quick = scenarios
    .filter((scenario) => scenario.quick)
    .map((scenario) => ({
      ...scenario,
      seconds: scenario.quick === true ? scenario.seconds : Number(scenario.quick),
    }));
  test.each(quick)('$id $title: $injects', { timeout: timeoutMs }, async (scenario) => {
    const verdict = await play(scenario, Number.parseInt(scenario.id.slice(1), 10));
    expect(found(verdict)).toEqual([]);
  });
});

describe.concurrent('the checker is awake', () => {
  test.each(planted)('$bug: $breaks', { timeout: timeoutMs }, async ({ scenario, plant, breaks }) => {
    const { violations } = await play(scenario, 1, plant);
    expect(violations.map(({ invariant }) => invariant)).toEqual(expect.arrayContaining([...breaks]));
  });
});
