/**
 * What the channels of one client share: the connection, the numbers by which its node calls channels, and the bound on
 * what waits to be sent. client.ts makes one; channels join it. It must not know kinds, messages or schemas.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock, FrameOf, Head, ServerFrame } from '@syncline/protocol/wire';
import { Connection, type ConnectionParts } from './connection.ts';
import type { Request } from './requests.ts';
import { type Report, Value } from './store.ts';

/** What the core tells a channel about the connection. */
export interface Member {
  opened(): void;
  lost?(): void;
  closed(error: SyncError): void;
}

/** What takes the frames that arrive under a channel's number. */
export interface Delivery {
  entries(frame: FrameOf<ServerFrame, 'entries'>): void;
  gap(frame: FrameOf<ServerFrame, 'gap'>): void;
  head(head: Head): void;
}

/** Bounds on what waits to be sent, over all channels together. */
export interface OutboxLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  readonly ageMs: number;
}

export class Core {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly report: Report;
  readonly limits: OutboxLimits;
  /** By the number that the present link's node gave. */
  readonly deliveries = new Map<number, Delivery>();
  /** Messages that were published and not yet answered. */
  readonly unsent: Value<number>;
  /** Bytes of those messages. */
  unsentBytes = 0;
  readonly #members = new Set<Member>();

  constructor(parts: ConnectionParts, limits: OutboxLimits) {
    this.clock = parts.clock;
    this.report = parts.report;
    this.limits = limits;
    this.unsent = new Value(0, parts.report);
    const { deliveries } = this;
    this.connection = new Connection(parts, {
      opened: () => {
        for (const member of this.#members) member.opened();
      },
      lost: () => {
        deliveries.clear();
        for (const member of this.#members) member.lost?.();
      },
      closed: (error) => {
        for (const member of this.#members) member.closed(error);
      },
      frame: (frame) => {
        if (frame.type === 'heartbeat') {
          for (const head of frame.heads) deliveries.get(head.id)?.head(head);
        } else if (frame.type === 'entries') deliveries.get(frame.id)?.entries(frame);
        else if (frame.type === 'gap') deliveries.get(frame.id)?.gap(frame);
      },
    });
  }

  /** Tells a member of the connection from now on. */
  join(member: Member): void {
    this.#members.add(member);
  }

  /** Asks for a page of history, as soon as there is a connection and again on the next one if need be. */
  history(frame: Request<'history'>): Promise<FrameOf<ServerFrame, 'history'>> {
    const { connection } = this;
    return new Promise((resolve, reject) => {
      const asking: Member = {
        opened: () =>
          connection.request(frame, (answer) => {
            if (!answer) return;
            this.#members.delete(asking);
            if (answer instanceof SyncError) reject(answer);
            else resolve(answer);
          }),
        closed: reject,
      };
      if (connection.closedBy) return reject(connection.closedBy);
      this.join(asking);
      connection.start();
      if (connection.open) asking.opened();
    });
  }
}
