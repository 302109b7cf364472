/**
 * The sessions of one node: how many there may be, who is here, and how they all leave. The server lets people in through
 * it; it knows identities and ports, no transport and no channel.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Identity } from '../access.ts';
import type { Pulse } from '../pulse.ts';
import { Session, type SessionTools } from '../session.ts';
import type { Port } from './port.ts';

export interface MemberSettings extends SessionTools {
  readonly clock: Clock;
  readonly pulse: Pulse;
  readonly sessionsMax: number;
}

/** A place for one session: opened once its connection stands, and given back with `gone`, opened or not. */
export interface Place {
  readonly open: (port: Port) => Session;
  readonly gone: () => void;
}

export class Members {
  readonly #settings: MemberSettings;
  readonly #sessions = new Set<Session>();
  #admitted = 0;
  #ids = 0;
  #onEmpty: (() => void) | undefined;

  constructor(settings: MemberSettings) {
    this.#settings = settings;
  }

  /** Takes a place for a session; whoever got past the handshake opens it. @throws SyncError `too_many` */
  admit(identity: Identity): Place {
    const { sessionsMax, metrics, pulse } = this.#settings;
    if (this.#admitted >= sessionsMax) {
      throw new SyncError('too_many', 'This node has as many sessions as it takes.');
    }
    this.#admitted++;
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
      this.#admitted--;
      leavePulse?.();
      if (!session) return;
      this.#sessions.delete(session);
      metrics.sessionsOpen--;
      if (this.#sessions.size === 0) this.#onEmpty?.();
    };
    return { open, gone };
  }

  /** Asks all to leave. */
  leave(why: string, afterMs: number): void {
    for (const session of this.#sessions) session.leave(why, afterMs);
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
}
