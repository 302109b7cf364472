/**
 * This window's part in the cluster: its connection, under a number by which the load balancer says where it is, and the account it
 * keeps of what it was sent. The page's components share it; it must not know them.
 */
import { createClient, type Store } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import type { channels } from './channels.ts';

export const self = crypto.randomUUID();
export const client = createClient<typeof channels>({ url: `/sync?window=${self}` });
export const nodes = client.state('nodes');
export const windows = client.state('windows');

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

/** What has come of the numbers that are published ten times a second. */
export interface Account {
  readonly received: number;
  readonly missing: number;
  readonly doubled: number;
  /** The longest time without one, in ms. */
  readonly pauseMs: number;
}

let account: Account = { received: 0, missing: 0, doubled: 0, pauseMs: 0 };
let last: { readonly n: number; readonly at: number } | undefined;
const listeners = new Set<() => void>();

/** The account as a store. */
export const tally: Store<Account> = {
  get: () => account,
  subscribe: (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

/** Whoever starts the cluster anew counts from 1 again: that is another series, and nothing of this one is missing. */
client.stream('ticks').onMessage(({ data: { n } }) => {
  const now = performance.now();
  const step = last && n > 1 ? n - last.n : 1;
  account = {
    received: account.received + 1,
    missing: account.missing + Math.max(0, step - 1),
    doubled: account.doubled + (step < 1 ? 1 : 0),
    pauseMs: Math.max(account.pauseMs, last ? now - last.at : 0),
  };
  last = { n, at: now };
  for (const listener of listeners) listener();
});

/** Has a node killed, as a crash would. */
export async function kill(node: string): Promise<void> {
  await fetch(`/cluster/kill/${node}`, { method: 'POST' });
}
