/**
 * What does not compile: names, kinds and payloads that the contract lacks. The compiler is the test; nothing here runs. Each
 * `@ts-expect-error` stands over the one line that must be refused.
 */
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import {
  createClient,
  type Message,
  type StateChannel,
  type StateEntry,
  type Store,
  type StreamChannel,
  type WithPresence,
  type Written,
} from './index.ts';
import { createClient as createStreamClient } from './streams.ts';

interface Chat {
  readonly text: string;
}
interface Spot {
  readonly lat: number;
}
declare const chat: Schema<Chat>;
declare const spot: Schema<Spot>;
declare const room: string;
declare const anything: string;

const channels = defineChannels({
  'chat/:room': stream({ message: chat }),
  'chat/:room/:thread': stream<number>(),
  news: stream<'a' | 'b'>(),
  'fleet/:city': state({ value: spot, ttl: '60s' }),
  'cursors/:page': state<'here' | 'away'>(),
  'board/:id': doc(),
});

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const client = createClient<typeof channels>();

export function names(): void {
  same<ReturnType<typeof lobby>, StreamChannel<Chat> & WithPresence<unknown, unknown>>(true);
  const lobby = () => client.stream('chat/lobby');
  same<Message<number>, Parameters<Parameters<typeof thread.onMessage>[0]>[0]>(true);
  const thread = client.stream('chat/lobby/7');
  const news: StreamChannel<'a' | 'b'> = client.stream('news');
  void news;

  const made: StreamChannel<Chat> = client.stream(`chat/${room}`);
  void made;

  // @ts-expect-error One segment too many.
  client.stream('chat/a/b/c');
  // @ts-expect-error One too few.
  client.stream('chat');
  // @ts-expect-error No such channel.
  client.stream('nobody/here');
  // @ts-expect-error No such channel, whatever the variable holds.
  client.stream(`nobody/${room}`);
  // @ts-expect-error A state channel is no stream.
  client.stream('fleet/berlin');
  // @ts-expect-error Nor is a document.
  client.stream('board/7');
  // @ts-expect-error Any text may be any channel's name.
  client.stream(anything);
}

export function stateNames(): void {
  same<ReturnType<typeof berlin>, StateChannel<Spot> & WithPresence<unknown, unknown>>(true);
  const berlin = () => client.state('fleet/berlin');
  const made: StateChannel<'here' | 'away'> = client.state(`cursors/${room}`);
  void made;
  // @ts-expect-error A stream is no state channel.
  client.state('chat/lobby');
  // @ts-expect-error Nor is a document.
  client.state('board/7');
  // @ts-expect-error No such channel.
  client.state('fleet/berlin/mitte');
  // @ts-expect-error Any text may be any channel's name.
  client.state(anything);
}

export function values(): void {
  const berlin = client.state('fleet/berlin');
  same<ReturnType<typeof berlin.set>, Promise<Written>>(true);
  void berlin.set('van', { lat: 1 }, { ttl: '5s', at: 1, ifVersion: 0 });
  void berlin.delete('van', { ifVersion: 1 });
  // @ts-expect-error The value lacks its latitude.
  void berlin.set('van', {});
  // @ts-expect-error A key is a text.
  void berlin.set(7, { lat: 1 });
  // @ts-expect-error Neither of the two.
  void client.state('cursors/start').set('me', 'gone');
  // @ts-expect-error No such unit.
  void berlin.set('van', { lat: 1 }, { ttl: '5 weeks' });
  // @ts-expect-error A removal has no time to live.
  void berlin.delete('van', { ttl: '5s' });
  // @ts-expect-error There are no other events.
  berlin.on('message', () => {});
  same<typeof berlin.entries, Store<ReadonlyMap<string, StateEntry<Spot>>>>(true);
  const van: Store<StateEntry<Spot> | undefined> = berlin.get('van');
  // @ts-expect-error It may hold nothing.
  void van.get().value;
  // @ts-expect-error What is shown is not for changing.
  berlin.entries.get().set('van', { value: { lat: 1 }, version: 1, since: 0, from: null });
  berlin.on('change', (change) => {
    same<typeof change.value, Spot | undefined>(true);
    if (change.type === 'set')
      same<[typeof change.value, typeof change.previous], [Spot, Spot | undefined]>(true);
    else same<[typeof change.value, typeof change.previous], [undefined, Spot]>(true);
  });
}

export async function outcomes(): Promise<void> {
  const written = await client.state('fleet/berlin').set('van', { lat: 1 });
  written.version.toFixed();
  // @ts-expect-error What is superseded has no position.
  void written.position.offset;
  if (!written.superseded) written.position.offset.toFixed();
}

export function streamsOnly(): void {
  const small = createStreamClient<typeof channels>();
  const lobby: StreamChannel<Chat> = small.stream('chat/lobby');
  void lobby;
  // @ts-expect-error It has no state channels.
  small.state('fleet/berlin');
}

export function payloads(): void {
  const lobby = client.stream('chat/lobby');
  void lobby.publish({ text: 'hi' });
  // @ts-expect-error The payload lacks its text.
  void lobby.publish({});
  // @ts-expect-error A text is no message.
  void lobby.publish('hi');
  // @ts-expect-error A number is none of the two.
  void client.stream('news').publish(1);
  // @ts-expect-error The same holds for timelines.
  void lobby.timeline().publish(1);
  lobby.onMessage(({ data, at, from, own, offset }) => {
    same<
      [typeof data, typeof at, typeof from, typeof own, typeof offset],
      [Chat, number | null, string | null, boolean, number]
    >(true);
  });
}

export function withoutContract(): void {
  const loose = createClient({ url: '/sync' });
  const any: StreamChannel<unknown> = loose.stream(anything);
  void any.publish(['whatever']);
  const keyed: StateChannel<unknown> = loose.state(anything);
  void keyed.set('k', ['whatever']);
}

export function withValue(): void {
  const strict = createClient({ channels, getToken: async ({ rejected }) => (rejected ? 'new' : 'old') });
  const lobby: StreamChannel<Chat> = strict.stream('chat/lobby');
  void lobby;
  // @ts-expect-error The contract is inferred from the value too.
  strict.stream('nobody/here');
  const unsent: Store<number> = strict.unsent;
  void unsent;
  const status = strict.status.get();
  // @ts-expect-error Only a state that waits says until when.
  void status.until;
  if (status.state === 'waiting') void status.until.toFixed();
  if (status.state === 'closed') void status.error.code;
}
