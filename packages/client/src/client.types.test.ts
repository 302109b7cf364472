/**
 * What does not compile: names, kinds and payloads that the contract lacks. The compiler is the test; nothing here runs. Each
 * `@ts-expect-error` stands over the one line that must be refused.
 */
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import {
  createClient,
  type Member,
  type Message,
  type Signal,
  type StateChannel,
  type StateEntry,
  type StateView,
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
interface Person {
  readonly name: string;
}
interface Typing {
  readonly typing: boolean;
}
declare const chat: Schema<Chat>;
declare const spot: Schema<Spot>;
declare const person: Schema<Person>;
declare const typing: Schema<Typing>;
declare const room: string;
declare const anything: string;

const channels = defineChannels({
  'chat/:room': stream({ message: chat }),
  'chat/:room/:thread': stream<number>(),
  news: stream<'a' | 'b'>(),
  'fleet/:city': state({ value: spot, ttl: '60s' }),
  'cursors/:page': state<'here' | 'away'>(),
  'board/:id': doc(),
  'team/:room': stream({ message: chat, presence: person, signal: typing }),
  'map/:city': state({ value: spot, presence: person, signal: typing, geo: { lat: 'lat', lng: 'lng' } }),
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

export function company(): void {
  const team = client.stream('team/a');
  same<typeof team, StreamChannel<Chat> & WithPresence<Person, Typing>>(true);
  same<ReturnType<typeof map>, StateChannel<Spot> & WithPresence<Person, Typing>>(true);
  const map = () => client.state('map/berlin');
  const entered: Promise<void> = team.presence.enter({ name: 'Ada' });
  void entered;
  // @ts-expect-error That is nobody's name.
  void team.presence.enter({ nick: 'Ada' });
  // @ts-expect-error They say something of themselves.
  void team.presence.enter();
  same<ReturnType<typeof team.presence.members.get>, readonly Member<Person>[]>(true);
  team.presence.on('change', ({ type, member }) => {
    same<typeof type, 'enter' | 'update' | 'leave'>(true);
    same<[typeof member.user, typeof member.data, typeof member.since], [string | null, Person, number]>(
      true,
    );
    for (const { id, data, self } of member.connections)
      same<[typeof id, typeof data, typeof self], [string, Person, boolean]>(true);
  });
  // @ts-expect-error There are no other events.
  team.presence.on('enter', () => {});
  // @ts-expect-error Members are not for changing.
  team.presence.members.get().push();
  team.signal({ typing: true });
  // @ts-expect-error That is no signal of this channel.
  team.signal('typing');
  same<ReturnType<typeof team.signals.get>, readonly Signal<Typing>[]>(true);
  team.onSignal(({ id, user, data, at }) => {
    same<[typeof id, typeof user, typeof data, typeof at], [string, string | null, Typing, number]>(true);
  });
  // Where the contract says nothing of them anything goes.
  void client.stream('news').presence.enter(['whatever']);
  client.state('fleet/berlin').signal('whatever');
}

export function views(): void {
  const view = client
    .state('map/berlin')
    .view({ bbox: [13, 52, 14, 53], prefix: 'v', keys: ['v1'], maxHz: 2 });
  same<typeof view, StateView<Spot>>(true);
  view.update({});
  // @ts-expect-error A box has four sides.
  view.update({ bbox: [13, 52, 14] });
  // @ts-expect-error No such filter.
  view.update({ near: 'berlin' });
  const van: Store<StateEntry<Spot> | undefined> = view.get('van');
  void van;
  view.on('change', (change) => {
    if (change.type === 'enter' || change.type === 'set')
      same<[typeof change.value, typeof change.previous], [Spot, Spot | undefined]>(true);
    else {
      same<typeof change.type, 'exit' | 'delete' | 'expire'>(true);
      same<[typeof change.value, typeof change.previous], [undefined, Spot]>(true);
    }
  });
  // @ts-expect-error Who sets a key sets it in the channel.
  void view.set('van', { lat: 1 });
  // @ts-expect-error A stream has no views.
  client.stream('team/a').view({});
}

export function streamsOnly(): void {
  const small = createStreamClient<typeof channels>();
  const lobby: StreamChannel<Chat> = small.stream('chat/lobby');
  void lobby;
  // @ts-expect-error Nobody is there.
  void small.stream('team/a').presence;
  // @ts-expect-error Nor signals.
  void small.stream('team/a').signal;
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
