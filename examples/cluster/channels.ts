/**
 * The cluster's contract: which nodes there are, which window is on which node, and a message ten times a second by which a window
 * sees whether one is missing. Nodes, the supervisor and the page import it; it must not know how a node is started.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import * as v from 'valibot';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const NodeInfo = v.object({
  /** Null while it isn't running. */
  pid: v.nullable(count),
  /** Since when it runs, or doesn't, in ms since 1970. */
  since: count,
});
export type NodeInfo = v.InferOutput<typeof NodeInfo>;

const Tick = v.object({ n: count, at: count });

/** Windows read; only the supervisor writes. */
const anonymous = ['subscribe', 'history'] as const;

export const channels = defineChannels({
  /** Each node, by its name. */
  nodes: state({ value: NodeInfo, anonymous }),
  /** The node that each window is connected to, by the number that the window gave itself. */
  windows: state({ value: v.string(), anonymous }),
  /** Numbered without a hole. */
  ticks: stream({ message: Tick, keep: { entries: 1000, age: '10m' }, anonymous }),
});
