/**
 * Links over the WebSocket that browsers, workers and Node from 22 on bring along. The token travels as a second
 * subprotocol, the only header a browser lets a page set, so that it doesn't stand in URLs and their logs.
 */
import { bearerPrefix, subprotocol, tellSuffix } from '@syncline/protocol/wire';
import { badOption } from '../faults.ts';
import type { Link, Transport } from './transport.ts';

export const websocket: Transport = {
  open(url, token, handlers): Link {
    const bearer = token === undefined ? [] : [bearerPrefix + token];
    const socket = new WebSocket(url, [subprotocol, subprotocol + tellSuffix, ...bearer]);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => handlers.message(data);
    socket.onclose = ({ code, reason }) => handlers.close(code, reason);
    return socket;
  },
};

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
  throw badOption('`url` to be like "wss://host/sync" or, on a page, a path', `"${url}"`);
}
