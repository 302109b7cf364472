/**
 * What is measured, on whom, and which bars Syncline has set itself: tables without code. The runner reads them, and
 * the page that the benchmark writes says everything that stands here. A new scenario is a new row.
 */

/** Who is measured, in the order of a round. Each has a program in servers/ and a dialect in generator/. */
export const contenders = ['syncline', 'ws', 'socketio'] as const;
export type Contender = (typeof contenders)[number];

export const labels: Readonly<Record<Contender, string>> = {
  syncline: 'Syncline',
  ws: 'ws, ten lines',
  socketio: 'Socket.IO 4',
};

/** A promise about the ratio of Syncline's figure to a peer's: at least so much where more is better, else at most. */
export interface Bar {
  readonly than: Contender;
  readonly ratio: number;
}

interface Common {
  readonly name: string;
  readonly title: string;
  readonly rooms: number;
  /** Connections in each room; all of them are subscribers. */
  readonly members: number;
  readonly bars: readonly Bar[];
}

/** As many deliveries per second as the server can do: each publisher keeps so many publishes on the way. */
export interface Throughput extends Common {
  readonly measure: 'throughput';
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

export type Scenario = Throughput | Latency | Idle;

export const scenarios: readonly Scenario[] = [
  {
    name: 'fanout-16',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 16 publishes outstanding',
    measure: 'throughput',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 16,
    bars: [{ than: 'socketio', ratio: 12 }],
  },
  {
    name: 'fanout-4',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 4 publishes outstanding',
    measure: 'throughput',
    rooms: 1,
    members: 1000,
    publishers: 1,
    outstanding: 4,
    bars: [{ than: 'socketio', ratio: 3.5 }],
  },
  {
    name: 'fanout-1',
    title: 'Fan-out: 1 channel × 1,000 subscribers, 1 publish outstanding',
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
    measure: 'throughput',
    rooms: 200,
    members: 5,
    publishers: 5,
    outstanding: 4,
    bars: [{ than: 'socketio', ratio: 5 }],
  },
  {
    name: 'latency',
    title: 'Latency at 20,000 deliveries/s: 1 channel × 100 subscribers × 200 publishes/s',
    measure: 'latency',
    rooms: 1,
    members: 100,
    publishers: 1,
    rate: 200,
    bars: [
      { than: 'socketio', ratio: 1 },
      { than: 'ws', ratio: 1 },
    ],
  },
  {
    name: 'idle',
    title: 'Memory: 5,000 idle connections, each subscribed to a channel of its own',
    measure: 'idle',
    rooms: 5000,
    members: 1,
    bars: [{ than: 'ws', ratio: 1.3 }],
  },
  {
    name: 'idle-shared',
    title: 'Memory: 5,000 idle connections, all subscribed to one channel',
    measure: 'idle',
    rooms: 1,
    members: 5000,
    bars: [],
  },
];

/** How long and how often. */
export interface Effort {
  readonly warmup: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Rounds of an idle scenario, whose figures vary less. */
  readonly idleRounds: number;
  /** Connections of an idle scenario are divided by this. */
  readonly idleDivisor: number;
  /** Seconds that a run waits for a quiet machine before it goes ahead anyway. */
  readonly patience: number;
  /** How often a run is tried again in which others kept the machine busy. */
  readonly retries: number;
}

/** Many short rounds rather than few long ones: the speed of a shared machine changes from one minute to the next. */
export const efforts = {
  full: { warmup: 1, seconds: 3, rounds: 5, idleRounds: 2, idleDivisor: 1, patience: 20, retries: 2 },
  quick: { warmup: 0.5, seconds: 1, rounds: 1, idleRounds: 1, idleDivisor: 5, patience: 0, retries: 0 },
} as const satisfies Record<string, Effort>;
