/**
 * The page docs/reference/faults.md: the table of scenarios with what became of each when it was played last, the comparisons, and what
 * isn't built and why. Results are kept in results.json, so that scenarios can be played one by one; the command writes both.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { asked, type Invariant, invariants } from './checker/terms.ts';
import type { Comparison, Outcome } from './compare.ts';
import { planted } from './planted.ts';
import { scenarios, table } from './scenarios.ts';
import { type Topology, termsOf } from './setting.ts';
import type { Counts, Verdict } from './verdict.ts';

const page = fileURLToPath(new URL('../../../docs/reference/faults.md', import.meta.url));
const data = fileURLToPath(new URL('./results.json', import.meta.url));

/** What became of a scenario when it was played last. Objects only, so that the file is written one way. */
interface Result {
  readonly seed: number;
  readonly date: string;
  readonly word: 'kept' | 'broken' | 'inconclusive';
  /** What was broken, by invariant. */
  readonly broken: string;
  readonly counts: Counts;
}

interface Results {
  readonly scenarios: Readonly<Record<string, Result>>;
  readonly comparison: Comparison | null;
}

const over: Readonly<Record<Topology, string>> = {
  disk: 'a folder',
  redis: 'Redis',
  replica: 'Redis and a replica',
  sentinel: 'Redis and Sentinels',
  cluster: 'a Redis Cluster',
};

/** Keeps what became of one scenario. */
export function keepVerdict({ id, seed, violations, inconclusive, counts }: Verdict): void {
  const before = read();
  const broken = [...new Set(violations.map(({ invariant }) => invariant))].join(' ');
  const word = violations.length === 0 ? 'kept' : inconclusive ? 'inconclusive' : 'broken';
  const result: Result = { seed, date: new Date().toISOString().slice(0, 10), word, broken, counts };
  write({ ...before, scenarios: { ...before.scenarios, [id]: result } });
}

export function keepComparison(comparison: Comparison): void {
  write({ ...read(), comparison });
}

/** Writes the page from what is kept. */
export function renderAgain(): void {
  write(read());
}

function read(): Results {
  if (!existsSync(data)) return { scenarios: {}, comparison: null };
  return JSON.parse(readFileSync(data, 'utf8')) as Results;
}

