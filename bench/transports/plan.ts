/**
 * What is measured where the ways to carry one feed are compared: the feeds, the ways, how many clients and for how long. run.ts goes
 * through it, crowd.ts and server.ts are told by name; it must not know how anything is measured.
 */

/** A feed: how often something new is published. */
export interface Feed {
  readonly name: string;
  /** Null: never. */
  readonly everyMs: number | null;
  /** How long each way is measured with it. */
  readonly seconds: number;
}

export const feeds: readonly Feed[] = [
  { name: 'idle', everyMs: null, seconds: 30 },
  { name: 'one update in 10 s', everyMs: 10_000, seconds: 60 },
  { name: 'one update a second', everyMs: 1000, seconds: 20 },
  { name: '20 updates a second', everyMs: 50, seconds: 15 },
];

/** How a client learns of what is new: from Durable Streams, as anybody can read them, or by the SDK's own frames. */
export const ways = [
  'polling each 5 s',
  'polling each 1 s',
  'long polling',
  'SSE',
  'SDK, long polling',
  'SDK, SSE',
  'WebSocket',
] as const;
export type Way = (typeof ways)[number];

/** How often the ones that poll ask. */
export const pollMs: Readonly<Partial<Record<Way, number>>> = {
  'polling each 5 s': 5000,
  'polling each 1 s': 1000,
};

export const channel = 'feed/prices';

/** What is published: when, and what makes it 100 bytes of JSON. */
export function update(at: number): { at: number; text: string } {
  const bare = JSON.stringify({ at, text: '' });
  return { at, text: 'x'.repeat(Math.max(0, 100 - bare.length)) };
}

/** Now, in ms since 1970 with fractions, the same in all processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
