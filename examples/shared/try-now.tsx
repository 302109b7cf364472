/**
 * While there is no connection: a button that has the client dial now, and how long it would wait otherwise. Pages show it beside how
 * fresh they are, for as long as they aren't; it must not know what they show.
 */
import type { Client } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';

/** A connection that comes back sooner was never "offline". */
export const connectingMs = 2000;
const tickMs = 500;

/** What it needs of a client. */
type Connecting = Pick<Client, 'status' | 'connect'>;

export function TryNow({ client: { status, connect } }: { client: Connecting }) {
  const is = useSyncExternalStore(status.subscribe, status.get);
  const [since] = useState(Date.now);
  const [now, look] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => look(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  if (now - since < connectingMs || (is.state !== 'waiting' && is.state !== 'connecting')) return null;
  const leftS = is.state === 'waiting' ? Math.ceil((is.until - now) / 1000) : 0;
  return (
    <button
      type="button"
      class="try"
      title="Else it is tried again in a moment"
      // Whoever types goes on typing: the button is gone once it has done its work.
      onMouseDown={(event) => event.preventDefault()}
      onClick={connect}
    >
      Try now {leftS > 0 && <small aria-hidden="true">{leftS} s</small>}
    </button>
  );
}
