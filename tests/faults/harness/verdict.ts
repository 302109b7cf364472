/**
 * Plays a scenario and judges it: the history of the rig goes through the checker, and comes out as a verdict with what there was
 * of everything. Of a run that broke a promise everything is kept that is needed to look at it again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Violation } from './checker/terms.ts';
import { check, show } from './checker.ts';
import { type Line, readHistory } from './history.ts';
import { Rig, type RigOptions } from './rig.ts';
import { type Scenario, termsOf } from './scenario.ts';

/** What a run comes to. */
export interface Verdict {
  readonly id: string;
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Whether the machine was too busy to say: all that is wrong may be for that. */
  readonly inconclusive: boolean;
  readonly counts: Counts;
  /** Where the history is, of a run that was not good. */
  readonly kept: string | null;
}

export interface Counts {
  readonly faults: number;
  readonly acknowledged: number;
  readonly delivered: number;
  /** Acknowledged, and neither in the log in the end nor told as lost with it. */
  readonly lost: number;
  readonly doubled: number;
  /** Subscriptions that were told of a gap. */
  readonly gaps: number;
  readonly reconnects: number;
  /** The longest time from one delivery to the next at one client, while there was something to deliver. */
  readonly longestGapMs: number;
  /** From the end of the faults until all was right. */
  readonly healedMs: number;
}

/** Standing still for longer than this makes what depends on time worth nothing. */
const starvedMs = 1000;
const timed: readonly string[] = ['I9', 'I10', 'I14', 'I22'];

export async function judge(
  scenario: Scenario,
  { seed, plant = null }: Pick<RigOptions, 'seed' | 'plant'>,
): Promise<Verdict> {
  const dir = mkdtempSync(join(tmpdir(), `syncline-${scenario.id}-`));
  const harness = join(dir, 'harness.jsonl');
  const crowd = join(dir, 'crowd.jsonl');
  let failure: Violation | undefined;
  await Rig.play(scenario, { seed, dir, plant }).catch((error: unknown) => {
    failure = { invariant: 'I24', says: `the run broke down: ${error}`, lines: [] };
  });
  const history = readHistory([harness, crowd]);
  const violations = [...(failure ? [failure] : []), ...check(history, termsOf(scenario))];
  const good = violations.length === 0;
  const starved = history.some((line) => line.type === 'starved' && line.ms > starvedMs);
  const inconclusive = !good && starved && violations.every(({ invariant }) => timed.includes(invariant));
  if (good) rmSync(dir, { recursive: true });
  else keep(dir, scenario, seed, history, violations);
  return {
    id: scenario.id,
    seed,
    violations,
    inconclusive,
    counts: count(history, violations),
    kept: good ? null : dir,
  };
}

/** All that is needed to see it again, in the folder of the run. */
function keep(
  dir: string,
  { id }: Scenario,
  seed: number,
  history: readonly Line[],
  violations: readonly Violation[],
) {
  const write = (file: string, text: string) => writeFileSync(join(dir, file), `${text}\n`);
  write('history.jsonl', history.map((line) => JSON.stringify(line)).join('\n'));
  write('verdict.txt', violations.map(show).join('\n'));
  write('replay.sh', `npm run faults -- --only ${id} --seed ${seed}`);
}

function count(history: readonly Line[], violations: readonly Violation[]): Counts {
  const of = (type: Line['type']) => history.filter((line) => line.type === type).length;
  const broken = (...of: string[]) => violations.filter(({ invariant }) => of.includes(invariant)).length;
  const clients = new Set(history.flatMap((line) => (line.type === 'begin' ? line.who : [])));
  const opened = history.filter((line) => line.type === 'status' && line.state === 'open').length;
  const settled = history.find((line) => line.type === 'settled');
  return {
    faults: of('fault'),
    acknowledged: of('ok'),
    delivered: of('deliver'),
    lost: broken('I1', 'I4', 'I8'),
    doubled: broken('I3', 'I7'),
    gaps: history.filter((line) => line.type === 'begin' && line.via === 'gap').length,
    reconnects: Math.max(0, opened - clients.size),
    longestGapMs: longestGap(history),
    healedMs: settled?.ms ?? Number.NaN,
  };
}

function longestGap(history: readonly Line[]): number {
  const last = new Map<string, number>();
  let longest = 0;
  for (const { type, who, t } of history) {
    if (type !== 'deliver') continue;
    longest = Math.max(longest, t - (last.get(who) ?? t));
    last.set(who, t);
  }
  return longest;
}
