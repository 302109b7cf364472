/**
 * This window's part in the chat: its connection, its mark on messages, the lists it shows, and how rooms and times are
 * written. All components of the page share it; it must not know them.
 */
import { createClient, type Store, type Timeline } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import { channels, type Message } from './channels.ts';

/** What is typed while the server is away waits for up to an hour. */
export const client = createClient({ channels, outboxAgeMs: 3_600_000 });
addEventListener('beforeunload', (event) => client.unsent.get() > 0 && event.preventDefault());

/** Tells this window's messages from the others', also after a reload. */
export const by = sessionStorage.getItem('by') ?? crypto.randomUUID();
sessionStorage.setItem('by', by);

/** The messages of each room that was visited. A list holds what isn't sent yet, so it outlives the visit. */
const timelines = new Map<string, Timeline<Message>>();
export function timelineOf(room: string): Timeline<Message> {
  const timeline = timelines.get(room) ?? client.stream(`chat/${room}`).timeline({ pageSize: 100 });
  timelines.set(room, timeline);
  return timeline;
}

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

export const timeOf = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' }).format;
const day = { weekday: 'long', day: 'numeric', month: 'long' } as const;
export const dayOf = new Intl.DateTimeFormat(undefined, day).format;

/** A room's name as a channel can carry it; empty when nothing is left of it. */
export function roomName(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);
}
