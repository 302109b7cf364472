/**
 * Links by long polling: requests that are answered once there is something to tell, and posts for what goes up. For networks where a
 * proxy holds an answer back until it is whole. It must not know what frames say.
 */
import { systemClock } from '@syncline/protocol/wire';
import { type Down, httpTransport } from './http.ts';
import type { Fallback } from './transport.ts';

/** Asks on and on for what comes after what arrived. */
export const polled: Down = async (link, first) => {
  const { link: id } = (await first.json()) as { link: string };
  link.named(id);
  let arrived = 0;
  for (let text = await link.ask('after=0'); text !== undefined; text = await link.ask(`after=${arrived}`)) {
    if (text) arrived++;
    link.read(text);
  }
};

/** Long polling. @example createClient({ transports: [websocket, sse, longPoll] }) */
export const longPoll: Fallback = httpTransport('long-poll', polled, systemClock);
