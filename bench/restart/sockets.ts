/**
 * Counts the connections that the SDK makes, without knowing how it makes them: it takes the place of the platform's
 * WebSocket. Which client one belongs to stands in its address.
 */

export interface SocketCounts {
  opened: number;
  /** Those that opened while the client had another one that it had not closed yet. */
  overlaps: number;
  failed: number;
}

/** From now on all WebSockets of this process are counted. */
export function countSockets(): SocketCounts {
  const counts: SocketCounts = { opened: 0, overlaps: 0, failed: 0 };
  const open = new Map<string, Set<WebSocket>>();
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      const name = new URL(url).search;
      const others = open.get(name) ?? new Set();
      open.set(name, others);
      let opened = false;
      this.addEventListener('open', () => {
        opened = true;
        counts.opened++;
        if ([...others].some((other) => other.readyState === WebSocket.OPEN)) counts.overlaps++;
        others.add(this);
      });
      this.addEventListener('close', () => {
        others.delete(this);
        if (!opened) counts.failed++;
      });
    }
  };
  return counts;
}
