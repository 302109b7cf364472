/**
 * What the compiler allows by a contract: checked by `tsc`, never run. Each line that expects an error proves that a
 * wrong name, kind or payload doesn't compile; each equality proves what is inferred.
 */

import type { Contract, Definition, DocDefinition, DurableDefinition } from './contract.ts';
import {
  defineChannels,
  doc,
  durable,
  type StateDefinition,
  type StreamDefinition,
  state,
  stream,
} from './contract.ts';
import type { CarriedBy, NameOf, PatternOf, PresenceOf, SignalOf } from './contract.types.ts';
import type { Duration } from './duration.ts';
import type { Schema } from './schema.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where the two types are the same. */
function same<A, B>(proof: Equal<A, B>): void {
  void proof;
}

interface Message {
  readonly text: string;
}
interface Place {
  readonly lat: number;
}
interface Notice {
  readonly level: 1 | 2;
}

declare const message: Schema<Message>;
declare const place: Schema<Place>;
interface Who {
  readonly name: string;
}
interface Typing {
  readonly typing: boolean;
}

declare const who: Schema<Who>;
declare const typing: Schema<Typing>;
declare const notice: Schema<Notice>;

const channels = defineChannels({
  'chat/:room': stream({ message, presence: who, signal: typing }),
  'chat/:room/log': stream(),
  'chat/notices': stream({ message: notice }),
  'chat/presence': state({ value: place }),
  'fleet/:city': state({ value: place, presence: who }),
  'board/:id': doc({ signal: typing }),
  'answers/:id': durable({ presence: who }),
  'a/:b/c': stream({ message }),
  'a/b/:c': state({ value: place }),
  global: stream({ message: notice }),
});
type C = typeof channels;

// [C2] a parameter is exactly one segment that isn't empty
same<PatternOf<C, 'chat/lobby'>, 'chat/:room'>(true);
same<PatternOf<C, `chat/${string}`>, 'chat/:room'>(true);
same<PatternOf<C, 'chat/lobby/log'>, 'chat/:room/log'>(true);
same<PatternOf<C, `chat/${string}/log`>, 'chat/:room/log'>(true);
same<PatternOf<C, 'global'>, 'global'>(true);
same<PatternOf<C, 'chat'>, never>(true);
same<PatternOf<C, 'chat/'>, never>(true);
same<PatternOf<C, 'chat//log'>, never>(true);
same<PatternOf<C, 'chat/lobby/logs'>, never>(true);
same<PatternOf<C, 'chat/lobby/log/x'>, never>(true);
same<PatternOf<C, 'Global'>, never>(true);
same<PatternOf<C, 'globals'>, never>(true);
same<PatternOf<C, ''>, never>(true);
same<PatternOf<C, string>, never>(true);

// [C2] where several patterns match, the earlier literal segment wins, as it does at run time
same<PatternOf<C, 'chat/notices'>, 'chat/notices'>(true);
same<PatternOf<C, 'chat/presence'>, 'chat/presence'>(true);
same<PatternOf<C, 'a/b/c'>, 'a/b/:c'>(true);
same<PatternOf<C, 'a/x/c'>, 'a/:b/c'>(true);
same<PatternOf<C, 'a/b/x'>, 'a/b/:c'>(true);
same<PatternOf<C, 'a/x/x'>, never>(true);

// The kind is the winner's: what it hides is not to be had
same<PatternOf<C, 'chat/presence', StreamDefinition<unknown>>, never>(true);
same<PatternOf<C, 'a/b/c', StreamDefinition<unknown>>, never>(true);
same<PatternOf<C, 'a/b/c', StateDefinition<unknown>>, 'a/b/:c'>(true);
same<PatternOf<C, 'board/7', DocDefinition>, 'board/:id'>(true);
same<PatternOf<C, 'board/7', StreamDefinition<unknown> | StateDefinition<unknown>>, never>(true);

// What a channel carries
same<CarriedBy<C, 'chat/lobby'>, Message>(true);
same<CarriedBy<C, `chat/${string}`>, Message>(true);
same<CarriedBy<C, 'chat/notices'>, Notice>(true);
same<CarriedBy<C, 'chat/lobby/log'>, unknown>(true);
same<CarriedBy<C, 'fleet/berlin'>, Place>(true);
same<CarriedBy<C, 'board/7'>, Uint8Array>(true);
same<CarriedBy<C, 'a/b/c'>, Place>(true);
same<CarriedBy<C, 'nowhere'>, never>(true);
same<CarriedBy<C, 'chat/a' | 'chat/b'>, Message>(true);
// One of several names needs one pattern that fits them all
same<CarriedBy<C, 'chat/a' | 'global'>, never>(true);

