/**
 * Takes one scenario through all its rounds: the servers in turn, so that a change in the machine's speed meets them
 * alike. A run is tried again only because of what others did on the machine meanwhile, never because of its figure;
 * what was set aside so is kept and reported, and a fault in any attempt counts against its server.
 */

import { type Contender, lineups } from './contenders.ts';
import { type Rig, waitForQuiet } from './rig.ts';
import { run } from './round.ts';
import { renderRun } from './rows.ts';
import type { Scenario } from './scenario.ts';
import type { Effort } from './scenarios.ts';
import {
  DISTURBED,
  disturbed,
  incompleteness,
  isLoad,
  isRestart,
  isTold,
  type Result,
  type Run,
} from './statistics.ts';

interface Findings extends Result {
  readonly runs: Run[];
  readonly setAside: Run[];
  readonly failures: string[];
}

export async function measure(
  rig: Rig,
  scenario: Scenario,
  contenders: readonly Contender[],
  effort: Effort,
): Promise<Result[]> {
  console.log(`\n${scenario.title}`);
  const rounds = roundsOf(scenario, effort);
  const results = lineups[scenario.lineup].contenders
    .filter((contender) => contenders.includes(contender))
    .map((contender) => newFindings(scenario, contender));
  for (let round = 1; round <= rounds; round++) {
    for (const findings of inTurn(results, round))
      await attempts(rig, findings, effort, `  ${round}/${rounds}  `);
  }
  return results;
}

/** Each round begins with another, so that it is nobody's lot to come first. */
function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

function roundsOf({ measure }: Scenario, effort: Effort): number {
  if (measure === 'cost') return 2 * effort.rounds;
  return measure === 'throughput' || measure === 'latency' ? effort.rounds : effort.fewRounds;
}

function newFindings(scenario: Scenario, contender: Contender): Findings {
  return { scenario, contender, runs: [], setAside: [], failures: [] };
}

/** One server's turn: as many attempts as it takes to have a quiet machine, within the effort's bound. */
async function attempts(rig: Rig, findings: Findings, effort: Effort, label: string): Promise<void> {
  const done: Run[] = [];
  do {
    await waitForQuiet(DISTURBED, effort.patience);
    const found = await attempt(rig, findings, effort, label);
    if (found === undefined) return;
    done.push(found);
  } while (done.length <= effort.retries && done.every(disturbed));
  const [best, ...rest] = done.toSorted((a, b) => others(a) - others(b));
  if (best) findings.runs.push(best);
  findings.setAside.push(...rest);
}

/** One run; undefined when it failed, which is on record then. */
async function attempt(
  rig: Rig,
  findings: Findings,
  effort: Effort,
  label: string,
): Promise<Run | undefined> {
  const { scenario, contender } = findings;
  try {
    const found = await run(rig, scenario, contender, effort);
    const fault = faultOf(found);
    console.log(`${label}${renderRun(contender, scenario, found)}${fault ? `  FAILED: ${fault}` : ''}`);
    if (fault === undefined) return found;
    findings.failures.push(fault);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.log(`${label}${contender} FAILED: ${why}`);
    findings.failures.push(why);
  }
  return undefined;
}

function faultOf(found: Run): string | undefined {
  if (isTold(found)) return found.fault;
  return isLoad(found) || isRestart(found) ? incompleteness(found) : undefined;
}

function others(found: Run): number {
  return isLoad(found) ? found.othersCpu : 0;
}
