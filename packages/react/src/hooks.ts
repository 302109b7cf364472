/**
 * The hooks: each finds its channel in the client, and shows a store of it. They are typed by what any contract may carry; the doors
 * hand them out typed by one. They must not keep what a store knows, nor connect: subscribing, which effects do, does.
 */
import type { Client, Freshness, StateEntry, Status, Store, WithPresence } from '@syncline/client';
import type { ViewFilter } from '@syncline/protocol/wire';
import { useCallback, useEffect, useMemo } from 'react';
import { always, SynclineProvider, useClient, useStore } from './context.ts';
import { say } from './presence.ts';
import type { ShownEntries, ShownSignals, ShownTimeline, TimelineOptions } from './types.ts';

/** What stores seem to hold while a server renders: the same in each of them, so that a page can take over what was rendered. */
const idle = always<Status>({ state: 'idle' });
const unheard = always<Freshness>({ state: 'catching-up', left: 1 });
const noItems = always({ items: [], hasOlder: false, loading: false } as const);
const noEntries = always(new Map<string, never>());
const noEntry = always(undefined);
const nobody = always<readonly never[]>([]);
const nothing: ViewFilter = { keys: [] };

function useStatus(): Status {
  return useStore(useClient<Client>().status, idle);
}

function useTimeline(name: string, options?: TimelineOptions): ShownTimeline<unknown> {
  const stream = useClient<Client>().stream(name);
  const timeline = stream.timeline(options);
  const shown = useStore(timeline, noItems);
  const freshness = useStore(stream.freshness, unheard);
  const acts = useMemo(
    () => ({
      publish: (data: unknown) => timeline.publish(data),
      loadOlder: (count?: number) => timeline.loadOlder(count),
    }),
    [timeline],
  );
  return { ...shown, ...acts, freshness };
}

function useEntries(name: string, filter?: ViewFilter): ShownEntries<unknown> {
  const channel = useClient<Client>().state(name);
  const text = JSON.stringify(filter);
  const narrow = text !== undefined;
  const view = useMemo(() => (narrow ? channel.view(nothing) : undefined), [channel, narrow]);
  // Before the effects that follow it, so that it opens with its filter. From then on it is moved, and stays the same view.
  useEffect(() => (text === undefined ? undefined : view?.update(JSON.parse(text))), [view, text]);
  const { entries, freshness } = view ?? channel;
  return { entries: useStore(entries, noEntries), freshness: useStore(freshness, unheard) };
}

function useEntry(name: string, key: string): StateEntry<unknown> | undefined {
  const channel = useClient<Client>().state(name);
  const entry = useMemo(() => channel.get(key), [channel, key]);
  return useStore(entry, noEntry);
}

function usePresence(of: string | Pick<WithPresence<unknown, unknown>, 'presence'>, data?: unknown) {
  const { presence } = useChannel(of);
  const text = JSON.stringify(data);
  useEffect(() => (text === undefined ? undefined : say(presence, JSON.parse(text))), [presence, text]);
  return useStore(presence.members, nobody);
}

function useSignal(of: string | Pick<WithPresence<unknown, unknown>, 'signal' | 'signals'>) {
  const channel = useChannel(of);
  const signal = useCallback((data: unknown) => channel.signal(data), [channel]);
  const shown: ShownSignals<unknown> = [useStore(channel.signals, nobody), signal];
  return shown;
}

function useFreshness(of: string | { readonly freshness: Store<Freshness> }): Freshness {
  return useStore(useChannel(of).freshness, unheard);
}

/** A channel as it is, or the stream of that name: a name alone doesn't say of what kind its channel is. */
function useChannel<T>(of: string | T) {
  const client = useClient<Client>();
  return typeof of === 'string' ? client.stream(of) : of;
}

export const hooks = {
  SynclineProvider,
  useClient,
  useStore,
  useStatus,
  useTimeline,
  useEntries,
  useEntry,
  usePresence,
  useSignal,
  useFreshness,
};
