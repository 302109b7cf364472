/**
 * The page that the benchmark writes about itself, as Markdown: ratios first, the figures they come from beside them,
 * then how it was measured. Pure: it is given everything it prints, and no figure on the page comes from elsewhere.
 */
import type { Machine } from './machine.ts';
import { type Bar, type Contender, contenders, type Effort, labels, type Scenario } from './scenarios.ts';
import {
  DISTURBED,
  disturbed,
  figure,
  generatorBound,
  isLoad,
  judge,
  type LoadRun,
  type Result,
  type Run,
  ratio,
  type Spread,
  spread,
} from './statistics.ts';

/** All that one benchmark found, as it is also kept in results/latest.json. */
export interface Report {
  readonly machine: Machine;
  readonly notes: readonly string[];
  readonly effort: Effort;
  readonly scenarios: readonly Scenario[];
  readonly results: readonly Result[];
}

const metrics: Readonly<Record<Scenario['measure'], string>> = {
  throughput: 'deliveries/s, more is better',
  latency: 'p99, less is better',
  idle: 'bytes per connection, less is better',
};

export function renderPage(report: Report): string {
  const parts = [
    '# Benchmark',
    "Written by `npm run bench`; don't edit it by hand. Syncline, the ten-line `ws` broadcast server and Socket.IO run in turn, in one go, on one machine. Ratios carry over to other machines better than absolute figures do.",
    renderRatios(report),
    ...report.scenarios.map((scenario) => renderScenario(report, scenario)),
    renderMethod(report),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The bars and how they stand. */
export function renderRatios({ scenarios, results }: Pick<Report, 'scenarios' | 'results'>): string {
  const rows = scenarios.map((scenario) => {
    const bars = scenario.bars.map((bar) => barText(scenario, bar)).join('; ');
    const verdicts = scenario.bars.map((bar) => judge(results, scenario, bar));
    const busy = results.some((r) => r.scenario.name === scenario.name && r.runs.some(disturbed));
    const peers = contenders.filter((c) => c !== 'syncline').toReversed();
    return [
      scenario.title,
      metrics[scenario.measure],
      ...peers.map((c) => times(ratio(results, scenario, c))),
      bars || 'none',
      ([...new Set(verdicts)].join(', ') || '–') + (busy ? ' (on a busy machine)' : ''),
    ];
  });
  return table(['scenario', 'figure', 'Syncline ÷ Socket.IO', 'Syncline ÷ ws', 'bar', 'verdict'], rows);
}

function barText(scenario: Scenario, bar: Bar): string {
  return `${scenario.measure === 'throughput' ? '≥' : '≤'} ${bar.ratio} × ${labels[bar.than]}`;
}

function renderScenario(report: Report, scenario: Scenario): string {
  const results = report.results.filter((r) => r.scenario.name === scenario.name);
  const render = { throughput: throughputRow, latency: latencyRow, idle: idleRow }[scenario.measure];
  const heads = {
    throughput: [
      'deliveries/s',
      'lowest to highest run',
      'per second of server CPU',
      'server CPU',
      'generator CPU',
    ],
    latency: [
      'p50',
      'p99',
      'p99, lowest to highest run',
      'p99.9',
      'deliveries/s',
      'server CPU',
      'generator CPU',
    ],
    idle: ['connections', 'resident kB per connection', 'lowest to highest run', 'of it JavaScript heap'],
  }[scenario.measure];
  const rows = results.map((result) => {
    const cells = result.runs.length > 0 ? render(result) : heads.map(() => '–');
    return [labels[result.contender], ...cells, remarks(result)];
  });
  return `## ${scenario.title}\n\n${table(['', ...heads, 'remarks'], rows)}`;
}

function throughputRow(result: Result): string[] {
  const rate = spread(result, (run) => figure(run, 'throughput'));
  const perCpu = spread(
    result,
    load((run) => run.deliveries / run.seconds / run.serverCpu),
  );
  return [count(rate.median), range(rate, count), count(perCpu.median), ...processors(result)];
}

function latencyRow(result: Result): string[] {
  const p99 = spread(
    result,
    load((run) => run.p99us),
  );
  const middle = (pick: (run: LoadRun) => number): number => spread(result, load(pick)).median;
  const rate = count(middle((run) => run.deliveries / run.seconds));
  return [
    ms(middle((r) => r.p50us)),
    ms(p99.median),
    range(p99, ms),
    ms(middle((r) => r.p999us)),
    rate,
    ...processors(result),
  ];
}

function idleRow(result: Result): string[] {
  const rss = spread(result, (run) => figure(run, 'idle'));
  const heap = spread(result, (run) =>
    isLoad(run) ? Number.NaN : (run.heapAfter - run.heapBefore) / run.connections,
  );
  const connections = spread(result, (run) => (isLoad(run) ? Number.NaN : run.connections));
  return [count(connections.median), kb(rss.median), range(rss, kb), kb(heap.median)];
}

function processors(result: Result): string[] {
  return [
    percent(
      spread(
        result,
        load((run) => run.serverCpu),
      ).median,
    ),
    percent(
      spread(
        result,
        load((run) => run.generatorCpu),
      ).median,
    ),
  ];
}

/** What keeps a row from being taken at face value. */
function remarks(result: Result): string {
  const loads = result.runs.filter(isLoad);
  const bound = loads.some(generatorBound) ? ['**bound by the generator, not by the server**'] : [];
  const busy = loads.filter(disturbed).length;
  const others = busy > 0 ? [`others kept the machine busy in ${busy} of ${loads.length} runs`] : [];
  const again =
    result.setAside.length > 0
      ? [`runs set aside because the machine was busy: ${result.setAside.length}`]
      : [];
  const complete = loads.length > 0 && result.failures.length === 0 ? ['complete'] : [];
  return [
    ...result.failures.map((why) => `**failed:** ${why}`),
    ...complete,
    ...bound,
    ...others,
    ...again,
  ].join('; ');
}

function renderMethod({ machine, notes, effort }: Report): string {
  const facts = [
    `- Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB; ${machine.kernel}, TCP ${machine.congestionControl}.`,
    `- Software: Node ${machine.node}, ws ${machine.ws}, Socket.IO ${machine.socketio} (WebSocket only, else default settings), commit ${machine.commit}, ${machine.date}.`,
    ...notes.map((note) => `- ${note}`),
    `- Each run starts a fresh server, warms up for ${effort.warmup} s and measures for ${effort.seconds} s; ${effort.rounds} rounds (memory: ${effort.idleRounds}) with the servers taking turns; medians. A run in which others used more than ${percent(DISTURBED)} of a core is tried again up to ${effort.retries} times; the least disturbed attempt counts, whatever its figure, and the others are kept in the JSON as set aside. A loss in any attempt fails the row.`,
    '- Payloads are 128 bytes of JSON. The publisher subscribes too and sees its own message come back, which is how publishes outstanding are counted for all three alike.',
    "- *Complete* means that every publish reached every subscriber once, in its author's order, warm-up and drain included.",
    '- Latency counts from the time at which a publish was due, not from when it was sent, so that a stall is not hidden (open loop).',
    '- Syncline does more per message than its peers here: it stores each entry, numbers it and acknowledges it. It writes the entries of one event-loop turn as one frame; the peers make a frame of each message.',
    "- Memory is resident memory after garbage collection, with the connections minus without; the kernel's own memory for sockets is not in it.",
    "- All traffic is on the loopback interface, without TLS. The generator's processor time stands beside the server's to show that it has capacity to spare.",
  ];
  return `## How it was measured\n\n${facts.join('\n')}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function load(pick: (run: LoadRun) => number): (run: Run) => number {
  return (run) => (isLoad(run) ? pick(run) : Number.NaN);
}

const range = (s: Spread, text: (value: number) => string): string => `${text(s.min)} to ${text(s.max)}`;
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const ms = (us: number): string => `${(us / 1000).toFixed(2)} ms`;
const kb = (bytes: number): string => (bytes / 1000).toFixed(1);
const times = (value: number): string =>
  Number.isNaN(value) ? '–' : `${value.toFixed(value < 10 ? 2 : 1)} ×`;

/** One line about a run, for whoever watches. */
export function renderRun(contender: Contender, scenario: Scenario, result: Run): string {
  const value = figure(result, scenario.measure);
  const name = labels[contender].padEnd(14);
  if (!isLoad(result)) return `${name} ${kb(value)} kB per connection`;
  const rate = `${count(result.deliveries / result.seconds).padStart(9)} deliveries/s`;
  const delay = scenario.measure === 'latency' ? `  p50 ${ms(result.p50us)}  p99 ${ms(result.p99us)}` : '';
  const cpu = `server ${percent(result.serverCpu)}  generator ${percent(result.generatorCpu)}  others ${percent(result.othersCpu)}`;
  return `${name} ${rate}${delay}  ${cpu}${generatorBound(result) ? '  (bound by the generator)' : ''}`;
}
