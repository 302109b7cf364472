/**
 * Pure arithmetic on what the runs gave: medians, spreads, ratios, and whether a bar is met. It starts nothing and
 * prints nothing. A run counts only when every publish reached every subscriber once; what failed is never averaged in.
 */
import type { Contender, Pair } from './contenders.ts';
import type { Bar, RatioBar, Scenario } from './scenario.ts';

/** Publishes, deliveries and faults of a whole run, warm-up and drain included. */
export interface Deliveries {
  readonly published: number;
  /** Deliveries that so many publishes make. */
  readonly expected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly stray: number;
  readonly drained: boolean;
}

/** What one run of a throughput or latency scenario measured, as the generator reports it. */
export interface LoadRun extends Deliveries {
  readonly seconds: number;
  /** Deliveries within the measured window. */
  readonly deliveries: number;
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

/** What one run with stalled readers measured: what the others got, and the server's memory in bytes. */
export interface StalledRun extends LoadRun, Omit<IdleRun, 'connections'> {
  /** How many read nothing. */
  readonly stalled: number;
}

/** What the clients of one rolling restart noticed. */
export interface RestartRun extends Deliveries {
  readonly clients: number;
  /** The longest time, of all clients, from one delivery to the next. */
  readonly longestGapMs: number;
  /** Half of the clients have no longer gap than this. */
  readonly medianGapMs: number;
  /** From when a publish was due to its delivery. */
  readonly p99Ms: number;
  readonly longestDelayMs: number;
  /** Connections that were made beside the first of each client. */
  readonly reconnects: number;
  /** How many of these stood before the client closed the one before. */
  readonly overlaps: number;
  /** Connections that could not be made. */
  readonly failedAttempts: number;
}

/** What a program of its own found: figures by name, the one that its scenario is judged by, and what was wrong, if anything. */
export interface ToldRun {
  readonly judged: number;
  readonly facts: Readonly<Record<string, number>>;
  readonly fault?: string;
}

export type Run = LoadRun | IdleRun | StalledRun | RestartRun | ToldRun;

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

/** The value that a share of all is not above. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/** What was wrong with a run's deliveries; undefined when it is complete. */
export function incompleteness(run: Deliveries): string | undefined {
  const { expected } = run;
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

export function isLoad(run: Run): run is LoadRun | StalledRun {
  return 'deliveries' in run;
}

export function isRestart(run: Run): run is RestartRun {
  return 'longestGapMs' in run;
}

export function isTold(run: Run): run is ToldRun {
  return 'facts' in run;
}

/**
 * The figure of a run that its scenario is judged by: deliveries per second (of processor time), p99 in µs, bytes per connection, bytes per
 * stalled reader, the longest gap in ms, or whatever its program is judged by.
 */
export function figure(run: Run, measure: Scenario['measure']): number {
  if (isTold(run)) return run.judged;
  if (isRestart(run)) return run.longestGapMs;
  if ('stalled' in run) return (run.rssAfter - run.rssBefore) / run.stalled;
  if (!isLoad(run)) return (run.rssAfter - run.rssBefore) / run.connections;
  if (measure === 'latency') return run.p99us;
  const perSecond = run.deliveries / run.seconds;
  return measure === 'cost' ? perSecond / run.serverCpu : perSecond;
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

/** A contender's median figure; NaN while it has none. */
export function middle(results: readonly Result[], scenario: Scenario, contender: Contender): number {
  const result = results.find((r) => r.scenario.name === scenario.name && r.contender === contender);
  return result ? spread(result, (run) => figure(run, scenario.measure)).median : Number.NaN;
}

/** One contender's median figure divided by another's; NaN while one of them has none. */
export function ratio(results: readonly Result[], scenario: Scenario, { of, than }: Pair): number {
  return middle(results, scenario, of) / middle(results, scenario, than);
}

export type Verdict = 'met' | 'missed' | 'not measured' | 'failed';

/** A bar is met only by a server that never failed: losing messages quickly is no merit. */
export function judge(results: readonly Result[], scenario: Scenario, bar: Bar): Verdict {
  const judged = isRatio(bar) ? bar.of : 'syncline';
  const own = results.filter((r) => r.scenario.name === scenario.name && r.contender === judged);
  if (own.some((result) => result.failures.length > 0)) return 'failed';
  const value = isRatio(bar) ? ratio(results, scenario, bar) : middle(results, scenario, judged);
  if (Number.isNaN(value)) return 'not measured';
  const most = isRatio(bar) ? bar.ratio : bar.atMost;
  const met = moreIsBetter(scenario) ? value >= most : value <= most;
  return met ? 'met' : 'missed';
}

/** Whether a bar is what a figure must reach, rather than what it mustn't pass. */
export function moreIsBetter({ measure }: Scenario): boolean {
  return measure === 'throughput' || measure === 'cost';
}

export function isRatio(bar: Bar): bar is RatioBar {
  return 'ratio' in bar;
}
