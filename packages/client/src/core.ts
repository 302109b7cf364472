/**
 * What the channels of one client share: the connection, the numbers by which its node calls channels, and the bound on
 * what waits to be sent. client.ts makes one; channels join it. It must not know kinds, messages or schemas.
 */
import type { SyncError } from '@syncline/protocol';
import type { Clock, FrameOf, Head, ServerFrame } from '@syncline/protocol/wire';
import { Connection, type ConnectionParts } from './connection.ts';
import type { Request } from './requests.ts';
import { promised } from './settle.ts';
import { type Report, Value } from './store.ts';

/** What the core tells a channel about the connection. */
export interface Member {
  opened(): void;
  /** @param moved the next link is ready already; `opened` follows at once */
  lost?(moved: boolean): void;
  closed(error: SyncError): void;
}

/** What takes the frames that arrive under a channel's number. */
export interface Delivery {
  entries(frame: FrameOf<ServerFrame, 'entries'>): void;
  gap(frame: FrameOf<ServerFrame, 'gap'>): void;
  head(head: Head): void;
  revoked(frame: FrameOf<ServerFrame, 'revoked'>): void;
}

/** What a client is made of: its surroundings, and the bounds on what waits to be sent, over all channels together. */
export interface CoreParts extends ConnectionParts {
  readonly outboxEntriesMax: number;
  readonly outboxBytesMax: number;
  readonly outboxAgeMs: number;
}

export class Core {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly report: Report;
  readonly parts: CoreParts;
  /** By the number that the present link's node gave. */
  readonly deliveries = new Map<number, Delivery>();
  /** Messages that were published and not yet answered. */
  readonly unsent: Value<number>;
  /** Bytes of those messages. */
  unsentBytes = 0;
  readonly #members = new Set<Member>();

  constructor(parts: CoreParts) {
    this.clock = parts.clock;
    this.report = parts.report;
    this.parts = parts;
    this.unsent = new Value(0, parts.report);
    const { deliveries } = this;
    this.connection = new Connection(parts, {
      opened: () => this.#each((member) => member.opened()),
      lost: (moved) => this.#each((member) => member.lost?.(moved)),
      closed: (error) => this.#each((member) => member.closed(error)),
      frame: (frame) => {
        if (frame.type === 'heartbeat') {
          for (const head of frame.heads) deliveries.get(head.id)?.head(head);
        } else if (frame.type === 'entries') deliveries.get(frame.id)?.entries(frame);
        else if (frame.type === 'gap') deliveries.get(frame.id)?.gap(frame);
        else if (frame.type === 'revoked') deliveries.get(frame.id)?.revoked(frame);
      },
    });
  }

  #each(tell: (member: Member) => void): void {
    for (const member of this.#members) tell(member);
  }

  /** Tells a member of the connection from now on. */
  join(member: Member): void {
    this.#members.add(member);
  }

  /** Asks for a page of history, as soon as there is a connection and again on the next one if need be. */
  history(frame: Request<'history'>): Promise<FrameOf<ServerFrame, 'history'>> {
    const { connection } = this;
    return promised((settle) => {
      const asking: Member = {
        opened: () =>
          connection.request(frame, (answer) => {
            if (!answer) return;
            this.#members.delete(asking);
            settle(answer);
          }),
        closed: settle,
      };
      if (connection.closedBy) return settle(connection.closedBy);
      this.join(asking);
      connection.start();
      if (connection.open) asking.opened();
    });
  }
}
