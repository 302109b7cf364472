/**
 * The figures of each kind of scenario as cells of a table: what its columns are called and how a contender's runs fill
 * them. table.ts makes the page of it. Pure: no figure comes from anywhere but the results.
 */
import { type Contender, labels } from './contenders.ts';
import type { Fact, Scenario, Told } from './scenario.ts';
import {
  disturbed,
  figure,
  generatorBound,
  isLoad,
  isRestart,
  isTold,
  type LoadRun,
  moreIsBetter,
  type RestartRun,
  type Result,
  type Run,
  type Spread,
  spread,
  type ToldRun,
} from './statistics.ts';

interface Columns {
  readonly heads: readonly string[];
  /** The cells of a result that has runs. */
  readonly cells: (result: Result) => string[];
  /** The figure that a scenario is judged by: what it is, and as text. */
  readonly metric: string;
  readonly figure: (value: number) => string;
}

const processorHeads = ['server CPU', 'generator CPU'];

const fixed: Readonly<Record<Exclude<Scenario['measure'], 'told'>, Columns>> = {
  throughput: {
    metric: 'deliveries/s, more is better',
    figure: count,
    heads: ['deliveries/s', 'lowest to highest run', 'per second of server CPU', ...processorHeads],
    cells: (result) => {
      const rate = spread(result, (run) => figure(run, 'throughput'));
      const perCpu = spread(result, (run) => figure(run, 'cost'));
      return [count(rate.median), range(rate, count), count(perCpu.median), ...processors(result)];
    },
  },
  cost: {
    metric: 'deliveries per second of server CPU, more is better',
    figure: count,
    heads: [
      'deliveries per second of server CPU',
      'lowest to highest run',
      'deliveries/s',
      ...processorHeads,
    ],
    cells: (result) => {
      const perCpu = spread(result, (run) => figure(run, 'cost'));
      return [count(perCpu.median), range(perCpu, count), ...deliveries(result)];
    },
  },
  latency: {
    metric: 'p99, less is better',
    figure: us,
    heads: ['p50', 'p99', 'p99, lowest to highest run', 'p99.9', 'deliveries/s', ...processorHeads],
    cells: (result) => {
      const p99 = load(result, (run) => run.p99us);
      return [
        us(load(result, (run) => run.p50us).median),
        us(p99.median),
        range(p99, us),
        us(load(result, (run) => run.p999us).median),
        ...deliveries(result),
      ];
    },
  },
  idle: {
    metric: 'bytes per connection, less is better',
    figure: count,
    heads: ['connections', 'resident kB per connection', 'lowest to highest run', 'of it JavaScript heap'],
    cells: (result) => {
      const rss = spread(result, (run) => figure(run, 'idle'));
      const heap = spread(result, (run) =>
        'connections' in run ? (run.heapAfter - run.heapBefore) / run.connections : Number.NaN,
      );
      const connections = spread(result, (run) => ('connections' in run ? run.connections : Number.NaN));
      return [count(connections.median), kb(rss.median), range(rss, kb), kb(heap.median)];
    },
  },
  stalled: {
    metric: 'bytes that the server grew by per stalled reader, less is better',
    figure: count,
    heads: [
      'resident bytes per stalled reader',
      'lowest to highest run',
      'of it JavaScript heap',
      'p99 of the others',
      'lowest to highest run',
      'deliveries/s',
      ...processorHeads,
    ],
    cells: (result) => {
      const rss = spread(result, (run) => figure(run, 'stalled'));
      const heap = spread(result, (run) =>
        'stalled' in run ? (run.heapAfter - run.heapBefore) / run.stalled : Number.NaN,
      );
      const p99 = load(result, (run) => run.p99us);
      const memory = [count(rss.median), range(rss, count), count(heap.median)];
      return [...memory, us(p99.median), range(p99, us), ...deliveries(result)];
    },
  },
  restart: {
    metric: 'ms of the longest gap between two deliveries to one client, less is better',
    figure: count,
    heads: [
      'longest gap of any client',
      'lowest to highest run',
      'longest gap of the middle client',
      'p99 from due to delivered',
      'longest',
      'lost',
      'doubled',
      'reconnects',
      'of them made before the old connection was closed',
      'attempts that failed',
    ],
    cells: (result) => {
      const gap = restart(result, (run) => run.longestGapMs);
      const middle = (pick: (run: RestartRun) => number): number => restart(result, pick).median;
      return [
        ms(gap.median),
        range(gap, ms),
        ms(middle((run) => run.medianGapMs)),
        ms(middle((run) => run.p99Ms)),
        ms(middle((run) => run.longestDelayMs)),
        count(middle((run) => run.lost)),
        count(middle((run) => run.doubled)),
        count(middle((run) => run.reconnects)),
        count(middle((run) => run.overlaps)),
        count(middle((run) => run.failedAttempts)),
      ];
    },
  },
};