function write(results: Results): void {
  writeFileSync(data, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(page, render(results));
}

function render(results: Results): string {
  return [
    '# Faults',
    '',
    'What is done to nodes, networks and Redis on purpose, and what became of it. Real processes, real sockets, real Redis servers, a fault',
    'proxy on each way; clients are the SDK as it is. A history of what each application was told goes through a checker, which knows',
    'nothing of Syncline’s insides. Written by `npm run faults -- --write` from `tests/faults/harness/scenarios.ts`; edit it there.',
    '',
    ...summary(results),
    '',
    '## Scenarios',
    '',
    '*lost* and *doubled* count broken promises. *told* counts what was acknowledged and went with a log that Redis lost: each client',
    'that had it was told of the gap. *gap* is the longest time in which some client got nothing, *healed* the time from the end of the',
    'faults until all clients were live and up to date and nothing waited. Heartbeats are every 2.5 s here, a tenth of the default.',
    '',
    row([
      '',
      'what is injected',
      'over',
      'asks above all',
      'kept',
      'faults',
      'acknowledged',
      'delivered',
      'lost',
      'doubled',
      'told',
      'gap',
      'healed',
      'seed',
    ]),
    row(Array<string>(14).fill('---')),
    ...scenarios.map((scenario) => {
      const result = results.scenarios[scenario.id];
      const about = [
        scenario.id,
        `**${scenario.title}**: ${scenario.injects}`,
        over[scenario.topology],
        scenario.about.join(' '),
      ];
      return row([...about, ...(result ? played(result) : ['not played yet', ...Array<string>(9).fill('')])]);
    }),
    '',
    '## What is promised',
    '',
    row(['', 'invariant', 'asked for in']),
    row(['---', '---', '---']),
    ...(Object.keys(invariants) as Invariant[]).map((id) => row([id, invariants[id], runsThatAsk(id)])),
    '',
    'Besides the SDK’s clients there are clients by hand in each run over plain TCP: one that asks for more than it may, two whose tokens are',
    'revoked in the middle, two that listen to each node and ask for nothing, and one that sends each node bad input once all is right. Three of',
    'the SDK’s clients edit a document. Of event loops what they waited for a processor isn’t counted. Tokens, the key that signs them, a password and a text in every message are',
    'looked for in all that nodes write and answer.',
    '',
    'The tests plant bugs, and fail unless the checker names what each breaks:',
    '',
    row(['planted', 'named']),
    row(['---', '---']),
    ...planted.map(({ bug, breaks }) => row([bug, breaks.join(' ')])),
    '',
    ...(results.comparison ? comparison(results.comparison) : []),
    '## Not built',
    '',
    row(['', 'fault', 'why not']),
    row(['---', '---', '---']),
    ...table.flatMap((one) => ('missing' in one ? [row([one.id, one.title, one.missing])] : [])),
    '',
  ].join('\n');
}

/** Which scenarios ask for an invariant. */
function runsThatAsk(invariant: Invariant): string {
  const asks = asked[invariant] ?? (() => true);
  const [those, others] = [true, false].map((so) =>
    scenarios.filter((one) => asks(termsOf(one)) === so).map(({ id }) => id),
  );
  if (!others?.length) return 'every run';
  return (those?.length ?? 0) < others.length ? `${those?.join(', ')}` : `every run but ${others.join(', ')}`;
}

function summary({ scenarios: all }: Results): string[] {
  const results = scenarios.flatMap(({ id }) => all[id] ?? []);
  const sum = (pick: (counts: Counts) => number): string =>
    results.reduce((total, { counts }) => total + pick(counts), 0).toLocaleString('en');
  const kept = results.filter(({ word }) => word === 'kept').length;
  return [
    `${scenarios.length} scenarios are built, ${results.length} were played, ${kept} of those kept every promise. In all: ${sum(({ faults }) => faults)} faults,`,
    `${sum(({ acknowledged }) => acknowledged)} publishes acknowledged, ${sum(({ delivered }) => delivered)} entries delivered, ${sum(({ lost }) => lost)} lost, ${sum(({ doubled }) => doubled)} doubled, on a machine with`,
    `${availableParallelism()} processors (${cpus()[0]?.model ?? 'unknown'}), Node ${process.versions.node}.`,
  ];
}

function played({ seed, word, broken, counts }: Result): string[] {
  const { faults, acknowledged, delivered, lost, doubled, lostTold, longestGapMs, healedMs } = counts;
  const verdict = word === 'kept' ? 'yes' : `${word}: ${broken}`;
  const numbers = [faults, acknowledged, delivered, lost, doubled, lostTold].map((n) =>
    n.toLocaleString('en'),
  );
  return [verdict, ...numbers, seconds(longestGapMs), seconds(healedMs), String(seed)];
}

function comparison({ jitter, avalanche }: Comparison): string[] {
  const names = {
    syncline: 'Syncline',
    socketio: 'Socket.IO 4',
    'socketio-recovery': 'Socket.IO 4, connection-state recovery',
  };
  const name = ({ contender }: Outcome): string => names[contender];
  const share = ({ delivered, expected }: Outcome): string =>
    `${((100 * delivered) / expected).toFixed(1)} %`;
  return [
    '## Beside Socket.IO: outages',
    '',
    `${jitter.clients} clients of one node, ${jitter.perSecond} messages a second to each for ${jitter.seconds} s; every 10 s all connections are reset and`,
    'none is let in for 2 s. Both SDKs by their defaults, all in one run; written by `npm run faults -- --compare`.',
    '',
    row(['', 'delivered', 'lost', 'doubled', 'longest time without a message']),
    row(Array<string>(5).fill('---')),
    ...Object.values(jitter.outcomes).map((one) =>
      row([name(one), share(one), String(one.lost), String(one.doubled), seconds(one.longestGapMs)]),
    ),
    '',
    '## Beside Socket.IO: an avalanche',
    '',
    `${avalanche.clients.toLocaleString('en')} clients on two nodes over one Redis (Socket.IO: its Redis Streams adapter), ${avalanche.perSecond} messages a second to each. One node is killed with`,
    'SIGKILL; its clients go to the other one. *Others* are the clients of the node that stays.',
    '',
    row([
      '',
      'clients cut off',
      'half of them back',
      'all of them back',
      'delivered',
      'lost',
      'doubled',
      'others: 99 % delivered within',
      'others: longest time without a message',
    ]),
    row(Array<string>(9).fill('---')),
    ...Object.values(avalanche.outcomes).map((one) =>
      row([
        name(one),
        String(one.cut),
        seconds(one.halfBackMs),
        one.there < avalanche.clients ? 'never' : seconds(one.allBackMs),
        share(one),
        String(one.lost),
        String(one.doubled),
        `${Math.round(one.othersP99Ms)} ms`,
        seconds(one.othersLongestGapMs),
      ]),
    ),
    '',
  ];
}

const seconds = (ms: number | null): string =>
  ms === null || !Number.isFinite(ms) ? '' : `${(ms / 1000).toFixed(1)} s`;
const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
