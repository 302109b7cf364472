/**
 * The sessions of one node: how many there may be, who is here, and how they all leave. The server lets people in through
 * it; it knows identities and ports, no transport and no channel.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import type { Caller, Identity } from '../access.ts';
import { Groups } from '../hub/groups.ts';
import type { Whose } from '../hub/members.ts';
import type { Pulse } from '../pulse.ts';
import { Session } from '../session.ts';
import { Bucket } from './bucket.ts';
import type { Port } from './port.ts';
import type { SessionTools, Who } from './tools.ts';

export interface SessionsSettings extends SessionTools {
  readonly pulse: Pulse;
  readonly sessionsMax: number;
  readonly sessionsPerUserMax: number;
  readonly requestsBurstMax: number;
  readonly requestsPerSecondMax: number;
}

/** What a node knows of one user: how many sessions, and what all of them together may still ask for. */
interface User {
  places: number;
  readonly bucket: Bucket;
}

/** A place for one session: opened once its connection stands, and given back with `gone`, opened or not. */
export interface Place {
  open(port: Port): Session;
  gone(): void;
}

export class Sessions {
  readonly #settings: SessionsSettings;
  readonly #sessions = new Set<Session>();
  /** Those of somebody in particular, and those that came with a token that has an id: who is sent away is found at once. */
  readonly #byUser = new Groups<string, Session>();
  readonly #byToken = new Groups<string, Session>();
  readonly #users = new Map<string, User>();
  /** Users without a session whose bucket isn't full again: they come back to what they left. */
  readonly #gone = new Map<string, User>();
  /** The same of networks that posts of nobody in particular came from. */
  readonly #networks = new Map<string, User>();
  #admitted = 0;
  #ids = 0;
  #onEmpty: (() => void) | undefined;

  constructor(settings: SessionsSettings) {
    this.#settings = settings;
  }

  /** Takes a place for a session; whoever got past the handshake opens it. @throws SyncError `too_many` */
  admit(identity: Identity, caller: Caller): Place {
    return new Taken(this, { identity, caller, bucket: this.#take(identity.user) });
  }

  /** Opens the session of whoever has a place. */
  begin(who: Who, port: Port): Session {
    const { metrics, pulse } = this.#settings;
    const onRenewed = (before: Identity): void => {
      this.#unlist(session, before);
      this.#list(session);
    };
    const id = (++this.#ids).toString(36);
    const session = new Session(id, { ...who, onRenewed }, port, this.#settings);
    this.#sessions.add(session);
    this.#list(session);
    pulse.join(session);
    metrics.sessionsOpened++;
    metrics.sessionsOpen++;
    return session;
  }

  /** A place is given back, and its session is over, if it was opened. */
  finished(user: string | null, session: Session | undefined): void {
    const { metrics, pulse } = this.#settings;
    this.#giveBack(user);
    if (!session) return;
    pulse.leave(session);
    this.#sessions.delete(session);
    this.#unlist(session, session.identity);
    metrics.sessionsOpen--;
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  /**
   * What a request without a session is charged to: as the user's sessions are; of nobody in particular as all that comes from
   * that network.
   */
  bucketOf(user: string | null, network: string): Bucket {
    forgetFull(this.#gone);
    forgetFull(this.#networks);
    const [known, name] = user === null ? [this.#networks, network] : [this.#gone, user];
    const found = (user !== null && this.#users.get(user)) || known.get(name);
    if (found) return found.bucket;
    const made: User = { places: 0, bucket: this.#bucket() };
    known.set(name, made);
    return made.bucket;
  }

  /** Tells all that the server leaves, and spreads when they come back over `windowMs`, so that they don't all come at once. */
  leave(why: string, windowMs: number): void {
    const { clock } = this.#settings;
    for (const session of this.#sessions) session.leave(why, Math.floor(clock.random() * windowMs));
  }

  /** Tells all how the way to the logs is (rule H5). */
  heartbeat(): void {
    for (const session of this.#sessions) session.heartbeat();
  }

  /** Ends all, each once the requests under way are answered. */
  finish(why: string): void {
    for (const session of this.#sessions) session.finish('restart', why);
  }

  /**
   * Ends the sessions of a user, or those that have their rights by a token, at once; returns how many there were.
   *
   * @param meant which of them; default: all
   */
  end(
    whose: Whose,
    code: ErrorCode,
    why: string,
    meant: (identity: Identity) => boolean = () => true,
  ): number {
    const all = 'user' in whose ? this.#byUser.of(whose.user) : this.#byToken.of(whose.tokenId);
    const found = all.filter(({ identity }) => meant(identity));
    for (const session of found) session.end(code, why);
    return found.length;
  }

  /** Resolves when no session is left, or the time is over. */
  emptied(withinMs: number): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#settings.clock.timer(withinMs, resolve);
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
    });
  }

  #list(session: Session): void {
    const { user, tokenId } = session.identity;
    if (user !== null) this.#byUser.add(user, session);
    if (tokenId !== undefined) this.#byToken.add(tokenId, session);
  }

  /** @param identity by which it was listed */
  #unlist(session: Session, { user, tokenId }: Identity): void {
    if (user !== null) this.#byUser.delete(user, session);
    if (tokenId !== undefined) this.#byToken.delete(tokenId, session);
  }

  /** Takes a place for someone. @throws SyncError `too_many` @returns what their sessions are charged to */
  #take(name: string | null): Bucket {
    const { sessionsMax, sessionsPerUserMax } = this.#settings;
    if (this.#admitted >= sessionsMax)
      throw new SyncError('too_many', 'This node has as many sessions as it takes. Come back later.');
    forgetFull(this.#gone);
    if (name === null) {
      this.#admitted++;
      return this.#bucket();
    }
    const user = this.#users.get(name) ?? this.#gone.get(name) ?? { places: 0, bucket: this.#bucket() };
    if (user.places >= sessionsPerUserMax)
      throw new SyncError(
        'too_many',
        `A user may have ${sessionsPerUserMax} sessions on this node. Close some, or raise \`sessionsPerUserMax\`.`,
      );
    this.#admitted++;
    user.places++;
    this.#gone.delete(name);
    this.#users.set(name, user);
    return user.bucket;
  }

  #giveBack(name: string | null): void {
    this.#admitted--;
    const user = name === null ? undefined : this.#users.get(name);
    if (!user || name === null || --user.places > 0) return;
    this.#users.delete(name);
    this.#gone.set(name, user);
  }

  #bucket(): Bucket {
    const { clock, requestsPerSecondMax, requestsBurstMax } = this.#settings;
    return new Bucket(clock, requestsPerSecondMax, requestsBurstMax);
  }
}

/** A place that was taken. */
class Taken implements Place {
  readonly #sessions: Sessions;
  readonly #user: string | null;
  /** Whose it is to be, and then the session itself, which knows that. */
  #is: Who | Session;

  constructor(sessions: Sessions, who: Who) {
    this.#sessions = sessions;
    this.#user = who.identity.user;
    this.#is = who;
  }

  open(port: Port): Session {
    if (this.#is instanceof Session) throw new TypeError('A place is opened once.');
    this.#is = this.#sessions.begin(this.#is, port);
    return this.#is;
  }

  gone(): void {
    this.#sessions.finished(this.#user, this.#is instanceof Session ? this.#is : undefined);
  }
}

/** Forgets those who left longest ago, as far as there is nothing to remember of them. */
function forgetFull(users: Map<string, User>): void {
  for (const [name, { bucket }] of users) {
    if (!bucket.full) return;
    users.delete(name);
  }
}
