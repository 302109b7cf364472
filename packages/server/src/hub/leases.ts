/**
 * Who has entered where: which keys of a channel's companion belong to which session, and that they go when it goes (rules N1 to
 * N4). Sessions enter and leave through it, and what it appends takes the way of every entry. It knows keys, entries and times;
 * not who may enter, nor what members say of themselves.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Clock, deleteEntry } from '@syncline/protocol/wire';
import type { Append } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';
import { type Logger, type Metrics, reason } from '../observe.ts';

export interface LeaseSettings {
  readonly presenceGraceMs: number;
  /** So many keys one user may have in one channel, those included that are waited for. */
  readonly sessionsPerUserMax: number;
  readonly channelsPerSessionMax: number;
}

export interface LeaseTools {
  /** Opens the channel of that name. */
  readonly open: (name: string) => Promise<Channel>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What a session enters with. */
export interface Entering {
  /** The companion's name. */
  readonly channel: string;
  readonly key: string;
  /** What is to stand under the key, `from` whom. */
  readonly append: Omit<Append, 'keep'>;
  /** The id of the token that the session came with, if it has one. */
  readonly tokenId: string | undefined;
}

/** A companion in which there are members. It is held open for as long. */
interface Room {
  readonly name: string;
  readonly members: Map<string, Member>;
  /** Those of each user; of those that are waited for, the one that went first stands before the others. */
  readonly byUser: Map<string | null, Set<Member>>;
  readonly opening: Promise<Channel>;
  letGo: () => void;
}

/** A key that belongs to the sessions of one client. */
interface Member {
  readonly room: Room;
  readonly key: string;
  readonly from: string | null;
  tokenId: string | undefined;
  /** The session that entered last, by its number; 0 when it has gone. */
  holder: number;
  /** Whether it is to be removed, or is about to be. */
  leaving: boolean;
  /** What stands under the key, and where; null: nothing; undefined: nobody knows, since an append was never answered. */
  stored: { readonly append: Entering['append']; readonly offset: number } | null | undefined;
  /** What is done for it waits for what was begun before. It never rejects. */
  line: Promise<void>;
  /** How much is in the line. */
  begun: number;
  /** Ends the wait for its session to come back, or for the next attempt. */
  cancel: Cancel;
}

/** How long after a failure something is tried again. */
const retryMs = 1000;
/** Members that are removed within one turn of the event loop. */
const removalsPerTurn = 256;
/** Members without a session that are waited for; beyond it those that have been away for longest go. */
const lingeringMaxDefault = 100_000;

export class Leases {
  readonly #settings: LeaseSettings;
  readonly #tools: LeaseTools;
  readonly #lingeringMax: number;
  readonly #rooms = new Map<string, Room>();
  readonly #held = new Map<number, Set<Member>>();
  /** Members whose session has gone, the one that went first before the others. */
  readonly #lingering = new Set<Member>();
  /** Members that are to be removed, and how many more of them may be in this turn. */
  readonly #going = new Set<Member>();
  #room = removalsPerTurn;
  #holders = 0;
  #closed = false;

  constructor(settings: LeaseSettings, tools: LeaseTools, lingeringMax = lingeringMaxDefault) {
    this.#settings = settings;
    this.#tools = tools;
    this.#lingeringMax = lingeringMax;
  }

  /** A number for a session: of two, the one that connected later has the higher. */
  holder(): number {
    return ++this.#holders;
  }

