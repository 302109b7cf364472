/**
 * What the browser tells about network and page, boiled down to two hints. The connection binds it while it lives; outside
 * a browser there is nothing to bind to. Hints are never trusted, only followed by an attempt or a probe.
 */

/** `wake`: the network may be back, the page is in view again, or the application wants a connection now. `offline`: the network may be gone. */
export type Hint = 'wake' | 'offline';

/** Calls `onHint` from now on; what is returned ends that. */
export type Lifecycle = (onHint: (hint: Hint) => void) => () => void;

/** The hints of the page this runs in; none where there is no page. */
export const pageLifecycle: Lifecycle = (onHint) => {
  const ended = new AbortController();
  const on = (target: EventTarget | undefined, type: string, run: (event: Event) => void) =>
    target?.addEventListener?.(type, run, { signal: ended.signal });
  const wake = () => onHint('wake');
  const { document } = globalThis;
  const page: EventTarget = globalThis;
  on(page, 'online', wake);
  on(page, 'offline', () => onHint('offline'));
  // A page from the back/forward cache has a socket that says OPEN and may be dead.
  on(page, 'pageshow', (event: Event & { readonly persisted?: boolean }) => {
    if (event.persisted) wake();
  });
  on(document, 'visibilitychange', () => {
    if (document.visibilityState === 'visible') wake();
  });
  return () => ended.abort();
};