/** The columns of a scenario's table. */
export function columnsOf(scenario: Scenario): Columns {
  if (scenario.measure !== 'told') return fixed[scenario.measure];
  const [judged] = scenario.facts;
  return {
    metric: `${judged.head}, less is better`,
    figure: units[judged.unit],
    heads: [judged.head, 'lowest to highest run', ...scenario.facts.slice(1).map(({ head }) => head)],
    cells: (result) => {
      const cells = scenario.facts.map(({ name, unit }) => {
        const all = spread(result, (run) => (isTold(run) ? (run.facts[name] ?? Number.NaN) : Number.NaN));
        return { text: units[unit](all.median), range: range(all, units[unit]) };
      });
      const [first, ...rest] = cells;
      return [first?.text ?? '', first?.range ?? '', ...rest.map(({ text }) => text)];
    },
  };
}

const units: Readonly<Record<Fact['unit'], (value: number) => string>> = {
  count,
  ms: (value) => `${value.toFixed(value < 20 ? 2 : 0)} ms`,
  kB: kb,
  percent,
  ratio: (value) => value.toPrecision(2),
};

/** What keeps a row from being taken at face value. */
export function remarks(result: Result): string {
  const loads = result.runs.filter(isLoad);
  const bound = loads.some(generatorBound) ? ['**bound by the generator, not by the server**'] : [];
  const busy = loads.filter(disturbed).length;
  const others = busy > 0 ? [`others kept the machine busy in ${busy} of ${loads.length} runs`] : [];
  const again =
    result.setAside.length > 0
      ? [`runs set aside because the machine was busy: ${result.setAside.length}`]
      : [];
  const delivered = result.runs.some((run) => isLoad(run) || isRestart(run));
  const complete = delivered && result.failures.length === 0 ? ['complete'] : [];
  return [
    ...result.failures.map((why) => `**failed:** ${why}`),
    ...complete,
    ...bound,
    ...others,
    ...again,
  ].join('; ');
}

/** One line about a run, for whoever watches. */
export function renderRun(contender: Contender, scenario: Scenario, run: Run): string {
  const value = figure(run, scenario.measure);
  const name = labels[contender].padEnd(40);
  if (isTold(run)) return `${name} ${scenario.measure === 'told' ? told(scenario, run) : ''}`;
  if (isRestart(run)) {
    const made = `${run.reconnects} reconnects, ${run.overlaps} of them before the old connection was closed`;
    return `${name} longest gap ${ms(value)}  longest delay ${ms(run.longestDelayMs)}  ${made}`;
  }
  if (!isLoad(run)) return `${name} ${kb(value)} kB per connection`;
  const rate = `${count(run.deliveries / run.seconds).padStart(9)} deliveries/s`;
  const cost = scenario.measure === 'cost' ? `  ${count(value)} per second of CPU` : '';
  const owed = 'stalled' in run ? `  ${count(value)} bytes per stalled reader` : '';
  const delay = moreIsBetter(scenario) ? '' : `  p50 ${us(run.p50us)}  p99 ${us(run.p99us)}`;
  const cpu = `server ${percent(run.serverCpu)}  generator ${percent(run.generatorCpu)}  others ${percent(run.othersCpu)}`;
  return `${name} ${rate}${cost}${owed}${delay}  ${cpu}${generatorBound(run) ? '  (bound by the generator)' : ''}`;
}

function told({ facts }: Told, run: ToldRun): string {
  return facts
    .map(({ name, head, unit }) => `${head}: ${units[unit](run.facts[name] ?? Number.NaN)}`)
    .join('  ');
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function load(result: Result, pick: (run: LoadRun) => number): Spread {
  return spread(result, (run) => (isLoad(run) ? pick(run) : Number.NaN));
}

function restart(result: Result, pick: (run: RestartRun) => number): Spread {
  return spread(result, (run) => (isRestart(run) ? pick(run) : Number.NaN));
}

function deliveries(result: Result): string[] {
  return [count(load(result, (run) => run.deliveries / run.seconds).median), ...processors(result)];
}

function processors(result: Result): string[] {
  return [
    percent(load(result, (run) => run.serverCpu).median),
    percent(load(result, (run) => run.generatorCpu).median),
  ];
}

function range({ min, max }: Spread, text: (value: number) => string): string {
  return `${text(min)} to ${text(max)}`;
}

function us(value: number): string {
  return `${(value / 1000).toFixed(2)} ms`;
}

function ms(value: number): string {
  return `${count(value)} ms`;
}

function kb(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
