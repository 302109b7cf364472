/**
 * Who has entered where: which keys of a channel's companion belong to which session, and that they go when it goes (rules N1 to
 * N4). Sessions enter and leave through it, and what it appends takes the way of every entry. It knows keys, entries and times;
 * not who may enter, nor what members say of themselves.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, deleteEntry } from '@syncline/protocol/wire';
import type { Appended } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';
import type { Logger, Metrics } from '../observe.ts';
import { ByTurns } from './byturns.ts';
import { Groups } from './groups.ts';
import { Lines } from './lines.ts';
import { type Member, Members, type Room, type Whose } from './members.ts';
import { type MemberAppend, type Shared, Standing } from './standing.ts';

export interface LeaseSettings {
  readonly presenceGraceMs: number;
  /** So many keys one user may have in one channel, those included that are waited for. */
  readonly sessionsPerUserMax: number;
  readonly channelsPerSessionMax: number;
}

/** Hears of members who came or went by what this node appended, once that is stored. It must not throw. */
export interface MemberNews {
  /** Somebody is in. Of one who changes over to another node it is told again, and so of one who was taken for gone. */
  joined(channel: string, append: MemberAppend, appended: Appended): void;
  left(channel: string, append: MemberAppend, appended: Appended): void;
}

export interface LeaseTools {
  /** Opens the channel of that name. */
  readonly open: (name: string) => Promise<Channel>;
  /** Left out where this node's logs are its own. */
  readonly shared?: Shared | undefined;
  /** Left out where nobody wants to know. */
  readonly news?: MemberNews | undefined;
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
  readonly append: MemberAppend;
  /** The id of the token that the session came with, if it has one. */
  readonly tokenId: string | undefined;
}

/** Members that are removed within one turn of the event loop. */
const removalsPerTurn = 256;
/** Members without a session that are waited for; beyond it those that have been away for longest go. */
const waitingMaxDefault = 100_000;

export class Leases {
  readonly #settings: LeaseSettings;
  readonly #tools: LeaseTools;
  readonly #waitingMax: number;
  readonly #standing: Standing;
  readonly #members = new Members();
  readonly #lines: Lines;
  /** Members that are to be removed. */
  readonly #going: ByTurns<Member>;
  #holders = 0;
  #closed = false;

