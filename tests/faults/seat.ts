/**
 * One client at the rig: the real SDK with a clock of its own, its way to the server, and a record of what its application
 * was shown. Tests read the record; nothing here decides what is right.
 */
import type { Client, StreamChannel } from '@syncline/client';
import { createClientWith, type Hint, websocket } from '@syncline/client/internal';
import { defineChannels, stream } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import type { Clock } from '@syncline/protocol/wire';
import { onTestFinished } from 'vitest';
import type { FaultProxy, Link } from './proxy.ts';

/** Filling makes messages as large as a test wants them. */
export const channels = defineChannels({ 'chat/:room': stream<Message>() });
export type Channels = typeof channels;

interface Message {
  readonly n: number;
  readonly filling?: string;
}

export interface SeatOptions {
  /** What the client sees of its clock: some browsers fire timers late. */
  readonly see?: (clock: FakeClock) => Clock;
}

export class Seat {
  readonly proxy: FaultProxy;
  readonly clock: FakeClock;
  readonly client: Client<Channels>;
  readonly room: StreamChannel<Message>;
  /** `offset:n` of each message, as the handler was called. */
  readonly got: string[] = [];
  /** What the application was shown, in order: `open`, `waiting: silent`, `stale`, `recovered` … */
  readonly story: string[] = [];
  /** What a browser would tell. */
  hint: (hint: Hint) => void = () => {};

  constructor(proxy: FaultProxy, seed: number, { see }: SeatOptions) {
    this.proxy = proxy;
    this.clock = fakeClock({ seed });
    const lifecycle = (onHint: (hint: Hint) => void) => {
      this.hint = onHint;
      return () => {
        this.hint = () => {};
      };
    };
    const surroundings = { clock: see?.(this.clock) ?? this.clock, transport: websocket, lifecycle };
    this.client = createClientWith<Channels>(surroundings, { url: `ws://127.0.0.1:${proxy.port}/sync` });
    onTestFinished(() => this.client.close());
    this.room = this.client.stream('chat/lobby');
    const { status } = this.client;
    const { freshness } = this.room;
    status.subscribe(() => {
      const now = status.get();
      this.story.push('error' in now ? `${now.state}: ${now.error.code}` : now.state);
    });
    freshness.subscribe(() => this.story.push(freshness.get().state));
    this.room.onRecover(({ via }) => this.story.push(via));
    this.room.onMessage(({ offset, data }) => this.got.push(`${offset}:${data.n}`));
  }

  /** Its newest connection. */
  get link(): Link {
    const link = this.proxy.links.at(-1);
    if (!link) throw new Error('This client has not dialled.');
    return link;
  }

  /** Connections it has made or tried to. */
  get dialled(): number {
    return this.proxy.links.length;
  }

  get status(): string {
    return this.client.status.get().state;
  }

  get freshness(): string {
    return this.room.freshness.get().state;
  }
}
