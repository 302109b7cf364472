/**
 * What the tests play of the table: the quick scenarios, each for as long as it is to last there, and each again where the machine
 * was too busy to say. The files of tests differ in what they need to be installed.
 */
import { show } from './checker.ts';
import type { RigOptions } from './rig.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { Slots } from './slots.ts';
import { judge, type Verdict } from './verdict.ts';

/** Most of a scenario is waiting, so several share a processor; more than these would starve each other. */
const slots = new Slots(3);
/** For one that has to wait for a slot, and is played twice. */
export const playMs = 280_000;

/** The quick ones, over a folder or over Redis. */
export function quick(redis: boolean): Scenario[] {
  return scenarios
    .filter(({ quick, topology }) => quick !== undefined && (topology !== 'disk') === redis)
    .map((scenario) =>
      typeof scenario.quick === 'number' ? { ...scenario, seconds: scenario.quick } : scenario,
    );
}

export async function play(scenario: Scenario, plant: RigOptions['plant'] = null): Promise<Verdict> {
  // Each has a seed of its own, always the same: what is random is for the command.
  const seed = Number.parseInt(scenario.id.slice(1), 10) || 1;
  const once = () => slots.run(() => judge(scenario, { seed, plant }));
  const verdict = await once();
  return verdict.inconclusive ? once() : verdict;
}

/** What is wrong, a line each, and where to look. */
export function faultsOf({ violations, seed, kept }: Verdict): string[] {
  return violations.slice(0, 10).map((violation) => `${show(violation)} (seed ${seed}, ${kept})`);
}
