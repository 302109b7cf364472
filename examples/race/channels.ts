/**
 * The race's contract: the news that all four lanes read, and what each lane has cost so far. The server and the page import it; it must
 * not know how a lane reads.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import * as v from 'valibot';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const News = v.object({ n: count, at: v.number() });
export type News = v.InferOutput<typeof News>;

const Cost = v.object({
  /** Where this lane's own door is. */
  port: count,
  bytesUp: count,
  bytesDown: count,
  requests: count,
  connections: count,
});
export type Cost = v.InferOutput<typeof Cost>;

/** Pages read; only the server writes. */
const anonymous = ['subscribe', 'history'] as const;

export const channels = defineChannels({
  news: stream({ message: News, keep: { entries: 10_000, age: '10m' }, anonymous }),
  /** How many news there are in a second, under `perSecond`, and how many pages look, under `windows`. */
  pace: state({ value: v.number(), anonymous }),
  /** Each lane, by its name. */
  lanes: state({ value: Cost, anonymous }),
});

export const lanes = ['polling', 'long polling', 'SSE', 'WebSocket'] as const;
export type LaneName = (typeof lanes)[number];
