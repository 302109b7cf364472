/**
 * While there is no connection: a button that has the client dial now, and how long it would wait otherwise. Pages show it beside how
 * fresh they are, for as long as they aren't; it must not know what they show.
 */
import type { Status, Store } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';

/** A connection that comes back sooner was never "offline". */
export const connectingMs = 2000;
const tickMs = 500;

/** What a browser says when its network is back. The client takes it as a hint: it dials now, or a second after it last failed. */
const hint = (): unknown => dispatchEvent(new Event('online'));

export function TryNow({ status }: { status: Store<Status> }) {
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
    <button type="button" class="try" title="Else it is tried again in a moment" onClick={hint}>
      Try now {leftS > 0 && <small aria-hidden="true">{leftS} s</small>}
    </button>
  );
}
