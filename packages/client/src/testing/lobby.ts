/**
 * A channel with company and a scripted server that has its companion's log: who enters and leaves there is said with true offsets.
 * Tests of presence and signals script their servers with it.
 */
import type { ClientFrame, FrameOf } from '@syncline/protocol/wire';
import type { ClientOptions, MemberChange, StreamChannel, WithPresence } from '../index.ts';
import { type Scene, type ScriptedLink, scene } from './scripted.ts';

const name = 'chat/a';
/** The numbers by which the node calls the channel and its companion. */
const ids = { channel: 1, companion: 2 } as const;

/** A key as servers derive them, of a client that the test calls by a word. */
export const keyOf = (word: string): string => word.padEnd(22, '_');
/** When the entry at an offset was stored. */
export const sinceOf = (offset: number): number => 5_000_000 + offset;

export interface Lobby extends Scene {
  readonly room: StreamChannel<unknown> & WithPresence<unknown, unknown>;
  /** What was told of the members since `follow`. */
  readonly changes: MemberChange<unknown>[];
  /** The same in short: `enter ada`. */
  readonly told: () => string[];
  /** The members in short: `ada: data of each connection`; `!` marks this client's. */
  readonly shown: () => string[];
  /** Takes the subscription to the companion and confirms it, at the end of its log. */
  readonly followed: (link?: ScriptedLink) => void;
  /** Says that a client of a user entered, or has new data. */
  readonly enter: (word: string, user: string | null, data: unknown) => void;
  readonly leave: (word: string) => void;
  /** Takes the client's `enter` and answers it. */
  readonly entered: (word?: string) => FrameOf<ClientFrame, 'enter'>;
  /** Says what others signalled: by which client, as which user, and what. */
  readonly signals: (...list: readonly (readonly [string, string | null, unknown])[]) => void;
}

/** A client with a stream. It hasn't connected yet. */
export function lobby(options: ClientOptions = {}): Lobby {
  const here = scene(options);
  const { server } = here;
  const room = here.client.stream(name);
  const changes: MemberChange<unknown>[] = [];
  const users = new Map<string, string | null>();
  let top = 0;
  const say = (from: string | null, ...row: unknown[]) => {
    top++;
    server.link.entries(ids.companion, top, [sinceOf(top), from, row]);
  };
  return {
    ...here,
    room,
    changes,
    told: () => changes.map(({ type, member }) => `${type} ${member.user}`),
    shown: () =>
      room.presence.members.get().map(({ user, self, connections }) => {
        const all = connections.map((one) => `${one.data}${one.self ? '!' : ''}`);
        return `${user}${self ? '!' : ''}: ${all.join(' ')}`;
      }),
    followed: (link = server.link) => {
      const { ref, channel, start } = link.take('subscribe');
      if (channel !== `${name}?presence`) throw new Error(`It follows "${channel}".`);
      const position = typeof start === 'number' ? { epoch: 'e', offset: top, check: 0 } : start;
      link.say({ type: 'subscribed', ref, id: ids.companion, position, top, gap: null, stamped: true });
    },
    enter: (word, user, data) => {
      users.set(word, user);
      say(user, keyOf(word), data);
    },
    leave: (word) => say(users.get(word) ?? null, keyOf(word)),
    entered: (word = 'me') => {
      const frame = server.link.take('enter');
      server.link.say({ type: 'entered', ref: frame.ref, key: keyOf(word) });
      return frame;
    },
    signals: (...list) =>
      server.link.say({
        type: 'signals',
        id: ids.channel,
        signals: list.map(([word, user, data]) => [keyOf(word), user, JSON.stringify(data)]),
      }),
  };
}

/** A client that follows who is there, and nobody is. */
export function follower(options: ClientOptions = {}): Lobby & { readonly stop: () => void } {
  const here = lobby(options);
  const stop = here.room.presence.on('change', (change) => here.changes.push(change));
  here.server.link.welcome();
  here.followed();
  return { ...here, stop };
}
