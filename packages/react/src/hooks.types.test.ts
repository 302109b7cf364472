/**
 * What does not compile: names, kinds and payloads that the contract lacks. The compiler is the test; nothing here runs. Each
 * `@ts-expect-error` stands over the one line that must be refused.
 */
import {
  type Client,
  createClient,
  type Freshness,
  type Member,
  type Position,
  type Signal,
  type StateEntry,
  type Status,
  type TimelineItem,
} from '@syncline/client';
import { createClient as createDocClient, type DocClient, type DocSync } from '@syncline/client/doc';
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import type { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import { createHooks as createDocHooks } from './docs.ts';
import { createHooks } from './index.ts';

interface Chat {
  readonly text: string;
}
interface Spot {
  readonly lat: number;
}
interface Who {
  readonly name: string;
}
declare const chat: Schema<Chat>;
declare const spot: Schema<Spot>;
declare const who: Schema<Who>;
declare const typing: Schema<'typing'>;
declare const room: string;
declare const anything: string;

const channels = defineChannels({
  'chat/:room': stream({ message: chat, presence: who, signal: typing }),
  'fleet/:city': state({ value: spot, presence: who }),
  'board/:id': doc({ presence: who, signal: typing }),
});
type C = typeof channels;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const hooks = createHooks<C>();
const docHooks = createDocHooks<C>();

export function Timelines(): void {
  const { items, publish, loadOlder, hasOlder, loading, freshness } = hooks.useTimeline('chat/lobby', {
    pageSize: 100,
  });
  same<typeof items, readonly TimelineItem<Chat>[]>(true);
  same<ReturnType<typeof publish>, Promise<Position>>(true);
  same<[typeof hasOlder, typeof loading, typeof freshness], [boolean, boolean, Freshness]>(true);
  void publish({ text: 'hi' });
  // @ts-expect-error The payload lacks its text.
  void publish({});
  void loadOlder();
  // @ts-expect-error An event is no count, so it is no handler by itself.
  const onClick: (event: Event) => unknown = loadOlder;
  void onClick;
  hooks.useTimeline(`chat/${room}`);
  // @ts-expect-error No such channel.
  hooks.useTimeline('nobody/here');
  // @ts-expect-error A state channel is no stream.
  hooks.useTimeline('fleet/berlin');
  // @ts-expect-error Any text may be any channel's name.
  hooks.useTimeline(anything);
  // @ts-expect-error No such option.
  hooks.useTimeline('chat/lobby', { page: 100 });
}

export function Keyed(): void {
  const { entries, freshness } = hooks.useEntries('fleet/berlin', { bbox: [1, 2, 3, 4], maxHz: 2 });
  same<typeof entries, ReadonlyMap<string, StateEntry<Spot>>>(true);
  same<typeof freshness, Freshness>(true);
  const van = hooks.useEntry('fleet/berlin', 'van');
  same<typeof van, StateEntry<Spot> | undefined>(true);
  // @ts-expect-error A box has four sides.
  hooks.useEntries('fleet/berlin', { bbox: [1, 2] });
  // @ts-expect-error A stream is no state channel.
  hooks.useEntries('chat/lobby');
  // @ts-expect-error Nor is a document.
  hooks.useEntry('board/7', 'key');
  // @ts-expect-error A key is a text.
  hooks.useEntry('fleet/berlin', 7);
}

export function Company(): void {
  const client = hooks.useClient();
  const members = hooks.usePresence('chat/lobby', { name: 'Ada' });
  same<typeof members, readonly Member<Who>[]>(true);
  const drivers = hooks.usePresence(client.state('fleet/berlin'), { name: 'Ada' });
  same<typeof drivers, readonly Member<Who>[]>(true);
  const painters = hooks.usePresence(docHooks.useClient().doc('board/7'));
  same<typeof painters, readonly Member<Who>[]>(true);
  hooks.usePresence('chat/lobby', room ? { name: room } : undefined);
  // @ts-expect-error The data lacks the name.
  hooks.usePresence('chat/lobby', {});
  // @ts-expect-error Here too.
  hooks.usePresence(client.state('fleet/berlin'), { nick: 'Ada' });
  // @ts-expect-error A name alone is a stream's.
  hooks.usePresence('fleet/berlin');
  const [signals, signal] = hooks.useSignal('chat/lobby');
  same<typeof signals, readonly Signal<'typing'>[]>(true);
  signal('typing');
  // @ts-expect-error The contract has one signal.
  signal('sleeping');
  const [pointers] = docHooks.useSignal(docHooks.useClient().doc('board/7'));
  same<typeof pointers, readonly Signal<'typing'>[]>(true);
  // @ts-expect-error No such channel.
  hooks.useSignal('nobody/here');
}

export function Standing(): void {
  same<ReturnType<typeof hooks.useStatus>, Status>(true);
  const fresh: Freshness[] = [
    hooks.useFreshness('chat/lobby'),
    hooks.useFreshness(hooks.useClient().state('fleet/berlin')),
    hooks.useFreshness(hooks.useClient().state('fleet/berlin').view({})),
  ];
  void fresh;
  // @ts-expect-error A name alone is a stream's.
  hooks.useFreshness('fleet/berlin');
  same<number, ReturnType<typeof hooks.useStore<number>>>(true);
  hooks.useStore(hooks.useClient().unsent).toFixed();
  // @ts-expect-error A client is no store.
  hooks.useStore(hooks.useClient());
}

export function Documents(): void {
  const shown = docHooks.useDoc('board/7', { persist: 'indexeddb' });
  same<[typeof shown.doc, typeof shown.awareness, typeof shown.sync], [Doc, Awareness, DocSync]>(true);
  // @ts-expect-error A stream is no document.
  docHooks.useDoc('chat/lobby');
  // @ts-expect-error Who imports the other door has none.
  hooks.useDoc('board/7');
  same<
    ReturnType<typeof docHooks.useTimeline<'chat/lobby'>>,
    ReturnType<typeof hooks.useTimeline<'chat/lobby'>>
  >(true);
}

export function providers() {
  const client: Client<C> = createClient<C>();
  same<ReturnType<typeof hooks.useClient>, Client<C>>(true);
  same<ReturnType<typeof docHooks.useClient>, DocClient<C>>(true);
  hooks.SynclineProvider({ client, children: 'text' });
  hooks.SynclineProvider({ client: createDocClient<C>() });
  docHooks.SynclineProvider({ client: createDocClient<C>() });
  // @ts-expect-error That client has no documents.
  docHooks.SynclineProvider({ client });
  // @ts-expect-error There must be one.
  hooks.SynclineProvider({});
}

export function WithoutContract(): void {
  const loose = createHooks();
  const { items, publish } = loose.useTimeline(anything);
  same<typeof items, readonly TimelineItem<unknown>[]>(true);
  void publish(['whatever']);
  loose.usePresence(anything, { what: 'ever' });
  loose.useEntries(anything).entries.get('key')?.value;
}
