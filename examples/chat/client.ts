/**
 * This window's part in the chat: its connection, its hooks, its mark on messages, and how times are written. All
 * components of the page share it; it must not know them.
 */
import { createClient } from '@syncline/client';
import { createHooks } from '@syncline/react';
import { channels, type Message } from './channels.ts';

/** What is typed while the server is away waits for up to an hour. */
export const client = createClient({ channels, outboxAgeMs: 3_600_000 });
addEventListener('beforeunload', (event) => client.unsent.get() > 0 && event.preventDefault());

/** Tells this window's messages from the others', also after a reload. */
export const by = sessionStorage.getItem('by') ?? crypto.randomUUID();
sessionStorage.setItem('by', by);

/** Typed by the contract. They are React's; Preact stands in for it on this page. */
export const { SynclineProvider, useStore, useTimeline, useEntries, usePresence, useSignal, useFreshness } =
  createHooks<typeof channels>();

/** A room's messages. What isn't sent yet stays in the list, also while another room is shown. */
export const useRoom = (room: string) => useTimeline(`chat/${room}`, { pageSize: 100 });

/** Publishes in a room; what fails is shown by its list. */
export function say(room: string, message: Message): void {
  void client.stream(`chat/${room}`).timeline().publish(message);
}

export const timeOf = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' }).format;
const day = { weekday: 'long', day: 'numeric', month: 'long' } as const;
export const dayOf = new Intl.DateTimeFormat(undefined, day).format;
