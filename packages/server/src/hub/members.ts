/**
 * The members that this node holds: found by companion and key, by the session that holds them, and, while they wait for a session to
 * come back, by user and by token. Leases keep theirs here and say what becomes of them; nothing here appends, or knows a log.
 */
import type { Cancel } from '@syncline/protocol/wire';
import type { Channel } from '../channel.ts';
import { Groups } from './groups.ts';
import type { Believed, MemberAppend } from './standing.ts';

/** A companion in which there are members. It is held open for as long. */
export interface Room {
  readonly name: string;
  readonly members: Map<string, Member>;
  /** Those of each user; of those that are waited for, the one that went first stands before the others. */
  readonly byUser: Groups<string | null, Member>;
  readonly opening: Promise<Channel>;
  letGo: () => void;
}

/** A key that belongs to the sessions of one client. */
export interface Member extends Believed {
  readonly room: Room;
  readonly from: string | null;
  /** The id of the token that its session came with, if it has one. */
  tokenId: string | undefined;
  /** The session that entered last, by its number; 0 when it has gone. */
  holder: number;
  /** Whether it is to be removed, or is about to be. */
  leaving: boolean;
  stored: Believed['stored'];
  /** What was stored last. */
  last: MemberAppend | undefined;
  enteredAt: number;
  /** What is done for it waits for what was begun before. It never rejects. */
  line: Promise<void>;
  /** How much is in the line. */
  begun: number;
  /** Ends the wait for its session to come back. */
  stopWaiting: Cancel;
  /** Ends the wait for the next attempt. It is apart from the other: while one attempt fails its session may go, and come back. */
  stopRetrying: Cancel;
}

/** Whose members: those of a user, or of a token. */
export type Whose = { readonly user: string } | { readonly tokenId: string };

export class Members {
  readonly #rooms = new Map<string, Room>();
  readonly #held = new Groups<number, Member>();
  /** Members whose session has gone, the one that went first before the others. */
  readonly #waiting = new Set<Member>();
  readonly #waitingByUser = new Groups<string | null, Member>();
  readonly #waitingByToken = new Groups<string | undefined, Member>();

  /** Companions in which there are members. */
  rooms(): Iterable<Room> {
    return this.#rooms.values();
  }

  room(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  find(channel: string, key: string): Member | undefined {
    return this.#rooms.get(channel)?.members.get(key);
  }

  /** Those that a session holds. */
  heldBy(holder: number): readonly Member[] {
    return this.#held.of(holder);
  }

  /** Whether a session holds fewer than so many, this one left out. */
  hasRoom(holder: number, max: number, member: Member | undefined): boolean {
    return this.#held.count(holder) < max || (member !== undefined && this.#held.has(holder, member));
  }

  addRoom(room: Room): void {
    this.#rooms.set(room.name, room);
  }

  /** A new member, whom nobody holds yet. */
  add(room: Room, key: string, from: string | null): Member {
    const member: Member = {
      ...{ room, key, from, tokenId: undefined, holder: 0, leaving: false, stored: null, last: undefined },
      ...{ line: Promise.resolve(), begun: 0, enteredAt: 0, stopWaiting: () => {}, stopRetrying: () => {} },
    };
    room.members.set(key, member);
    room.byUser.add(from, member);
    return member;
  }

  /** It is one no more; its room goes with the last. */
  remove(member: Member): void {
    const { room, key, from } = member;
    this.letGo(member);
    room.members.delete(key);
    room.byUser.delete(from, member);
    if (room.members.size > 0 || this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    room.letGo();
  }

  /** A session holds it now. */
  hold(member: Member, holder: number): void {
    this.#held.add(holder, member);
    member.holder = holder;
  }

  /** Takes a member from its session, or ends the wait for one, and for another attempt. */
  letGo(member: Member): void {
    this.#held.delete(member.holder, member);
    member.holder = 0;
    member.stopWaiting();
    member.stopRetrying();
    if (!this.#waiting.delete(member)) return;
    this.#waitingByUser.delete(member.from, member);
    this.#waitingByToken.delete(member.tokenId, member);
  }

  /** Its session has gone, and may come back: it stands behind all who are waited for. */
  wait(member: Member): void {
    const { room, from, tokenId } = member;
    this.#waiting.add(member);
    this.#waitingByUser.add(from, member);
    this.#waitingByToken.add(tokenId, member);
    room.byUser.delete(from, member);
    room.byUser.add(from, member);
  }

  /** Whether its session is waited for. */
  waits(member: Member): boolean {
    return this.#waiting.has(member);
  }

  /** Of more than so many that are waited for, the one whose session went first. */
  longestOf(max: number): Member | undefined {
    const [first] = this.#waiting;
    return this.#waiting.size > max ? first : undefined;
  }

  /** Those of a user, or of a token, that are waited for. */
  waitingOf(whose: Whose): readonly Member[] {
    return 'user' in whose ? this.#waitingByUser.of(whose.user) : this.#waitingByToken.of(whose.tokenId);
  }
}
