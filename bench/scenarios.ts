/**
 * What is measured, on whom, and which bars Syncline has set itself: tables without code. The runner reads them, and
 * the page that the benchmark writes says everything that stands here. A new scenario is a new row.
 */

import type { lineups, Pair } from './contenders.ts';

/** A promise about one figure divided by another: at least so much where more is better, else at most. */
export interface RatioBar extends Pair {
  readonly ratio: number;
}

/** A promise about Syncline's figure itself, in its unit. */
export interface FigureBar {
  readonly atMost: number;
}

export type Bar = RatioBar | FigureBar;

interface Common {
  readonly name: string;
  readonly title: string;
  readonly lineup: keyof typeof lineups;
  readonly rooms: number;
  /** Connections in each room; all of them are subscribers. */
  readonly members: number;
  readonly bars: readonly Bar[];
}

/**
 * As many deliveries per second as the server can do: each publisher keeps so many publishes on the way. A cost is told
 * per second of the server's processor time, since small differences drown in what else goes on on a machine.
 */
export interface Throughput extends Common {
  readonly measure: 'throughput' | 'cost';
  readonly publishers: number;
  readonly outstanding: number;
}

/** How long a delivery takes at a fixed rate, counted from the time at which the publish was due. */
export interface Latency extends Common {
  readonly measure: 'latency';
  readonly publishers: number;
  /** Publishes per second, all publishers together. */
  readonly rate: number;
}

/** What a connection costs that does nothing but be subscribed. */
export interface Idle extends Common {
  readonly measure: 'idle';
}

/** What a subscriber costs who reads nothing, while others do: the last of a room's members. */
export interface Stalled extends Common {
  readonly measure: 'stalled';
  readonly publishers: number;
  readonly rate: number;
  readonly stalled: number;
  readonly payloadBytes: number;
  /** So long that what they don't read is far more than the kernel holds for them. */
  readonly seconds: number;
}

/** What clients notice when two servers on one data source restart, one after the other. */
export interface Restart extends Common {
  readonly measure: 'restart';
  readonly rate: number;
  readonly drainMs: number;
  /** Before the first server leaves, and after each has come back. */
  readonly calmMs: number;
}

/** A figure that a program tells: what it is called, and how it is written. */
export interface Fact {
  readonly name: string;
  readonly head: string;
  readonly unit: 'count' | 'ms' | 'kB' | 'percent' | 'ratio';
}

/** Whatever a program of its own finds out against a server; less is better. */
export interface Told extends Common {
  readonly measure: 'told';
  /** The clients, from this folder. */
  readonly program: 'docs/crowd.ts' | 'fleet/viewers.ts' | 'fleet/join.ts' | 'cluster/asked.ts';
  /** What the program is to do. `divided` are those that lose by a shorter run. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Arguments of the server's program. */
  readonly serverArgs?: readonly string[];
  /** By how many what the server grew by is divided. */
  readonly units?: number;
  /** Bytes per second of a slow link that the program gets besides. */
  readonly slowLink?: number;
  /** The first is what it is judged by. */
  readonly facts: readonly [Fact, ...Fact[]];
}

export type Scenario = Throughput | Latency | Idle | Stalled | Restart | Told;

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
  {
    name: 'cluster-fanout',
    title: 'Three nodes: 1 channel × 900 subscribers, 16 publishes outstanding',
    lineup: 'cluster',
    measure: 'throughput',
    rooms: 1,
    members: 900,
    publishers: 1,
    outstanding: 16,
    bars: [{ of: 'syncline-redis', than: 'socketio-streams', ratio: 3 }],
  },
  {
    name: 'cluster-rooms',
    title: 'Three nodes: 200 channels × 6 clients, all publish, each 4 outstanding',
    lineup: 'cluster',
    measure: 'throughput',
    rooms: 200,
    members: 6,
    publishers: 6,
    outstanding: 4,
    bars: [{ of: 'syncline-redis', than: 'socketio-streams', ratio: 3 }],
  },
  {
    name: 'cluster-latency',
    title: 'Three nodes: latency at 18,000 deliveries/s, 1 channel × 90 subscribers × 200 publishes/s',
    lineup: 'cluster',
    measure: 'latency',
    rooms: 1,
    members: 90,
    publishers: 1,
    rate: 200,
    bars: [],
  },
  {
    name: 'backplane-latency',
    title: 'From node to node: 1 channel × 3 subscribers × 200 publishes/s',
    lineup: 'backplane',
    measure: 'latency',
    rooms: 1,
    members: 3,
    publishers: 1,
    rate: 200,
    bars: [],
  },
  ...[1, 10, 1000].map(
    (channels): Told => ({
      name: `append-${channels}`,
      title: `Appends through Redis, to ${channels === 1 ? 'one channel' : `${channels} channels`} by turns, ${32 * Math.min(channels, 10)} outstanding`,
      lineup: 'nodes',
      measure: 'told',
      rooms: channels,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 30_000, together: 32, channels },
      facts: [
        { name: 'appendUs', head: 'µs per append', unit: 'count' },
        { name: 'appendsPerSecond', head: 'appends/s', unit: 'count' },
        { name: 'ackMs', head: 'until acknowledged, median', unit: 'ms' },
        { name: 'ack99Ms', head: '99 % within', unit: 'ms' },
      ],
      bars: [],
    }),
  ),
  ...[1, 32].map(
    (together): Told => ({
      name: `nodes-publish-${together}`,
      title:
        together === 1
          ? 'Publishes to one channel, one after the other'
          : `Publishes to one channel, ${together} outstanding`,
      lineup: 'nodes',
      measure: 'told',
      rooms: 1,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 2000, together },
      facts: [{ name: 'commandsPerPublish', head: 'commands of Redis per publish', unit: 'ratio' }],
      bars: [],
    }),
  ),
  {
    name: 'nodes-idle',
    title: '1,000 idle connections, subscribed to 10 channels',
    lineup: 'nodes',
    measure: 'told',
    rooms: 10,
    members: 100,
    program: 'cluster/asked.ts',
    settings: { idle: 1000, channels: 10, seconds: 10 },
    facts: [
      { name: 'commandsPerIdle', head: 'commands of Redis per connection and second', unit: 'ratio' },
      serverCpu,
    ],
    bars: [],
  },
  ...[1, 2, 3].map(
    (nodes): Told => ({
      name: `nodes-${nodes}`,
      title: `Publishes that nobody is subscribed to, with ${nodes === 1 ? 'one node' : `${nodes} nodes`}`,
      lineup: 'nodes',
      measure: 'told',
      rooms: 1,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 20_000, together: 32 },
      serverArgs: [String(nodes)],
      facts: [
        {
          name: 'cpuPerThousandMs',
          head: 'ms of CPU of all nodes and Redis per 1,000 publishes',
          unit: 'ms',
        },
      ],
      bars: [],
    }),
  ),
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
