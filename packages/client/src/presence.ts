/**
 * Who is in a channel: keeps this client in it across links, and shows its members, one per person, as the channel's companion
 * (rule C4) tells them. Channels of every kind have one, by way of company.ts. It must not know which kinds there are.
 *
 * For whoever builds on it: `new PresenceFor<P>(core, name, terms?)`, `name` being the channel's own, is a `Presence<P>`, and has
 * `companion: State<P>`, whose `entries` are the connections by their keys, and `isOwn(key)`.
 */
import { SyncError } from '@syncline/protocol';
import type { Cancel } from '@syncline/protocol/wire';
import type { Core, Member as Joined } from './core.ts';
import type { StateEntry, Step } from './entries.ts';
import type { Freshness } from './freshness.ts';
import { Lease } from './lease.ts';
import { Pace } from './pace.ts';
import type { Answer } from './requests.ts';
import { promised, type Settle } from './settle.ts';
import { State } from './state.ts';
import { Emitter, type Store } from './store.ts';
import { backoff, retryMsOf } from './timing.ts';
import { type Terms, textFault } from './values.ts';

/** One client that a person has open: a tab, a phone. */
export interface MemberConnection<P> {
  /** Stays the same for as long as the client is there; nobody else can have it. */
  readonly id: string;
  readonly data: P;
  /** When the server stored this data, in ms since 1970 by the server's clock. */
  readonly since: number;
  /** Whether it is this client. */
  readonly self: boolean;
}

/** One person who is there, with as many connections as they have open. Members don't change; a new one takes the place of the old one. */
export interface Member<P> {
  /** Who it is, as the server knows them; null for anonymous, each of whose connections is a member by itself. */
  readonly user: string | null;
  /** Whether this client is one of their connections. */
  readonly self: boolean;
  /** What was said last on any of their connections. */
  readonly data: P;
  /** When the server stored that, in ms since 1970 by the server's clock. */
  readonly since: number;
  /** In the order in which they came. */
  readonly connections: readonly MemberConnection<P>[];
}

/** Someone came with their first connection, is there with other data or other connections, or left with their last one. */
export interface MemberChange<P> {
  readonly type: 'enter' | 'update' | 'leave';
  readonly member: Member<P>;
}

/** Who is in a channel. */
export interface Presence<P> {
  /**
   * Enters the channel, or replaces what was said there before, until `leave`, across reconnects. Resolves once this, or newer
   * data, is stored. At most one is sent in 50 ms, the newest.
   *
   * @throws SyncError `bad_payload`, `payload_too_large`, `forbidden`, or why else the server refused; then what it took before
   * stays. `closed`.
   * @example
   * await room.presence.enter({ name: 'Ada' })
   */
  enter(data: P): Promise<void>;
  /** Leaves. Resolves once the server knows; at once where this client never entered. */
  leave(): Promise<void>;
  /** The people who are there. Followed while someone subscribes to it or to changes; else as last known. */
  readonly members: Store<readonly Member<P>[]>;
  /** How far `members` can be trusted to be up to date. */
  readonly freshness: Store<Freshness>;
  /** Calls `onChange` for each person who came, changed or left, from now on. */
  on(event: 'change', onChange: (change: MemberChange<P>) => void): () => void;
}

/** What was sent: data, as JSON, or null for leaving. It says what the first so many wishes came to. */
interface Saying {
  readonly text: string | null;
  wishes: number;
  answered: boolean;
}

export class PresenceFor<P> implements Presence<P>, Joined {
  readonly members: Store<readonly Member<P>[]>;
  readonly freshness: Store<Freshness>;
  readonly companion: State<P>;
  readonly #core: Core;
  readonly #name: string;
  readonly #lease: Lease;
  readonly #pace: Pace;
  /** What is to be so: data, as JSON; null: not to be there. */
  #wanted: string | null = null;
  /** What the server took last. */
  #taken: string | null = null;
  /** What was said last on the present link. */
  #said: Saying | undefined;
  /** How often something was wished for, and those who wait for what comes of it, by the number of their wish. */
  #wishes = 0;
  #waiting: (readonly [wish: number, settle: Settle<void>])[] = [];
  /** Whether the server may have us as a member. */
  #there = false;
  #failures = 0;
  #again: Cancel | undefined;
  /** By the user, or by the key of who has none; in the order in which they came. */
  readonly #people = new Map<string, Member<P>>();
  #list: readonly Member<P>[] | undefined;
  readonly #listeners: Emitter<void>;
  readonly #changes: Emitter<MemberChange<P>>;

