/**
 * What the harness's nodes serve, and the numbers that they run by: streams that keep everything, streams that keep little, a
 * document, and who is there. Nodes and clients import it; it knows neither faults nor brokers.
 */
import { defineChannels, doc, stream } from '@syncline/protocol';

export const channels = defineChannels({
  'chat/:room': stream<Message>({ keep: { entries: 100_000 } }),
  'brief/:room': stream<Message>({ keep: { entries: 20 } }),
  'pad/:id': doc(),
});
export type Channels = typeof channels;

export interface Message {
  readonly id: string;
  /** A text that must be seen nowhere but in logs and with readers. */
  readonly secret?: string;
  /** Makes it large, where a scenario wants that. */
  readonly filling?: string;
}

/**
 * A tenth of what servers have, so that silence is noticed while somebody watches; all else is as it is by default but what one
 * address may do, since all clients are on this machine, and how soon a document is folded, so that it is within seconds.
 */
export const numbers = {
  heartbeatMs: 2500,
  channelIdleMs: 1000,
  presenceGraceMs: 1000,
  sessionsPerIpMax: 100_000,
  handshakesPerIpMax: 10_000,
  docFoldEntriesMax: 15,
} as const;