  constructor(settings: LeaseSettings, tools: LeaseTools, waitingMax = waitingMaxDefault) {
    this.#settings = settings;
    this.#tools = tools;
    this.#waitingMax = waitingMax;
    this.#standing = new Standing(tools.shared);
    this.#lines = new Lines(tools, (member) => {
      // Nothing of it stands anywhere: it is one no more.
      if (member.stored === null) this.#forget(member);
    });
    // With nobody to tell when it fails.
    this.#going = new ByTurns(tools.clock, removalsPerTurn, (member) =>
      this.#lines.later(member, () => this.#remove(member)),
    );
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
    const known = this.#members.find(entering.channel, entering.key);
    // A client that changes over to a newer connection may have said this on the older one, which is read later.
    if (known && known.holder > holder) return await known.line;
    this.#checkCount(holder, known);
    const member = known ?? this.#add(entering);
    this.#members.letGo(member);
    member.leaving = false;
    member.tokenId = entering.tokenId;
    member.enteredAt = this.#standing.now();
    this.#members.hold(member, holder);
    await this.#lines.do(member, () => this.#store(member, entering.append));
  }

  /** Removes a key at once, but not from under a newer session. @throws SyncError as the broker; it is tried again nevertheless. */
  async leave(holder: number, channel: string, key: string): Promise<void> {
    const member = this.#members.find(channel, key);
    if (!member || member.holder > holder) return;
    this.#members.letGo(member);
    member.leaving = true;
    await this.#lines.do(member, () => this.#remove(member));
  }

  /** The session has gone: what it holds goes too, at once or when it hasn't come back for the time of grace. */
  release(holder: number, atOnce: boolean): void {
    if (this.#closed) return;
    for (const member of this.#members.heldBy(holder)) {
      this.#members.letGo(member);
      if (atOnce) this.#removeSoon(member);
      else this.#wait(member);
    }
  }

  /** Waits no more for those of this user, or of this token, to come back. */
  withdraw(whose: Whose): void {
    for (const member of this.#members.waitingOf(whose)) this.#removeSoon(member);
  }

  /** Whether a key is somebody's here. */
  has(channel: string, key: string): boolean {
    return this.#members.find(channel, key) !== undefined;
  }

  /** The log of a companion was read on: what stands under these keys, or under all, may not be what this node put there. */
  compare(channel: string, keys?: Iterable<string>): void {
    const members = this.#members.room(channel)?.members;
    for (const key of keys ?? members?.keys() ?? []) {
      const member = members?.get(key);
      if (member && !member.leaving && this.#standing.judge(member).whose !== 'same')
        this.#lines.later(member, () => this.#reconcile(member));
    }
  }

  /** What a session holds. */
  of(holder: number): readonly { readonly channel: string; readonly key: string }[] {
    return this.#members.heldBy(holder).map(({ room, key }) => ({ channel: room.name, key }));
  }

  /** Waits for nothing any more. What stands in the logs stays: sessions that leave this node may go on at another. */
  close(): void {
    this.#closed = true;
    this.#lines.close();
    this.#going.clear();
    for (const { members, letGo } of this.#members.rooms()) {
      for (const member of members.values()) {
        member.stopWaiting();
        member.stopRetrying();
      }
      letGo();
    }
  }

  #checkCount(holder: number, member: Member | undefined): void {
    const { channelsPerSessionMax } = this.#settings;
    if (this.#members.hasRoom(holder, channelsPerSessionMax, member)) return;
    throw new SyncError(
      'too_many',
      `A session may enter ${channelsPerSessionMax} channels. Leave some, or raise \`channelsPerSessionMax\`.`,
    );
  }

  #add({ channel, key, append }: Entering): Member {
    const room = this.#members.room(channel) ?? this.#openRoom(channel);
    const member = this.#members.add(room, key, append.from);
    this.#tools.metrics.membersOpen++;
    this.#boundUser(member);
    return member;
  }

  /**
   * A user comes in again: of more than there may be, the one that has been away for longest is waited for no more. So whoever
   * connects and goes again and again can't fill a channel.
   */
  #boundUser({ room, from }: Member): void {
    if (from === null || room.byUser.count(from) <= this.#settings.sessionsPerUserMax) return;
    const longest = room.byUser.of(from).find((one) => this.#members.waits(one));
    if (longest) this.#removeSoon(longest);
  }

  #openRoom(name: string): Room {
    const opening = this.#tools.open(name).then((channel) => {
      room.letGo = channel.hold(() => this.#enterAnew(room));
      return channel;
    });
    // Whoever enters is told; nobody need be when all have gone.
    opening.catch(() => {});
    const room: Room = { name, members: new Map(), byUser: new Groups(), opening, letGo: () => {} };
    this.#members.addRoom(room);
    return room;
  }

  /** Its session has gone: it stays for the time of grace. */
  #wait(member: Member): void {
    this.#members.wait(member);
    const { presenceGraceMs } = this.#settings;
    member.stopWaiting = this.#tools.clock.timer(presenceGraceMs, () => this.#removeSoon(member));
    const longest = this.#members.longestOf(this.#waitingMax);
    if (longest) this.#removeSoon(longest);
  }

  /** Removes it in this turn, or in one of the next where many go at once. */
  #removeSoon(member: Member): void {
    this.#members.letGo(member);
    member.leaving = true;
    this.#going.add(member);
  }

  #forget(member: Member): void {
    this.#members.remove(member);
    this.#tools.metrics.membersOpen--;
  }

  async #store(member: Member, append: MemberAppend): Promise<void> {
    const { stored } = member;
    const stands = stored && stored.offset > 0 && this.#standing.judge(member).whose === 'same';
    if (stands && stored.append.data === append.data) return;
    const channel = await this.#opened(member);
    try {
      const appended = await channel.append(this.#standing.marked(append, member.enteredAt));
      if (member.stored === null) this.#tools.metrics.membersEntered++;
      member.stored = { append, offset: appended.offset };
      member.last = append;
      // Where it stood already only what it says of itself is another.
      if (!stands) this.#tools.news?.joined(member.room.name, append, appended);
    } catch (thrown) {
      if (!isRefusal(thrown)) member.stored = undefined;
      throw thrown;
    }
  }

  async #remove(member: Member): Promise<void> {
    if (!member.leaving || member.stored === null) return;
    const { key, from } = member;
    try {
      const channel = await this.#opened(member);
      const ifKeyAt = this.#standing.offsetOf(member);
      // Where something newer stands it isn't ours: the client has entered by another node.
      const append = { data: deleteEntry(key), from, key, keyEnds: true, ifKeyAt };
      if (ifKeyAt !== 0) {
        const appended = await channel.append(append);
        this.#tools.news?.left(member.room.name, append, appended);
      }
    } catch (thrown) {
      if (!(thrown instanceof SyncError && thrown.code === 'precondition')) {
        this.#lines.again(member, 'A member who is gone could not be removed', thrown, () =>
          this.#remove(member),
        );
        throw thrown;
      }
    }
    member.stored = null;
  }

  /** The companion's log is another one: what stands in it isn't known any more, and whoever is in enters it as well. */
  #enterAnew(room: Room): void {
    for (const member of room.members.values()) {
      // What other nodes have entered there is known once it was read; it is compared then.
      if (this.#tools.shared && member.stored) member.stored = { ...member.stored, offset: 0 };
      else if (!this.#tools.shared) this.#lines.later(member, () => this.#storeAnew(member));
    }
  }

  async #storeAnew(member: Member): Promise<void> {
    if (!member.stored) return;
    const { append } = member.stored;
    member.stored = undefined;
    await this.#enterAgain(member, append);
  }

  /**
   * Makes of a difference what it means: the client has gone to another node, and is that one's; or others took this node for gone
   * while it was frozen or cut off, and whoever is still in enters again, unless somebody did so meanwhile.
   */
  async #reconcile(member: Member): Promise<void> {
    const { whose, offset } = this.#standing.judge(member);
    const { holder, last, stored, leaving } = member;
    if (whose === 'same' || leaving) return;
    if (whose !== 'theirs' && holder !== 0 && last) return await this.#enterAgain(member, last, offset);
    // Nobody is there for whom it could be put right: what is ours goes when the wait is over.
    member.stored = whose === 'ours' && stored ? { ...stored, offset } : null;
  }

  /** @param ifKeyAt where several nodes share the log: what stands there until then */
  async #enterAgain(member: Member, append: MemberAppend, ifKeyAt?: number): Promise<void> {
    if (member.holder === 0) return;
    try {
      const channel = await this.#opened(member);
      const appended = await channel.append(this.#standing.marked(append, member.enteredAt, ifKeyAt));
      member.stored = { append, offset: appended.offset };
      this.#tools.news?.joined(member.room.name, append, appended);
    } catch (thrown) {
      // Something else has come, which is compared when it is read.
      if (thrown instanceof SyncError && thrown.code === 'precondition') return;
      this.#lines.again(member, 'A member could not be entered into its log again', thrown, () =>
        ifKeyAt === undefined ? this.#enterAgain(member, append) : this.#reconcile(member),
      );
    }
  }

  async #opened({ room }: Member): Promise<Channel> {
    const channel = await room.opening;
    if (this.#closed) throw new SyncError('restart');
    return channel;
  }
}

/** Whether a failure proves that nothing was stored. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof SyncError && thrown.code !== 'unavailable' && thrown.code !== 'internal';
}
