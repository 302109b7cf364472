/**
 * The sessions of one node: how many there may be, who is here, and how they all leave. The server lets people in through
 * it; it knows identities and ports, no transport and no channel.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import type { Identity } from '../access.ts';
import type { Pulse } from '../pulse.ts';
import { Session } from '../session.ts';
import type { Port } from './port.ts';
import type { SessionTools } from './tools.ts';

export interface MemberSettings extends SessionTools {
  readonly pulse: Pulse;
  readonly sessionsMax: number;
  readonly sessionsPerUserMax: number;
}

/** A place for one session: opened once its connection stands, and given back with `gone`, opened or not. */
export interface Place {
  readonly open: (port: Port) => Session;
  readonly gone: () => void;
}

export class Members {
  readonly #settings: MemberSettings;
  readonly #sessions = new Set<Session>();
  /** Places taken, by user. */
  readonly #byUser = new Map<string, number>();
  #admitted = 0;
  #ids = 0;
  #onEmpty: (() => void) | undefined;

  constructor(settings: MemberSettings) {
    this.#settings = settings;
  }

  /** Takes a place for a session; whoever got past the handshake opens it. @throws SyncError `too_many` */
  admit(identity: Identity): Place {
    const { metrics, pulse } = this.#settings;
    this.#take(identity.user);
    let session: Session | undefined;
    let leavePulse: (() => void) | undefined;
    const open = (port: Port): Session => {
      session = new Session((++this.#ids).toString(36), identity, port, this.#settings);
      this.#sessions.add(session);
      leavePulse = pulse.join(session);
      metrics.sessionsOpened++;
      metrics.sessionsOpen++;
      return session;
    };
    const gone = (): void => {
      this.#giveBack(identity.user);
      leavePulse?.();
      if (!session) return;
      this.#sessions.delete(session);
      metrics.sessionsOpen--;
      if (this.#sessions.size === 0) this.#onEmpty?.();
    };
    return { open, gone };
  }

  /** Tells all that the server leaves, and spreads when they come back over `windowMs`, so that they don't all come at once. */
  leave(why: string, windowMs: number): void {
    const { clock } = this.#settings;
    for (const session of this.#sessions) session.leave(why, Math.floor(clock.random() * windowMs));
  }

  /** Ends all, each once the requests under way are answered. */
  finish(why: string): void {
    for (const session of this.#sessions) session.finish('restart', why);
  }

  /** Ends the sessions of those identities, at once; returns how many there were. */
  end(whom: (identity: Identity) => boolean, code: ErrorCode, why: string): number {
    const found = [...this.#sessions].filter((session) => whom(session.identity));
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

  #take(user: string | null): void {
    const { sessionsMax, sessionsPerUserMax } = this.#settings;
    if (this.#admitted >= sessionsMax)
      throw new SyncError('too_many', 'This node has as many sessions as it takes. Come back later.');
    const ofUser = user === null ? 0 : (this.#byUser.get(user) ?? 0);
    if (ofUser >= sessionsPerUserMax)
      throw new SyncError(
        'too_many',
        `A user may have ${sessionsPerUserMax} sessions on this node. Close some, or raise \`sessionsPerUserMax\`.`,
      );
    this.#admitted++;
    if (user !== null) this.#byUser.set(user, ofUser + 1);
  }

  #giveBack(user: string | null): void {
    this.#admitted--;
    if (user === null) return;
    const left = (this.#byUser.get(user) ?? 1) - 1;
    if (left === 0) this.#byUser.delete(user);
    else this.#byUser.set(user, left);
  }
}
