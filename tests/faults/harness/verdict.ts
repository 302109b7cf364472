/**
 * Plays a scenario and judges it: the history of the rig goes through the checker, and comes out as a verdict with what there was
 * of everything. Of a run that broke a promise everything is kept that is needed to look at it again.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countReconnects } from './checker/processes.ts';
import type { Violation } from './checker/terms.ts';
import { check, show } from './checker.ts';
import { type Line, readHistory } from './history.ts';
import { Rig, type RigOptions } from './rig.ts';
import type { Scenario } from './scenario.ts';
import { termsOf } from './setting.ts';

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
  /** Acknowledged, and lost with a log that Redis lost; whoever had it was told. */
  readonly lostTold: number;
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
const timed: readonly string[] = ['I9', 'I10', 'I12', 'I14', 'I15', 'I17', 'I21', 'I22'];

export async function judge(
  scenario: Scenario,
  { seed, plant = null, keep: all = false }: Pick<RigOptions, 'seed' | 'plant'> & { readonly keep?: boolean },
): Promise<Verdict> {
  const dir = mkdtempSync(join(tmpdir(), `syncline-${scenario.id}-`));
  const harness = join(dir, 'harness.jsonl');
  const crowd = join(dir, 'crowd.jsonl');
  let failure: Violation | undefined;
  const run = (rig: Rig, seconds: number) => scenario.run(rig, seconds);
  await Rig.play(scenario, { seed, dir, plant }, run).catch((error: unknown) => {
    failure = { invariant: 'I24', says: `the run broke down: ${error}`, lines: [] };
  });
  const history = readHistory([harness, crowd].filter((file) => existsSync(file)));
  const violations = [...(failure ? [failure] : []), ...check(history, termsOf(scenario))];
  const good = violations.length === 0;
  const starved = history.some((line) => line.type === 'starved' && line.ms > starvedMs);
  const inconclusive = !good && starved && violations.every(({ invariant }) => timed.includes(invariant));
  if (good && !all) rmSync(dir, { recursive: true });
  else keep(dir, scenario, seed, history, violations);
  return {
    id: scenario.id,
    seed,
    violations,
    inconclusive,
    counts: count(history, violations),
    kept: good && !all ? null : dir,
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
  const settled = history.find((line) => line.type === 'settled');
  return {
    faults: of('fault'),
    acknowledged: of('ok'),
    delivered: of('deliver'),
    lost: broken('I1', 'I4', 'I8'),
    doubled: broken('I3', 'I7'),
    lostTold: lostTold(history),
    gaps: history.filter((line) => line.type === 'begin' && line.via === 'gap').length,
    reconnects: countReconnects(history),
    longestGapMs: longestGap(history),
    healedMs: settled?.ms ?? Number.NaN,
  };
}

/** Acknowledged places that are not those of the logs as they are in the end. */
function lostTold(history: readonly Line[]): number {
  const places = new Set<string>();
  const oldest = new Map<string, { readonly epoch: string; readonly offset: number }>();
  for (const line of history) {
    if (line.type !== 'log') continue;
    oldest.set(line.channel, { epoch: line.epoch, offset: line.entries[0]?.[0] ?? 1 });
    for (const [offset, id] of line.entries) places.add(`${line.channel} ${line.epoch} ${offset} ${id}`);
  }
  return history.filter((line) => {
    if (line.type !== 'ok') return false;
    const { channel, epoch, offset, id } = line;
    const log = oldest.get(channel);
    // What the log no longer keeps is not lost.
    if (!log || (log.epoch === epoch && offset < log.offset)) return false;
    return !places.has(`${channel} ${epoch} ${offset} ${id}`);
  }).length;
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