// What members say of themselves and what they signal, whatever the kind; unknown where nothing is said of it
same<PresenceOf<C, 'chat/lobby'>, Who>(true);
same<SignalOf<C, 'chat/lobby'>, Typing>(true);
same<PresenceOf<C, `fleet/${string}`>, Who>(true);
same<SignalOf<C, 'fleet/berlin'>, unknown>(true);
same<PresenceOf<C, 'board/7'>, unknown>(true);
same<SignalOf<C, 'board/7'>, Typing>(true);
same<PresenceOf<C, 'global'>, unknown>(true);
same<PresenceOf<C, 'nowhere'>, never>(true);
same<SignalOf<C, 'nowhere'>, never>(true);
same<PresenceOf<Contract, 'x/y'>, unknown>(true);
same<SignalOf<Contract, 'x/y'>, unknown>(true);
same<CarriedBy<C, 'chat/lobby'>, Message>(true);
// @ts-expect-error
same<PresenceOf<C, 'chat/lobby'>, Typing>(true);

// The helpers themselves tell types apart
// @ts-expect-error
same<CarriedBy<C, 'chat/lobby'>, Notice>(true);
// @ts-expect-error
same<CarriedBy<C, 'chat/lobby/log'>, never>(true);

declare function publish<const N extends string>(
  channel: NameOf<C, N, StreamDefinition<unknown>>,
  data: CarriedBy<C, N>,
): void;
declare function set<const N extends string>(
  channel: NameOf<C, N, StateDefinition<unknown>>,
  data: CarriedBy<C, N>,
): void;
declare function open<const N extends string>(channel: NameOf<C, N, DocDefinition>): void;
declare const room: string;

publish('chat/lobby', { text: 'hi' });
publish(`chat/${room}`, { text: 'hi' });
publish(`chat/${room}/log`, 7);
publish('chat/notices', { level: 1 });
set('fleet/berlin', { lat: 1 });
set(`fleet/${room}`, { lat: 1 });
open('board/7');

// @ts-expect-error: no such channel
publish('chats/lobby', { text: 'hi' });
// @ts-expect-error: a segment too many
publish('chat/lobby/x', { text: 'hi' });
// @ts-expect-error: a segment without a name
publish('chat/', { text: 'hi' });
// @ts-expect-error: the wrong payload
publish('chat/lobby', { txt: 'hi' });
// @ts-expect-error: the payload of the pattern that is hidden
publish('chat/notices', { text: 'hi' });
// @ts-expect-error: a state channel is no stream
publish('fleet/berlin', { lat: 1 });
// @ts-expect-error: a doc is no stream
publish('board/7', new Uint8Array());
// @ts-expect-error: the winning pattern is a state channel
publish('chat/presence', { text: 'hi' });
// @ts-expect-error: a name of which nothing is known
publish(room, { text: 'hi' });
// @ts-expect-error: a stream is no state channel
set('chat/lobby', { text: 'hi' });
// @ts-expect-error: the wrong value
set('fleet/berlin', { lng: 1 });
// @ts-expect-error: a stream is no doc
open('chat/lobby');

// Without a contract any name goes, and nothing is known of what it carries
same<NameOf<Contract, 'x/y', StreamDefinition<unknown>>, 'x/y'>(true);
same<NameOf<Contract, string, DocDefinition>, string>(true);
same<CarriedBy<Contract, 'x/y'>, unknown>(true);
same<
  NameOf<Record<never, Definition>, 'x', Definition>,
  'The contract has no channel of this kind with this name'
>(true);

// A contract is read only, and holds definitions alone
// @ts-expect-error
channels.global = stream();
// @ts-expect-error
defineChannels({ x: { kind: 'stream' } });
// @ts-expect-error
stream({ keep: { entires: 5 } });
// @ts-expect-error
state({ keep: { entries: 5 } });
// @ts-expect-error
doc({ schema: message });

// Times are numbers of milliseconds, or a number with a unit
const times: readonly Duration[] = [1, 0.5, '250ms', '30s', '5m', '12h', '7d', '1.5h'];
void times;
// @ts-expect-error
const weeks: Duration = '2w';
void weeks;
// @ts-expect-error
const bare: Duration = '60';
void bare;

// A durable log is a kind of its own: no stream of messages, and nothing that the SDK publishes to.
same<PatternOf<C, 'answers/7'>, 'answers/:id'>(true);
same<PatternOf<C, 'answers/7', DurableDefinition>, 'answers/:id'>(true);
same<PatternOf<C, 'answers/7', StreamDefinition<unknown>>, never>(true);
same<CarriedBy<C, 'answers/7'>, never>(true);
same<PresenceOf<C, 'answers/7'>, Who>(true);
