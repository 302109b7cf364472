/**
 * What is measured, on whom, and which bars Syncline has set itself: tables without code. The runner reads them, and
 * the page that the benchmark writes says everything that stands here. A new scenario is a new row.
 */

import { clusterScenarios } from './cluster/scenarios.ts';
import type { Fact, Scenario, Told } from './scenario.ts';

const serverCpu: Fact = { name: 'serverCpu', head: 'server CPU', unit: 'percent' };
const editing: Told['facts'] = [
  { name: 'cpuPerThousandMs', head: 'ms of server CPU per 1,000 deliveries', unit: 'ms' },
  serverCpu,
  { name: 'p50Ms', head: 'p50', unit: 'ms' },
  { name: 'p99Ms', head: 'p99', unit: 'ms' },
];

export const scenarios: readonly Scenario[] = [
  {
    name: 'fanout-16',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 16 publishes outstanding',
    lineup: 'peers',
    measure: 'throughput',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 16,
    bars: [{ of: 'syncline', than: 'socketio', ratio: 12 }],
  },
  {
    name: 'fanout-4',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 4 publishes outstanding',
    lineup: 'peers',
    measure: 'throughput',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 4,
    bars: [{ of: 'syncline', than: 'socketio', ratio: 3.5 }],
  },
  {
    name: 'fanout-1',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 1 publish outstanding',
    lineup: 'peers',
    measure: 'throughput',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 1,
    bars: [],
  },
  {
    name: 'rooms',
    title: 'Rooms: 200 rooms × 5 clients, all publish, each 4 outstanding',
    lineup: 'peers',
    measure: 'throughput',
    rooms: 200,
    members: 5,
    publishers: 5,
    outstanding: 4,
    bars: [{ of: 'syncline', than: 'socketio', ratio: 5 }],
  },
  {
    name: 'latency',
    title: 'Latency at 20,000 deliveries/s: 1 channel × 100 subscribers × 200 publishes/s',
    lineup: 'peers',
    measure: 'latency',
    rooms: 1,
    members: 100,
    publishers: 1,
    rate: 200,
    bars: [
      { of: 'syncline', than: 'socketio', ratio: 1 },
      { of: 'syncline', than: 'ws', ratio: 1 },
    ],
  },
  {
    name: 'idle',
    title: 'Memory: 5,000 idle connections, each subscribed to a channel of its own',
    lineup: 'peers',
    measure: 'idle',
    rooms: 5000,
    members: 1,
    bars: [{ of: 'syncline', than: 'ws', ratio: 1.3 }],
  },
  {
    name: 'idle-shared',
    title: 'Memory: 5,000 idle connections, all subscribed to one channel',
    lineup: 'peers',
    measure: 'idle',
    rooms: 1,
    members: 5000,
    bars: [],
  },
  {
    name: 'stalled',
    title:
      'Stalled readers: 1 channel × 1,000 subscribers × 60 publishes/s of 1 KiB, 100 of them read nothing',
    lineup: 'peers',
    measure: 'stalled',
    rooms: 1,
    members: 1000,
    publishers: 1,
    rate: 60,
    stalled: 100,
    payloadBytes: 1024,
    seconds: 15,
    bars: [{ atMost: 131_072 }],
  },
  {
    name: 'edge-fanout',
    title: 'Edge, fan-out: 1 channel × 1,000 subscribers, 4 publishes outstanding',
    lineup: 'edge',
    measure: 'cost',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 4,
    bars: [{ of: 'syncline-jwt', than: 'syncline', ratio: 0.95 }],
  },
  {
    name: 'edge-rooms',
    title: 'Edge, rooms: 200 rooms × 5 clients, all publish, each 4 outstanding',
    lineup: 'edge',
    measure: 'cost',
    rooms: 200,
    members: 5,
    publishers: 5,
    outstanding: 4,
    bars: [{ of: 'syncline-jwt', than: 'syncline', ratio: 0.95 }],
  },
  {
    name: 'restart',
    title: 'Rolling restart: 2 servers, 200 clients of the SDK × 50 publishes/s',
    lineup: 'alone',
    measure: 'restart',
    rooms: 1,
    members: 200,
    rate: 50,
    drainMs: 4000,
    calmMs: 2000,
    bars: [],
  },
  {
    name: 'doc-fanout',
    title: 'Documents: 1 writer × 30 updates/s × 200 readers',
    lineup: 'documents',
    measure: 'told',
    rooms: 1,
    members: 201,
    program: 'docs/crowd.ts',
    settings: { mode: 'edit', clients: 201, writers: 1, rate: 30, seconds: 6 },
    facts: editing,
    bars: [],
  },
  {
    name: 'doc-writers',
    title: 'Documents: 50 clients, all write 5 updates/s',
    lineup: 'documents',
    measure: 'told',
    rooms: 1,
    members: 50,
    program: 'docs/crowd.ts',
    settings: { mode: 'edit', clients: 50, writers: 50, rate: 5, seconds: 6 },
    facts: editing,
    bars: [],
  },
  {
    name: 'doc-memory',
    title: 'Documents: memory of 300 open ones, 200 shapes and one client in each',
    lineup: 'documents',
    measure: 'told',
    rooms: 300,
    members: 1,
    program: 'docs/crowd.ts',
    settings: { mode: 'open', documents: 300 },
    units: 300,
    facts: [
      { name: 'rssPerUnit', head: 'resident kB per document', unit: 'kB' },
      { name: 'heapPerUnit', head: 'of it JavaScript heap', unit: 'kB' },
    ],
    bars: [],
  },
  {
    name: 'doc-join',
    title: 'Documents: joining one of 1 MB',
    lineup: 'documents',
    measure: 'told',
    rooms: 1,
    members: 1,
    program: 'docs/crowd.ts',
    settings: { mode: 'join', bytes: 1_048_576 },
    facts: [
      { name: 'joinMs', head: 'until all is here, median of 9', unit: 'ms' },
      { name: 'longestJoinMs', head: 'longest', unit: 'ms' },
      { name: 'longestPauseMs', head: 'longest pause of the server', unit: 'ms' },
    ],
    bars: [],
  },
  {
    name: 'fleet',
    title: 'Fleet: 10,000 vehicles at 1 Hz × 200 viewers who look at 2 % of them, one on a link of 64 kbit/s',
    lineup: 'views',
    measure: 'told',
    rooms: 1,
    members: 200,
    program: 'fleet/viewers.ts',
    settings: { viewers: 200, vehicles: 10_000, share: 0.02, seconds: 8 },
    serverArgs: ['10000', '10000'],
    slowLink: 8_000,
    facts: [
      { name: 'bytesPerViewer', head: 'kB/s for each viewer', unit: 'kB' },
      serverCpu,
      { name: 'ageMs', head: 'age of what a viewer sees, median', unit: 'ms' },
      { name: 'age95Ms', head: '95 % are younger than', unit: 'ms' },
      { name: 'slowAgeMs', head: 'age of what the slow one sees, median', unit: 'ms' },
      { name: 'slowAge95Ms', head: '95 % are younger than', unit: 'ms' },
    ],
    bars: [],
  },
  {
    name: 'state-join',
    title: 'State: joining a channel of 50,000 keys, 1,000 of which change within a second',
    lineup: 'state',
    measure: 'told',
    rooms: 1,
    members: 1,
    program: 'fleet/join.ts',
    settings: { vehicles: 50_000 },
    serverArgs: ['50000', '1000'],
    facts: [
      { name: 'joinMs', head: 'until every key is here, median of 7', unit: 'ms' },
      { name: 'longestJoinMs', head: 'longest', unit: 'ms' },
      { name: 'longestPauseMs', head: 'longest pause of the server', unit: 'ms' },
    ],
    bars: [],
  },
  ...clusterScenarios,
];

/** How long and how often. */
export interface Effort {
  readonly warmup: number;
  readonly seconds: number;
  /** Twice as many where a cost is measured, since small differences are looked for. */
  readonly rounds: number;
  /** Rounds of a scenario that measures memory, whose figures vary less, or a restart, which takes long. */
  readonly fewRounds: number;
  /** Connections of an idle scenario, and seconds of one with stalled readers, are divided by this. */
  readonly divisor: number;
  /** Seconds that a run waits for a quiet machine before it goes ahead anyway. */
  readonly patience: number;
  /** How often a run is tried again in which others kept the machine busy. */
  readonly retries: number;
}

/** Many short rounds rather than few long ones: the speed of a shared machine changes from one minute to the next. */
export const efforts = {
  full: { warmup: 1, seconds: 3, rounds: 5, fewRounds: 2, divisor: 1, patience: 20, retries: 2 },
  quick: { warmup: 0.5, seconds: 1, rounds: 1, fewRounds: 1, divisor: 5, patience: 0, retries: 0 },
} as const satisfies Record<string, Effort>;
