/**
 * The options of a client as rows for the reference page; the compiler asks for one about each. Only the script that writes
 * the pages reads it; it must stay out of what ships to browsers.
 */
import type { ClientOptions } from './client.ts';

interface OptionRow {
  readonly type: string;
  readonly default?: number | string;
  readonly unit?: string;
  readonly doc: string;
}

export const clientOptions = {
  url: {
    type: 'address',
    default: '/sync',
    doc: "`ws://…`, `wss://…`, `http://…` or `https://…`; in a browser also a path on the page's own origin; Node needs the whole address",
  },
  channels: {
    type: 'contract',
    doc: 'the contract as a value: payloads are then checked here too, before they are sent and after they arrive',
  },
  getToken: {
    type: 'function',
    doc: 'called with `{ rejected }` before each attempt to connect, and again before the rights of a session end; returns the token, a text of JWT or base64url characters, or a promise of it',
  },
  transports: {
    type: 'list',
    default: '[websocket]',
    doc: 'by which ways to connect, tried in order: `websocket`, `sse` and `longPoll` of `@syncline/client/http`',
  },
  requestTimeoutMs: {
    type: 'number',
    default: 10_000,
    unit: 'ms',
    doc: 'time that an answer may take before the connection is given up and made anew',
  },
  outboxEntriesMax: {
    type: 'number',
    default: 1000,
    unit: 'messages',
    doc: 'messages that wait to be sent or answered, over all channels',
  },
  outboxBytesMax: { type: 'number', default: 1_048_576, unit: 'bytes', doc: 'bytes of such messages' },
  outboxAgeMs: {
    type: 'number',
    default: 300_000,
    unit: 'ms',
    doc: 'time that a message may wait before it fails',
  },
  onError: {
    type: 'function',
    default: 'reportError',
    doc: "told of what goes wrong where nobody waits: handlers that throw, entries that don't fit the contract",
  },
} as const satisfies Record<keyof ClientOptions, OptionRow>;