  /**
   * Makes a session the holder of a key, whoever held it before; resolves once the log holds what it entered with. Where that
   * stands there already nothing is appended.
   *
   * @throws SyncError `too_many` when this session holds too much, or the channel; or what the broker or the opening threw: then
   * what stood before still does, but after `unavailable` nobody knows.
   */
  async enter(holder: number, entering: Entering): Promise<void> {
    if (this.#closed) throw new SyncError('restart');
    const known = this.#find(entering.channel, entering.key);
    // A client that changes over to a newer connection may have said this on the older one, which is read later.
    if (known && known.holder > holder) return await known.line;
    this.#checkCount(holder, known);
    const member = known ?? this.#add(entering);
    this.#letGo(member);
    member.leaving = false;
    member.tokenId = entering.tokenId;
    this.#hold(member, holder);
    await this.#inLine(member, () => this.#store(member, entering.append));
  }

  /** Removes a key at once, but not from under a newer session. @throws SyncError as the broker; it is tried again nevertheless. */
  async leave(holder: number, channel: string, key: string): Promise<void> {
    const member = this.#find(channel, key);
    if (!member || member.holder > holder) return;
    this.#letGo(member);
    member.leaving = true;
    await this.#inLine(member, () => this.#remove(member));
  }

  /** The session has gone: what it holds goes too, at once or when it hasn't come back for the time of grace. */
  release(holder: number, atOnce: boolean): void {
    if (this.#closed) return;
    for (const member of this.#held.get(holder) ?? []) {
      this.#letGo(member);
      if (atOnce) this.#removeSoon(member);
      else this.#linger(member);
    }
  }

  /** Waits no more for those of this user, or of this token, to come back. */
  withdraw(whose: { readonly user: string } | { readonly tokenId: string }): void {
    for (const member of this.#lingering) {
      if ('user' in whose ? member.from === whose.user : member.tokenId === whose.tokenId) {
        this.#letGo(member);
        this.#removeSoon(member);
      }
    }
  }

  /** What a session holds. */
  of(holder: number): readonly { readonly channel: string; readonly key: string }[] {
    return [...(this.#held.get(holder) ?? [])].map(({ room, key }) => ({ channel: room.name, key }));
  }

  /** Waits for nothing any more. What stands in the logs stays: sessions that leave this node may go on at another. */
  close(): void {
    this.#closed = true;
    this.#going.clear();
    for (const { members, letGo } of this.#rooms.values()) {
      for (const member of members.values()) member.cancel();
      letGo();
    }
  }

  #find(channel: string, key: string): Member | undefined {
    return this.#rooms.get(channel)?.members.get(key);
  }

  #checkCount(holder: number, member: Member | undefined): void {
    const held = this.#held.get(holder);
    const { channelsPerSessionMax } = this.#settings;
    if (!held || held.size < channelsPerSessionMax || (member && held.has(member))) return;
    throw new SyncError(
      'too_many',
      `A session may enter ${channelsPerSessionMax} channels. Leave some, or raise \`channelsPerSessionMax\`.`,
    );
  }

  #add({ channel, key, append, tokenId }: Entering): Member {
    const room = this.#rooms.get(channel) ?? this.#openRoom(channel);
    const member: Member = {
      ...{ room, key, from: append.from, tokenId, holder: 0, leaving: false, stored: null },
      ...{ line: Promise.resolve(), begun: 0, cancel: () => {} },
    };
    room.members.set(key, member);
    this.#tools.metrics.membersOpen++;
    this.#boundUser(member);
    return member;
  }

  /**
   * A user comes in again: of more than there may be, the one that has been away for longest is waited for no more. So whoever
   * connects and goes again and again can't fill a channel.
   */
  #boundUser(member: Member): void {
    const { room, from } = member;
    const theirs = room.byUser.get(from) ?? new Set();
    room.byUser.set(from, theirs.add(member));
    if (from === null || theirs.size <= this.#settings.sessionsPerUserMax) return;
    const longest = [...theirs].find((one) => this.#lingering.has(one));
    if (longest) this.#removeSoon(longest);
  }

  #openRoom(name: string): Room {
    const members = new Map<string, Member>();
    const opening = this.#tools.open(name).then((channel) => {
      room.letGo = channel.hold(() => this.#enterAnew(room));
      return channel;
    });
    // Whoever enters is told; nobody need be when all have gone.
    opening.catch(() => {});
    const room: Room = { name, members, byUser: new Map(), opening, letGo: () => {} };
    this.#rooms.set(name, room);
    return room;
  }

  #hold(member: Member, holder: number): void {
    const held = this.#held.get(holder) ?? new Set();
    this.#held.set(holder, held.add(member));
    member.holder = holder;
  }

