/**
 * The page that the benchmark writes about itself, as Markdown: ratios first, the figures they come from beside them,
 * then how it was measured. Pure: it is given everything it prints, and no figure on the page comes from elsewhere.
 */

import { type Lineup, labels, lineups, type Pair } from './contenders.ts';
import type { Machine } from './machine.ts';
import { columnsOf, count, percent, remarks } from './rows.ts';
import type { Bar, Scenario } from './scenario.ts';
import type { Effort } from './scenarios.ts';
import { type SnapshotRow, snapshotTable } from './snapshots.ts';
import {
  DISTURBED,
  disturbed,
  isRatio,
  judge,
  middle,
  moreIsBetter,
  type Result,
  ratio,
} from './statistics.ts';

/** All that one benchmark found, as it is also kept in results/latest.json. */
export interface Report {
  readonly machine: Machine;
  readonly notes: readonly string[];
  readonly effort: Effort;
  readonly scenarios: readonly Scenario[];
  readonly results: readonly Result[];
  /** What documents weigh; they are counted, not measured. */
  readonly snapshots: readonly SnapshotRow[];
}

type Findings = Pick<Report, 'scenarios' | 'results'>;

export function renderPage(report: Report): string {
  const parts = [
    '# Benchmark',
    "Written by `npm run bench`; don't edit it by hand. Syncline, the ten-line `ws` broadcast server, Socket.IO and, where documents are measured, Hocuspocus run in turn, in one go, on one machine. Ratios carry over to other machines better than absolute figures do.",
    renderRatios(report),
    ...report.scenarios.map((scenario) => renderScenario(report, scenario)),
    `## What a document weighs\n\n${snapshotTable(report.snapshots)}`,
    renderMethod(report),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The bars and how they stand, one table for each line-up that took part. */
export function renderRatios(findings: Findings): string {
  return Object.entries(lineups)
    .flatMap(([name, lineup]) => {
      const scenarios = findings.scenarios.filter((scenario) => scenario.lineup === name);
      return scenarios.length > 0 ? [`**${lineup.title}**`, renderLineup(lineup, scenarios, findings)] : [];
    })
    .join('\n\n');
}

function renderLineup(lineup: Lineup, scenarios: readonly Scenario[], { results }: Findings): string {
  const alone = lineup.pairs.length === 0;
  const rows = scenarios.map((scenario) => {
    const bars = scenario.bars.map((bar) => barText(scenario, bar)).join('; ');
    const verdicts = scenario.bars.map((bar) => judge(results, scenario, bar));
    const busy = results.some((r) => r.scenario.name === scenario.name && r.runs.some(disturbed));
    return [
      scenario.title,
      columnsOf(scenario).metric,
      ...lineup.pairs.map((pair) => times(ratio(results, scenario, pair))),
      ...(alone
        ? [columnsOf(scenario).figure(middle(results, scenario, lineup.contenders[0] ?? 'syncline'))]
        : []),
      bars || 'none',
      ([...new Set(verdicts)].join(', ') || '–') + (busy ? ' (on a busy machine)' : ''),
    ];
  });
  const heads = alone
    ? [labels.syncline]
    : lineup.pairs.map(({ of, than }) => `${short(of)} ÷ ${short(than)}`);
  return table(['scenario', 'figure', ...heads, 'bar', 'verdict'], rows);
}

/** A contender as the head of a column. */
function short(contender: Pair['of']): string {
  return { ...labels, ws: 'ws', socketio: 'Socket.IO' }[contender];
}

function barText(scenario: Scenario, bar: Bar): string {
  const sign = moreIsBetter(scenario) ? '≥' : '≤';
  if (!isRatio(bar)) return `${sign} ${columnsOf(scenario).figure(bar.atMost)}`;
  const of = bar.of === 'syncline' ? '' : `${labels[bar.of]}: `;
  return `${of}${sign} ${bar.ratio} × ${labels[bar.than]}`;
}

function renderScenario(report: Report, scenario: Scenario): string {
  const { heads, cells } = columnsOf(scenario);
  const results = report.results.filter((r) => r.scenario.name === scenario.name);
  const rows = results.map((result) => [
    labels[result.contender],
    ...(result.runs.length > 0 ? cells(result) : heads.map(() => '–')),
    remarks(result),
  ]);
  return `## ${scenario.title}\n\n${table(['', ...heads, 'remarks'], rows)}`;
}

function renderMethod({ machine, notes, effort, scenarios }: Report): string {
  const facts = [
    `Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB; ${machine.kernel}, TCP ${machine.congestionControl}.`,
    `Software: Node ${machine.node}, ws ${machine.ws}, Socket.IO ${machine.socketio} (WebSocket only, else default settings), Hocuspocus ${machine.hocuspocus}, yjs ${machine.yjs}, commit ${machine.commit}, ${machine.date}.`,
    ...notes,
    `Each run starts a fresh server, warms up for ${effort.warmup} s (latencies: five times that) and measures for ${effort.seconds} s; ${effort.rounds} rounds (costs: ${2 * effort.rounds}; memory, restart, documents and keyed values: ${effort.fewRounds}) with the servers taking turns; medians. A run in which others used more than ${percent(DISTURBED)} of a core is tried again up to ${effort.retries} times; the least disturbed attempt counts, whatever its figure, and the others are kept in the JSON as set aside; where the clients are programs of their own (restart, documents, keyed values) nobody looks at what others used. A loss in any attempt fails the row.`,
    'Payloads are 128 bytes of JSON unless it says otherwise. The publisher subscribes too and sees its own message come back, which is how publishes outstanding are counted for all alike.',
    "*Complete* means that every publish reached every subscriber once, in its author's order, warm-up and drain included.",
    'Latency counts from the time at which a publish was due, not from when it was sent, so that a stall is not hidden (open loop).',
    'Syncline does more per message than its peers here: it stores each entry, numbers it and acknowledges it. It writes the entries of one event-loop turn as one frame; the peers make a frame of each message.',
    'Syncline runs with its default options, but that `requestsPerSecondMax` and `requestsBurstMax` are raised: a publisher that saturates a server is what they are there to refuse. The requests are counted all the same.',
    "Memory is resident memory after garbage collection, with the connections minus without; the kernel's own memory for sockets is not in it.",
    ...scenarios.flatMap(about),
    "All traffic is on the loopback interface, without TLS. The generator's processor time stands beside the server's to show that it has capacity to spare.",
  ];
  return `## How it was measured\n\n${facts.map((fact) => `- ${fact}`).join('\n')}`;
}

/** What is to be known of a single scenario; nothing of those that the general facts cover. */
function about(scenario: Scenario): string[] {
  if (scenario.measure === 'stalled')
    return [
      `*Stalled readers* join once the server is warm and read nothing after they are subscribed, for ${scenario.seconds} s, in which ${count(scenario.seconds * scenario.rate)} KiB is published to each. Their sockets have packets as on an Ethernet and a receive buffer of a few KiB, so that the kernel holds little for them and the server has to decide. The server's growth over this time is divided by their number, all of it: the log that grew and code that was compiled are in it. After that they read on; *complete* says that they too got everything.`,
    ];
  if (scenario.name === 'edge-rooms')
    return [
      'At the *edge* each connection brings a token of a user of its own (JWT, HS256), whose capabilities hold three patterns. The schema is a handful of `typeof`s written by hand: what is seen is the cost of parsing the payload and of looking at it, not of a library. Tokens are verified at the handshake, which is not in the measured time.',
    ];
  if (scenario.measure === 'restart')
    return [
      `*Rolling restart*: two servers share one memory broker in one process, behind a proxy that gives each connection to the next server that takes one. One server leaves with \`drainMs\` ${count(scenario.drainMs)} and comes back at the same port, and then the other. Clients are the SDK as it is, in another process on the generator's core, where the proxy and the publisher (a client too, which restarts move like the others) run as well. Without a restart the gap between deliveries is ${count(1000 / scenario.rate)} ms.`,
    ];
  return [...(facts[scenario.name] ?? [])];
}

/** What is to be known of a family of scenarios, told once, with the first of it. */
const facts: Readonly<Record<string, readonly string[]>> = {
  'doc-fanout': [
    '*Documents*: the clients are the SDKs as they are, each with a connection and a `Y.Doc` of its own, all in one process on the other core; an edit appends one number to a `Y.Array`. *Complete* means that every client ended with every edit. Hocuspocus holds documents in memory and stores nothing; Syncline stores each update in its memory broker, acknowledges it, and folds the log in a process beside it, which is held to the same core and whose processor time and memory are counted.',
  ],
  'cluster-fanout': [
    '*Three nodes*: as many processes and a Redis without persistence, all held to the core of the server; the kernel spreads connections over the nodes, which share one port. Two thirds of the deliveries come by way of Redis. What Syncline publishes is stored and numbered there before it is acknowledged or delivered; with the Redis adapter of Socket.IO nothing is stored, and with both of its adapters a node hands a message to its own clients before Redis has it. So its publishers, who wait for their own messages, run ahead of the other nodes; what lies further back than the 10,000 messages that the Streams adapter keeps by default is lost, and such a run fails. The commands that Redis was given are counted there while it runs (MONITOR), and slow it down in those scenarios.',
  ],
  fleet: [
    "*Fleet*: the server's own process moves the vehicles, which is in its processor time for both. The slow viewer's packets pass a program that hands on 8,000 bytes a second and has a receive buffer of 4 KiB; what it sees is as old as what waits for it in the kernel of the server. Age is the time since the vehicle was where the viewer has it, sampled four times a second over all that are in view; each moves once a second, so that half a second is the least there can be.",
  ],
};

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function times(value: number): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(value < 10 ? 2 : 1)} ×`;
}
