/**
 * What a scenario is: what is measured, on whom, and by which figure it is judged. The tables of scenarios are made of it and the
 * runner reads it; it names none.
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