  constructor(core: Core, name: string, terms?: Terms<P>) {
    this.#core = core;
    this.#name = name;
    this.#lease = core.lease ??= new Lease(core.parts);
    this.#pace = new Pace(core, () => this.#say());
    this.#listeners = new Emitter(core.report);
    this.#changes = new Emitter(core.report);
    // Before the companion: who comes back enters first, and reads then.
    core.members.add(this);
    this.companion = new State(core, `${name}?presence`, terms);
    this.freshness = this.companion.freshness;
    this.companion.entries.told((steps) => this.#regroup(steps));
    this.members = {
      get: () => {
        this.#list ??= [...this.#people.values()];
        return this.#list;
      },
      subscribe: (onChange) => this.#follow(this.#listeners.on(onChange)),
    };
    this.#lease.leaving.add(() => {
      if (this.#there && core.connection.open)
        core.connection.request('leave', [name, this.#lease.secret], () => {});
    });
  }

  enter(data: P): Promise<void> {
    const { companion } = this;
    return promised((settle) =>
      companion.outgoing.run(companion.encode(data), (text) => this.#wish(text, settle)),
    );
  }

  leave(): Promise<void> {
    return promised((settle) => this.companion.outgoing.run(null, (text) => this.#wish(text, settle)));
  }

  on(_event: 'change', onChange: (change: MemberChange<P>) => void): () => void {
    return this.#follow(this.#changes.on(onChange));
  }

  /** Whether the server calls this client by that key. */
  isOwn(key: string): boolean {
    return this.#lease.keys.has(key);
  }

  /** What was said on another link needs to be said on this one: so the server knows that we are still there (rule N4). */
  opened(): void {
    this.#say();
  }

  lost(): void {
    this.#said = undefined;
    this.#again?.();
    this.#again = undefined;
    this.#failures = 0;
  }

  closed(error: SyncError): void {
    this.lost();
    this.#pace.stop();
    this.#changes.clear();
    this.#tell(this.#wishes, error);
  }

  #follow(off: () => void): () => void {
    return this.companion.hold(off, Number.MAX_SAFE_INTEGER);
  }

  #wish(text: string | null | SyncError, settle: Settle<void>): void {
    const { connection } = this.#core;
    const refusal = text instanceof SyncError ? text : connection.closedBy;
    if (refusal) return settle(refusal);
    this.#wanted = text as string | null;
    this.#waiting.push([++this.#wishes, settle]);
    if (text !== null) connection.start();
    this.#pace.ask();
  }

  /** Tells those whose wishes came first what came of them. */
  #tell(wishes: number, error?: SyncError): void {
    this.#waiting = this.#waiting.filter(([wish, settle]) => wish > wishes || settle(error));
  }

  /** Says what is to be so, unless that is done, under way or not possible now. */
  #say(): void {
    const { connection } = this.#core;
    const text = this.#wanted;
    const wishes = this.#wishes;
    const said = this.#said;
    if (said?.text === text) {
      said.wishes = wishes;
      if (said.answered) this.#tell(wishes);
    } else if (text === null && !this.#there) {
      this.#tell(wishes);
    } else if (connection.open && !this.#again) {
      const saying: Saying = { text, wishes, answered: false };
      this.#said = saying;
      const fault = text && textFault(text, connection.payloadBytesMax);
      if (fault) return this.#refused(saying, fault);
      this.#pace.rest();
      const who = [this.#name, this.#lease.secret] as const;
      const take = (answer: Answer<'enter' | 'leave'>) => this.#answered(saying, answer);
      if (text === null) return connection.request('leave', who, take);
      this.#there = true;
      connection.request('enter', [...who, JSON.parse(text)], take);
    }
  }

  #answered(saying: Saying, answer: Answer<'enter' | 'leave'>): void {
    saying.answered = true;
    // Who waits goes on waiting for the next link, on which it is said again.
    if (!answer) return;
    if (answer instanceof SyncError) {
      if (answer.next === 'stop') this.#refused(saying, answer);
      else this.#sayAgain(retryMsOf(answer));
      return;
    }
    this.#failures = 0;
    this.#taken = saying.text;
    if (saying.text === null) this.#there = this.#said !== saying;
    if ('key' in answer && !this.isOwn(answer.key)) {
      this.#lease.keys.add(answer.key);
      // It may have been told of before.
      const entry = this.companion.get(answer.key).get();
      if (entry) this.#regroup([[answer.key, entry, entry]]);
    }
    this.#tell(saying.wishes);
  }

  /** It isn't taken, and won't be: what was taken before stands, unless this is it. */
  #refused(saying: Saying, error: SyncError): void {
    const { text } = saying;
    const waited = this.#waiting.length;
    // If it is still what is wished for, that answers all who wished since.
    this.#tell(text === this.#wanted ? this.#wishes : saying.wishes, error);
    if (this.#waiting.length === waited) this.#core.report(error);
    if (text === null || text === this.#taken) this.#taken = null;
    if (text === this.#wanted) this.#wanted = this.#taken;
    if (this.#said !== saying) return;
    this.#said = undefined;
    if (text === null) this.#there = false;
    this.#say();
  }

  #sayAgain(leastMs: number): void {
    const { clock } = this.#core;
    this.#said = undefined;
    this.#again ??= clock.timer(backoff(this.#failures++, clock.random(), leastMs), () => {
      this.#again = undefined;
      this.#say();
    });
  }

  /** Puts the people whose connections changed together anew, and tells. */
  #regroup(steps: readonly Step<P>[]): void {
    const people = this.#people;
    const touched = new Map<string, Map<string, MemberConnection<P>>>();
    for (const [id, now, before] of steps) {
      const { from } = (now ?? before) as StateEntry<P>;
      const self = this.isOwn(id);
      const person = from === null ? `#${id}` : `@${from}`;
      const known = people.get(person)?.connections ?? [];
      const connections = touched.get(person) ?? new Map(known.map((one) => [one.id, one]));
      if (now) connections.set(id, { id, data: now.value, since: now.since, self });
      else connections.delete(id);
      touched.set(person, connections);
      // The server lost us, or something old came after what was said since.
      if (!now && self && this.#wanted !== null && this.#said?.answered) this.#sayAgain(0);
    }
    const changes = [...touched].map(([person, byId]): MemberChange<P> => {
      const before = people.get(person);
      const connections = [...byId.values()];
      if (connections.length === 0) {
        people.delete(person);
        return { type: 'leave', member: before as Member<P> };
      }
      const newest = connections.reduce((a, b) => (a.since > b.since ? a : b));
      const user = person[0] === '@' ? person.slice(1) : null;
      const self = connections.some((one) => one.self);
      const member = { user, self, data: newest.data, since: newest.since, connections };
      people.set(person, member);
      return { type: before ? 'update' : 'enter', member };
    });
    this.#list = undefined;
    this.#listeners.emit();
    for (const change of changes) this.#changes.emit(change);
  }
}
