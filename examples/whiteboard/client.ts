/**
 * This window's part in the boards: its connection, the boards it opened, and under which name. All components of the page
 * share it; it must not know them.
 */
import { createClient, type Store } from '@syncline/client/doc';
import { useSyncExternalStore } from 'preact/compat';
import { channels } from './channels.ts';

const client = createClient({ channels });

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

/** The board in the address, as a channel can carry it. */
export function boardInAddress(): string {
  const plain = decodeURIComponent(location.hash).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const id = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
  return id.slice(0, 40) || 'team';
}

/** The name belongs to the window, so that two windows are two people; the last one is offered to the next window. */
export const lastName = (): string => localStorage.getItem('name') ?? '';
export const ownName = (): string | null => sessionStorage.getItem('name');
export function setName(name: string): void {
  for (const storage of [sessionStorage, localStorage]) storage.setItem('name', name);
}
