/**
 * What is measured, on whom, and which bars Syncline has set itself: tables without code. The runner reads them, and
 * the page that the benchmark writes says everything that stands here. A new scenario is a new row.
 */

/** Who is measured. Each has a program in servers/. */
export const contenders = ['syncline', 'ws', 'socketio', 'syncline-jwt', 'syncline-schema'] as const;
export type Contender = (typeof contenders)[number];

export const labels: Readonly<Record<Contender, string>> = {
  syncline: 'Syncline',
  ws: 'ws, ten lines',
  socketio: 'Socket.IO 4',
  'syncline-jwt': 'Syncline, JWT and capabilities',
  'syncline-schema': 'Syncline, JWT, capabilities and a schema',
};

/** What the generator speaks to each of them. */
export const dialects: Readonly<Record<Contender, string>> = {
  syncline: 'syncline',
  ws: 'ws',
  socketio: 'socketio',
  'syncline-jwt': 'syncline',
  'syncline-schema': 'syncline',
};

/** Whose figure is divided by whose. */
export interface Pair {
  readonly of: Contender;
  readonly than: Contender;
}

/** Who takes turns in a scenario, in the order of a round, and who is compared with whom. */
export interface Lineup {
  readonly title: string;
  readonly contenders: readonly Contender[];
  readonly pairs: readonly Pair[];
}

export const lineups = {
  peers: {
    title: 'Syncline beside its peers',
    contenders: ['syncline', 'ws', 'socketio'],
    pairs: [
      { of: 'syncline', than: 'socketio' },
      { of: 'syncline', than: 'ws' },
    ],
  },
  edge: {
    title: 'What knowing who is there costs: Syncline beside itself',
    contenders: ['syncline', 'syncline-jwt', 'syncline-schema'],
    pairs: [
      { of: 'syncline-jwt', than: 'syncline' },
      { of: 'syncline-schema', than: 'syncline' },
    ],
  },
  alone: { title: 'Syncline alone', contenders: ['syncline'], pairs: [] },
} as const satisfies Record<string, Lineup>;

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

export type Scenario = Throughput | Latency | Idle | Stalled | Restart;

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