  /** Takes a member from its session, or ends the wait for one. */
  #letGo(member: Member): void {
    const held = this.#held.get(member.holder);
    held?.delete(member);
    if (held?.size === 0) this.#held.delete(member.holder);
    member.holder = 0;
    this.#lingering.delete(member);
    member.cancel();
  }

  #linger(member: Member): void {
    this.#lingering.add(member);
    const theirs = member.room.byUser.get(member.from);
    if (theirs?.delete(member)) theirs.add(member);
    member.cancel = this.#tools.clock.timer(this.#settings.presenceGraceMs, () => this.#removeSoon(member));
    const [first] = this.#lingering;
    if (first && this.#lingering.size > this.#lingeringMax) this.#removeSoon(first);
  }

  /** Removes it in this turn, or in one of the next where many go at once. */
  #removeSoon(member: Member): void {
    this.#letGo(member);
    member.leaving = true;
    this.#going.add(member);
    this.#removeSome();
  }

  #removeSome(): void {
    if (this.#room === removalsPerTurn)
      this.#tools.clock.endOfTurn(() => {
        this.#room = removalsPerTurn;
        if (this.#going.size > 0) this.#removeSome();
      });
    for (const member of this.#going) {
      if (this.#room === 0) return;
      this.#room--;
      this.#going.delete(member);
      this.#removeNow(member);
    }
  }

  /** Removes it with nobody to tell when that fails. */
  #removeNow(member: Member): void {
    this.#inLine(member, () => this.#remove(member)).catch(() => {});
  }

  /** Does something for a member after what was begun before. When the line is empty and nothing is stored, it is one no more. */
  #inLine(member: Member, work: () => Promise<void>): Promise<void> {
    member.begun++;
    const done = member.line.then(work).finally(() => {
      member.begun--;
      if (member.begun === 0 && member.stored === null) this.#forget(member);
    });
    member.line = done.catch(() => {});
    return done;
  }

  #forget(member: Member): void {
    const { room, key, from } = member;
    this.#letGo(member);
    room.members.delete(key);
    const theirs = room.byUser.get(from);
    theirs?.delete(member);
    if (theirs?.size === 0) room.byUser.delete(from);
    this.#tools.metrics.membersOpen--;
    if (room.members.size > 0 || this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    room.letGo();
  }

  async #store(member: Member, append: Entering['append']): Promise<void> {
    if (member.stored?.append.data === append.data) return;
    const channel = await member.room.opening;
    this.#refuseClosed();
    try {
      const { offset } = await channel.append(append);
      if (member.stored === null) this.#tools.metrics.membersEntered++;
      member.stored = { append, offset };
    } catch (thrown) {
      if (!isRefusal(thrown)) member.stored = undefined;
      throw thrown;
    }
  }

  async #remove(member: Member): Promise<void> {
    if (!member.leaving || member.stored === null) return;
    const { room, key, from, stored } = member;
    try {
      const channel = await room.opening;
      this.#refuseClosed();
      // Where something newer stands it isn't ours: the client has entered by another node.
      await channel.append({ data: deleteEntry(key), from, key, keyEnds: true, ifKeyAt: stored?.offset });
    } catch (thrown) {
      if (!(thrown instanceof SyncError && thrown.code === 'precondition')) {
        this.#again(member, 'A member who is gone could not be removed', thrown, () => this.#remove(member));
        throw thrown;
      }
    }
    member.stored = null;
  }

  /** The companion's log is another one: what stands in it isn't known any more, and whoever is in enters it as well. */
  #enterAnew(room: Room): void {
    for (const member of room.members.values())
      this.#inLine(member, () => this.#storeAnew(member)).catch(() => {});
  }

  async #storeAnew(member: Member, append = member.stored?.append): Promise<void> {
    if (!append) return;
    member.stored = undefined;
    if (member.holder === 0) return;
    try {
      await this.#store(member, append);
    } catch (thrown) {
      this.#again(member, 'A member could not be entered into a new log', thrown, () =>
        this.#storeAnew(member, append),
      );
    }
  }

  #again(member: Member, what: string, thrown: unknown, work: () => Promise<void>): void {
    if (this.#closed) return;
    const { clock, logger } = this.#tools;
    logger.error({ channel: member.room.name, reason: reason(thrown) }, `${what}; it is tried again.`);
    member.cancel = clock.timer(retryMs, () => void this.#inLine(member, work).catch(() => {}));
  }

  #refuseClosed(): void {
    if (this.#closed) throw new SyncError('restart');
  }
}

/** Whether a failure proves that nothing was stored. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof SyncError && thrown.code !== 'unavailable' && thrown.code !== 'internal';
}
