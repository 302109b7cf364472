/**
 * Links over the WebSocket that browsers, workers and Node from 22 on bring along. The token travels as a second
 * subprotocol, the only header a browser lets a page set, so that it doesn't stand in URLs and their logs.
 */
import { SyncError } from '@syncline/protocol';
import type { Link, Transport } from './transport.ts';

export const websocket: Transport = {
  open(url, token, handlers): Link {
    const socket = make(url, ['syncline.v1', ...(token === undefined ? [] : [`bearer.${token}`])]);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => handlers.message(typeof data === 'string' ? data : new Uint8Array(data));
    socket.onclose = ({ code, reason }) => handlers.close(code, reason);
    return {
      send: (data) => socket.send(data),
      close: (code) => socket.close(code),
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
    };
  },
};

/** A socket. What the platform refuses at once, a token with other characters say, it would refuse for ever. */
function make(url: string, protocols: string[]): WebSocket {
  try {
    return new WebSocket(url, protocols);
  } catch (thrown) {
    throw new SyncError('bad_option', `No WebSocket can be made: ${thrown}`);
  }
}

/**
 * The address to connect to.
 *
 * @param url `wss:`, `ws:`, `https:` or `http:`, or a path on the page's own origin; default `/sync`
 * @throws SyncError `bad_option` for anything else, and for a path where there is no page
 */
export function resolveUrl(url = '/sync'): string {
  try {
    const { href } = new URL(url, globalThis.location?.href);
    if (/^(http|ws)s?:[^#]+$/.test(href)) return href.replace(/^http/, 'ws');
  } catch {
    // What can't be read as an address is told below.
  }
  throw new SyncError(
    'bad_option',
    `Expected \`url\` to be like "wss://host/sync", or a path in a browser, got "${url}".`,
  );
}
