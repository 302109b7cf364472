/**
 * This window's part in the boards: its connection, the boards it opened, and which one the address is about. All components of the
 * page share it; it must not know them.
 */
import { createClient, type Store } from '@syncline/client/doc';
import { useSyncExternalStore } from 'preact/compat';
import { plainIn } from '../shared/names.ts';
import { channels } from './channels.ts';

export const client = createClient({ channels });

export type BoardChannel = ReturnType<typeof open>;
const open = (id: string) => client.doc(`board/${id}`, { persist: 'indexeddb' });

/** Each board that was visited. What is drawn offline stays in this browser, and is sent when the server is back. */
const opened = new Map<string, BoardChannel>();
export function channelOf(id: string): BoardChannel {
  const channel = opened.get(id) ?? open(id);
  opened.set(id, channel);
  return channel;
}

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

/** A part of what a store holds; the component is drawn anew only when that part is another. */
export const usePart = <T, P>({ subscribe, get }: Store<T>, part: (value: T) => P): P =>
  useSyncExternalStore(subscribe, () => part(get()));

export const boardInAddress = (): string => plainIn(location.hash) || 'team';
