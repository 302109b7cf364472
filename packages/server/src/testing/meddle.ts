/**
 * A broker between a server and another broker that tests can meddle with: it counts calls, holds or fails them, and
 * passes announcements on late, twice, in another order or not at all. What it isn't told to change goes through.
 */
import { onTestFinished } from 'vitest';
import type { Announcement, Append, Appended, Broker, Range, Slice } from '../broker/broker.ts';

/** What a test changes; it may do so at any time. */
export interface Meddling {
  reads: number;
  read: (read: () => Promise<Slice>, range: Range) => Promise<Slice>;
  append: (append: () => Promise<Appended>, what: Append) => Promise<Appended>;
  news: (news: Announcement, tell: (news: Announcement) => void) => void;
}

export interface Meddled {
  readonly broker: Broker;
  readonly meddling: Meddling;
  /** Puts another broker in the place of the first, as when its data are lost. Whoever listens isn't told. */
  replace(inner: Broker): void;
}

export function meddle(first: Broker): Meddled {
  let inner = first;
  const listening = new Map<(news: Announcement) => void, { readonly channel: string; stop: () => void }>();
  const meddling: Meddling = {
    reads: 0,
    read: (read) => read(),
    append: (append) => append(),
    news: (news, tell) => tell(news),
  };
  const broker: Broker = {
    append: (channel, what) => meddling.append(() => inner.append(channel, what), what),
    read: (channel, range) => {
      meddling.reads++;
      return meddling.read(() => inner.read(channel, range), range);
    },
    compact: (channel, epoch, snapshot) => inner.compact(channel, epoch, snapshot),
    listen: (channel, onNews) => {
      const listener = (news: Announcement): void => meddling.news(news, onNews);
      listening.set(listener, { channel, stop: inner.listen(channel, listener) });
      return () => {
        listening.get(listener)?.stop();
        listening.delete(listener);
      };
    },
    close: () => inner.close(),
  };
  const replace = (next: Broker): void => {
    inner = next;
    for (const [listener, entry] of listening) entry.stop = inner.listen(entry.channel, listener);
  };
  return { broker, meddling, replace };
}

/** The same broker for one server after another: they close in vain, and it is closed when the test is over. */
export function lasting(inner: Broker): Broker {
  onTestFinished(() => inner.close());
  return { ...meddle(inner).broker, close: async () => {} };
}

/** Something that waits until it is let through. */
export interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function gate(): Gate {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** Resolves after so many turns of the event loop: for what happens by itself within a turn or two, or must not. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
