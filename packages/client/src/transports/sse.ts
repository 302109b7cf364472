/**
 * Links over an event stream: one answer that never ends, and posts for what goes up. For networks that let no WebSocket through. It is
 * read with `fetch`, since an `EventSource` sends no headers. It must not know what frames say.
 */
import { systemClock } from '@syncline/protocol/wire';
import { type Down, httpTransport } from './http.ts';
import type { Fallback } from './transport.ts';

/** Reads the stream to its end. */
export const streamed: Down = async (link, { body }) => {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  for (let next = await reader?.read(); next?.value; next = await reader?.read())
    link.read(decoder.decode(next.value, { stream: true }));
};

/** Server-sent events. @example createClient({ transports: [websocket, sse, longPoll] }) */
export const sse: Fallback = httpTransport('sse', streamed, systemClock);
