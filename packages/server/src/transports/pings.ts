/**
 * How often a client may ping. `ws` answers each ping at once and bounds only the answers that are not written yet, so a
 * client that reads them could keep the node busy. The doors call it for each WebSocket; it knows no session.
 */
import { errors } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { WebSocket } from 'ws';

const secondMs = 1000;

/** Closes a WebSocket with the code of `too_many` when it pings more than `perSecondMax` times within a second. */
export function boundPings(ws: WebSocket, clock: Clock, perSecondMax: number): void {
  let since = clock.now();
  let count = 0;
  ws.on('ping', () => {
    const elapsed = clock.now() - since;
    // A clock that was set back begins a new second too.
    if (elapsed < 0 || elapsed >= secondMs) {
      since += elapsed;
      count = 0;
    }
    if (++count <= perSecondMax) return;
    ws.close(errors.too_many.close, `More than ${perSecondMax} pings within a second.`);
  });
}
