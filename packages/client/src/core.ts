/**
 * What the channels of one client share: the connection, the numbers by which its node calls channels, and the bound on
 * what waits to be sent. client.ts makes one; channels join it. It must not know kinds, messages or schemas.
 */
import type { SyncError } from '@syncline/protocol';
import type { Clock, FrameOf, Head, ServerFrame } from '@syncline/protocol/wire';
import { Connection, type ConnectionHooks, type ConnectionParts } from './connection.ts';
import type { Lease, OnLeave } from './lease.ts';
import type { Requests } from './requests.ts';
import { promised } from './settle.ts';
import { type Report, Value } from './store.ts';

/** What the core tells a channel about the connection. */
export interface Member {
  opened(): void;
  /** @param moved the next link is ready already; `opened` follows at once */
  lost?(moved: boolean): void;
  closed(error: SyncError): void;
}

/** The frames that arrive under the number of a channel or a view. */
type Delivered = Exclude<Extract<ServerFrame, { id: number }>, { ref: number }>['type'];

/** What takes those that it has a use for. */
export type Delivery = {
  readonly [T in Delivered]?: ((frame: FrameOf<ServerFrame, T>) => void) | undefined;
} & { readonly head: (head: Head) => void };

/** What a client is made of: its surroundings, and the bounds on what waits to be sent, over all channels together. */
export interface CoreParts extends ConnectionParts {
  readonly outboxEntriesMax: number;
  readonly outboxBytesMax: number;
  readonly outboxAgeMs: number;
  readonly onLeave?: OnLeave | undefined;
}

export class Core implements ConnectionHooks {
  declare readonly connection: Connection;
  declare readonly clock: Clock;
  declare readonly report: Report;
  declare readonly parts: CoreParts;
  /** By the number that the present link's node gave. */
  readonly deliveries = new Map<number, Delivery>();
  /** Messages that were published and not yet answered. */
  declare readonly unsent: Value<number>;
  /** Bytes of those messages. */
  unsentBytes = 0;
  /** What this client is where it was entered; there is none before it had to be. */
  declare lease?: Lease;
  /** Those who are told of the connection. */
  readonly members = new Set<Member>();

  constructor(parts: CoreParts) {
    this.clock = parts.clock;
    this.report = parts.report;
    this.parts = parts;
    this.unsent = new Value(0, parts.report);
    this.connection = new Connection(parts, this);
  }

  opened(): void {
    this.#tell((member) => member.opened());
  }

  lost(moved: boolean): void {
    this.#tell((member) => member.lost?.(moved));
  }

  closed(error: SyncError): void {
    this.#tell((member) => member.closed(error));
  }

  frame(frame: Parameters<ConnectionHooks['frame']>[0]): void {
    if (frame.type === 'heartbeat') {
      for (const head of frame.heads) this.deliveries.get(head.id)?.head(head);
    } else if ('id' in frame) {
      // The method of that name takes the frame of that type; the compiler can't tell for all at once.
      this.deliveries.get(frame.id)?.[frame.type]?.(frame as never);
    }
  }

  /** Asks for a page of history, as soon as there is a connection and again on the next one if need be. */
  history(fields: Requests['history']): Promise<FrameOf<ServerFrame, 'history'>> {
    const { connection } = this;
    return promised((settle) => {
      const asking: Member = {
        opened: () =>
          connection.request('history', fields, (answer) => {
            if (!answer) return;
            this.members.delete(asking);
            settle(answer);
          }),
        closed: settle,
      };
      if (connection.closedBy) return settle(connection.closedBy);
      this.members.add(asking);
      connection.start();
      if (connection.open) asking.opened();
    });
  }

  /** What one of them throws is reported: the others, and the connection, go on. */
  #tell(tell: (member: Member) => void): void {
    for (const member of this.members) {
      try {
        tell(member);
      } catch (thrown) {
        this.report(thrown);
      }
    }
  }
}
