/**
 * How components come by their client, and how they show a store. All hooks are built on these two; there is one context for all
 * of them, whatever contract they are typed by. It must not know what stores hold.
 */
import type { Store } from '@syncline/client';
import { createContext, createElement, type ReactNode, useContext, useSyncExternalStore } from 'react';

const Context = createContext<unknown>(undefined);

interface ProviderProps {
  readonly client: object;
  readonly children?: ReactNode;
}

export function SynclineProvider({ client, children }: ProviderProps) {
  return createElement(Context.Provider, { value: client }, children);
}

/** The client of the nearest provider. @typeParam T what the types say that it is */
export function useClient<T>(): T {
  const client = useContext(Context);
  if (client) return client as T;
  throw new Error(
    'There is no client: this component is outside of every <SynclineProvider client={client}>. Put one around your app.',
  );
}

/** @param first gives what is shown while a server renders, and at first by the page that it rendered. Default: what the store holds there */
export function useStore<T>(store: Store<T>, first: () => T = store.get): T {
  return useSyncExternalStore(store.subscribe, store.get, first);
}

/** A function that gives this, the same one each time. */
export function always<T>(value: T): () => T {
  return () => value;
}
