/**
 * A server that says what a test tells it to say, and a client that talks to it over links in memory with a fake clock. It reads
 * and writes frames with the protocol's codec, so the client's own reading and writing is proven on the way.
 */
import { type Contract, type ErrorCode, SyncError } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import {
  type ClientFrame,
  decodeClient,
  decodeClientBinary,
  encodeEntries,
  encodeServer,
  type FrameOf,
  type ServerFrame,
} from '@syncline/protocol/wire';
import type { ClientOptions } from '../client.ts';
import type { DocClient } from '../doc/kinds.ts';
import { createClientWith } from '../internal.ts';
import type { Hint } from '../lifecycle.ts';
import type { Link, LinkHandlers, Transport } from '../transports/transport.ts';

type Control = Exclude<ServerFrame, { type: 'entries' }>;
type Refable = Extract<ClientFrame, { ref: number }>;

export const heartbeatMs = 20_000;
export const epoch = '0e0epoch';

/** One attempt of the client, from the server's side. */
export class ScriptedLink implements Link {
  readonly token: string | undefined;
  /** Frames that the client sent and the test has not taken yet. */
  readonly inbox: ClientFrame[] = [];
  /** The code with which the client closed, once it has. */
  closedWith: number | undefined;
  bufferedAmount = 0;
  /** When set, sending throws it, as a socket that is closing may. */
  broken: Error | undefined;
  readonly #handlers: LinkHandlers;

  constructor(token: string | undefined, handlers: LinkHandlers) {
    this.token = token;
    this.#handlers = handlers;
  }

  send(data: string | Uint8Array): void {
    if (this.broken) throw this.broken;
    const frame = typeof data === 'string' ? decodeClient(data) : decodeClientBinary(data);
    if (frame.type === 'refused') throw frame.error;
    this.inbox.push(frame);
  }

  close(code = 1005): void {
    this.closedWith = code;
  }

  /** Says a frame, now. */
  say(frame: Control): void {
    this.sayText(encodeServer(frame));
  }

  sayText(data: string | Uint8Array): void {
    this.#handlers.message(data);
  }

  welcome(options: Partial<FrameOf<ServerFrame, 'welcome'>> = {}): this {
    const usual = { session: 's', heartbeatMs, payloadBytesMax: 65_536, expiresMs: null, now: 0 };
    this.say({ type: 'welcome', ...usual, ...options });
    return this;
  }

  /** Delivers payloads from offset `first` on. */
  entries(id: number, first: number, ...payloads: unknown[]): void {
    const texts = payloads.map((payload) => JSON.stringify(payload));
    this.sayText(encodeEntries(id, first, texts));
  }

  /** The link breaks, as the client sees it. */
  break(code = 1006, reason = ''): void {
    this.#handlers.close(code, reason);
  }

  /** The next frame the client sent, which must be of this type. */
  take<T extends ClientFrame['type']>(type: T): FrameOf<ClientFrame, T> {
    const frame = this.inbox.shift();
    if (frame?.type !== type) throw new Error(`Expected "${type}", the client sent ${JSON.stringify(frame)}`);
    return frame as FrameOf<ClientFrame, T>;
  }

  /** Takes all frames that are waiting, which must be publishes. */
  takePublishes(): FrameOf<ClientFrame, 'publish'>[] {
    return this.inbox.splice(0).flatMap((frame) => {
      // A client that hears no heartbeats says by itself that it is there.
      if (frame.type === 'heartbeat') return [];
      if (frame.type !== 'publish') throw new Error(`Expected a publish, got ${JSON.stringify(frame)}`);
      return frame;
    });
  }

  /** Answers a publish: stored at this offset. */
  ack({ ref }: Refable, offset: number, position: { epoch?: string } = {}): void {
    this.say({ type: 'ack', ref, position: { epoch: position.epoch ?? epoch, offset, check: 0 } });
  }

  refuse({ ref }: Refable, code: ErrorCode, detail: SyncError['detail'] = undefined): void {
    this.say({ type: 'error', ref, code, message: new SyncError(code).message, detail: detail ?? null });
  }

  /** Takes a subscribe and confirms it. */
  subscribed(answer: Partial<FrameOf<ServerFrame, 'subscribed'>> = {}): FrameOf<ClientFrame, 'subscribe'> {
    const frame = this.take('subscribe');
    const asked = frame.start;
    const position = typeof asked === 'number' ? { epoch, offset: 0, check: 0 } : asked;
    const top = answer.position?.offset ?? position.offset;
    const usual = { id: 1, position, top, gap: null, stamped: false } as const;
    this.say({ type: 'subscribed', ref: frame.ref, ...usual, ...answer });
    return frame;
  }
}

/** The transport: each attempt of the client is a link, in `links`. */
export class ScriptedServer implements Transport {
  readonly links: ScriptedLink[] = [];
  readonly urls: string[] = [];
  /** When set, opening throws it. */
  broken: Error | undefined;

  open(url: string, token: string | undefined, handlers: LinkHandlers): Link {
    if (this.broken) throw this.broken;
    const link = new ScriptedLink(token, handlers);
    this.urls.push(url);
    this.links.push(link);
    return link;
  }

  /** The newest link. */
  get link(): ScriptedLink {
    const link = this.links.at(-1);
    if (!link) throw new Error('The client has not tried to connect.');
    return link;
  }
}

export interface Scene<C extends Contract = Contract> {
  readonly clock: FakeClock;
  readonly server: ScriptedServer;
  readonly client: DocClient<C>;
  /** What was reported through `onError`. */
  readonly errors: unknown[];
  /** Gives the client a hint as a browser would. */
  readonly hint: (hint: Hint) => void;
  /** How many times hints were bound and not unbound again. */
  readonly bound: () => number;
  /** Promises that can be kept are kept, and the turn ends; no time passes. */
  readonly settle: () => Promise<void>;
}

/** A client in a world of its own. It hasn't connected yet. */
export function scene<const C extends Contract = Contract>({
  seed = 1,
  ...options
}: ClientOptions<C> & { readonly seed?: number } = {}): Scene<C> {
  const clock = fakeClock({ seed });
  const server = new ScriptedServer();
  const errors: unknown[] = [];
  const hints = new Set<(hint: Hint) => void>();
  const lifecycle = (onHint: (hint: Hint) => void) => {
    hints.add(onHint);
    return () => void hints.delete(onHint);
  };
  const client = createClientWith<C>(
    { clock, transport: server, lifecycle },
    { url: 'ws://test/sync', onError: (error) => errors.push(error), ...options },
  );
  const hint = (one: Hint) => {
    for (const tell of hints) tell(one);
  };
  return { clock, server, client, errors, hint, bound: () => hints.size, settle: () => clock.advance(0) };
}
