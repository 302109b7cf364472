/**
 * Pure arithmetic on what the runs gave: medians, spreads, ratios, and whether a bar is met. It starts nothing and
 * prints nothing. A run counts only when every publish reached every subscriber once; what failed is never averaged in.
 */
import type { Bar, Contender, Scenario } from './scenarios.ts';

/** What one run of a throughput or latency scenario measured, as the generator reports it. */
export interface LoadRun {
  readonly seconds: number;
  /** Deliveries within the measured window. */
  readonly deliveries: number;
  /** Publishes, deliveries and faults of the whole run, warm-up and drain included. */
  readonly published: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly stray: number;
  readonly drained: boolean;
  /** Processor time used per second; 1 is one core. */
  readonly generatorCpu: number;
  readonly serverCpu: number;
  readonly othersCpu: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly p999us: number;
  readonly maxUs: number;
}

/** What one run of an idle scenario measured, in bytes. */
export interface IdleRun {
  readonly connections: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly heapBefore: number;
  readonly heapAfter: number;
}

export type Run = LoadRun | IdleRun;

/** All that is known of one contender in one scenario. */
export interface Result {
  readonly scenario: Scenario;
  readonly contender: Contender;
  /** The runs that count. */
  readonly runs: readonly Run[];
  /** Complete runs that were tried again because others kept the machine busy, whatever their figure. */
  readonly setAside: readonly Run[];
  /** Why runs don't count, one sentence each. */
  readonly failures: readonly string[];
}

/** A processor counts as used up from here. */
const SATURATED = 0.9;
/** Share of one core that others may use before a run counts as disturbed. */
export const DISTURBED = 0.1;

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  if (!Number.isInteger(middle)) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What was wrong with a run's deliveries; undefined when it is complete. */
export function incompleteness(run: LoadRun, members: number): string | undefined {
  const expected = run.published * members;
  const complete = run.delivered === expected && run.drained;
  if (complete && run.lost === 0 && run.doubled === 0 && run.stray === 0) return undefined;
  return (
    `delivered ${run.delivered} of ${expected}: ` +
    `${run.lost} lost, ${run.doubled} doubled or out of order, ${run.stray} to the wrong room`
  );
}

/** The generator had no capacity left while the server had: such a figure is the generator's, not the server's. */
export function generatorBound(run: LoadRun): boolean {
  return run.generatorCpu > SATURATED && run.serverCpu < SATURATED;
}

/** Others kept the machine busy meanwhile: neither a good nor a bad figure says much. */
export function disturbed(run: Run): boolean {
  return isLoad(run) && run.othersCpu > DISTURBED;
}

export function isLoad(run: Run): run is LoadRun {
  return 'deliveries' in run;
}

/** The figure of a run that its scenario is judged by: deliveries per second, p99 in µs, or bytes per connection. */
export function figure(run: Run, measure: Scenario['measure']): number {
  if (!isLoad(run)) return (run.rssAfter - run.rssBefore) / run.connections;
  return measure === 'latency' ? run.p99us : run.deliveries / run.seconds;
}

/** One number of all runs of a result: the median, and how far the runs lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(result: Result, pick: (run: Run) => number): Spread {
  const values = result.runs.map(pick);
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Syncline's median figure divided by a peer's; NaN while one of them has none. */
export function ratio(results: readonly Result[], scenario: Scenario, than: Contender): number {
  const of = (contender: Contender): number => {
    const result = results.find((r) => r.scenario.name === scenario.name && r.contender === contender);
    return result ? spread(result, (run) => figure(run, scenario.measure)).median : Number.NaN;
  };
  return of('syncline') / of(than);
}

export type Verdict = 'met' | 'missed' | 'not measured' | 'failed';

/** A bar is met only by a server that never failed: losing messages quickly is no merit. */
export function judge(results: readonly Result[], scenario: Scenario, bar: Bar): Verdict {
  const own = results.filter((r) => r.scenario.name === scenario.name && r.contender === 'syncline');
  if (own.some((result) => result.failures.length > 0)) return 'failed';
  const value = ratio(results, scenario, bar.than);
  if (Number.isNaN(value)) return 'not measured';
  const met = scenario.measure === 'throughput' ? value >= bar.ratio : value <= bar.ratio;
  return met ? 'met' : 'missed';
}
