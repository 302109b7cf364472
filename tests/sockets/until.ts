/**
 * Waiting for what a client's stores show, by event and never by time. The tests of this folder use it; it knows no client.
 */
import type { Store } from '@syncline/client';

/** Resolves once the store's value is as wanted. */
export function until<T>(store: Store<T>, wanted: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const look = () => {
      if (!wanted(store.get())) return;
      stop();
      resolve(store.get());
    };
    const stop = store.subscribe(look);
    queueMicrotask(look);
  });
}
