/**
 * A small server that keeps its promises: logs with epochs and producers, subscriptions that deliver in order, frames that lie in
 * queues until a test lets them pass. The model test loses links, logs and frames around it; it must not know the client.
 */
import type { ErrorCode, GapReason, SyncError } from '@syncline/protocol';
import {
  type ClientFrame,
  decodeClient,
  encodeEntries,
  encodeServer,
  type FrameOf,
  type Head,
  nextCheck,
  type ServerFrame,
} from '@syncline/protocol/wire';
import type { Link, LinkHandlers, Transport } from '../transports/transport.ts';

type Control = Exclude<ServerFrame, { type: 'entries' }>;

/** Why a log doesn't take something. */
export interface ModelRefusal {
  readonly code: ErrorCode;
  readonly detail: NonNullable<SyncError['detail']>;
}

/** One life of one channel's log. */
export class ModelLog {
  readonly stamped: boolean = false;
  readonly id: number;
  readonly epoch: string;
  /** Payload texts; the one at index i has offset i + 1. */
  readonly entries: string[] = [];
  /** Offsets up to here are no longer kept. */
  trimmed = 0;
  readonly #checks = [0];
  readonly #producers = new Map<string, number[]>();

  constructor(id: number, life: number) {
    this.id = id;
    this.epoch = `e${String(life).padStart(4, '0')}`;
  }

  get top(): number {
    return this.entries.length;
  }

  position(offset: number) {
    return { epoch: this.epoch, offset, check: this.#checks[offset] ?? 0 };
  }

  /** What is stored of a payload. */
  admit(data: string): string | ModelRefusal {
    return data;
  }

  /** Stores, unless it is stored already (rule A2). The offset, or why not. */
  append(data: string, producer?: string, sequence = 0): { offset: number } | ModelRefusal {
    const offsets = this.#producers.get(producer ?? '') ?? [];
    if (producer !== undefined) {
      const known = offsets[sequence - 1];
      if (known !== undefined) return { offset: known };
      const expected = offsets.length + 1;
      if (sequence !== expected) return { code: 'sequence', detail: { expected } };
    }
    const entry = this.admit(data);
    if (typeof entry !== 'string') return entry;
    if (producer !== undefined) this.#producers.set(producer, offsets);
    this.store(entry);
    offsets.push(this.top);
    return { offset: this.top };
  }

  store(entry: string): void {
    this.entries.push(entry);
    this.#checks.push(nextCheck(this.#checks.at(-1) ?? 0, entry));
  }

  /** What a reader is told that stands there. */
  frames(offset: number): string[] {
    return [encodeEntries(this.id, offset + 1, this.entries.slice(offset))];
  }

  /** Where a subscription begins (rules S3 and S4). */
  locate(start: FrameOf<ClientFrame, 'subscribe'>['start']): { offset: number; gap: GapReason | null } {
    if (typeof start === 'number') return { offset: Math.max(this.trimmed, this.top - start), gap: null };
    const gap = this.#gap(start);
    return { offset: gap ? this.trimmed : start.offset, gap };
  }

  #gap({ epoch, offset, check }: { epoch: string; offset: number; check: number }): GapReason | null {
    if (epoch !== this.epoch) return 'epoch';
    if (offset > this.top) return 'ahead';
    if (offset < this.trimmed) return 'trimmed';
    return check === this.#checks[offset] ? null : 'diverged';
  }
}

/** One connection: what the client sent waits in `up`, what it is to be told waits in `down`. */
export class ModelLink implements Link {
  readonly bufferedAmount = 0;
  readonly up: string[] = [];
  readonly down: string[] = [];
  readonly #server: ModelServer;
  readonly #handlers: LinkHandlers;
  /** By channel, the offset delivered up to. */
  readonly cursors = new Map<string, number>();
  open = true;
  /** What becomes of the next frame of a sort. */
  #fate: { readonly copies: number; readonly which: RegExp } | undefined;

  constructor(server: ModelServer, handlers: LinkHandlers) {
    this.#server = server;
    this.#handlers = handlers;
  }

  send(data: string | Uint8Array): void {
    if (this.open) this.up.push(String(data));
  }

  close(): void {
    this.open = false;
  }

  say(frame: Control): void {
    this.push(encodeServer(frame));
  }

  /** Sends frames as they are. */
  push(...frames: readonly string[]): void {
    for (const text of frames) {
      const fate = this.#fate?.which.test(text) ? this.#fate : undefined;
      if (fate) this.#fate = undefined;
      for (let i = 0; i < (fate?.copies ?? 1); i++) this.down.push(text);
    }
  }

  /** The server reads one frame. */
  readUp(): boolean {
    const text = this.up.shift();
    if (text === undefined) return false;
    const frame = decodeClient(text);
    if (frame.type === 'refused') throw frame.error;
    this.#server.take(this, frame);
    return true;
  }

  /** The client is handed one frame. */
  readDown(): boolean {
    const text = this.open ? this.down.shift() : undefined;
    if (text !== undefined) this.#handlers.message(text);
    return text !== undefined;
  }

  /** The next frame of entries, on its way or to come, is lost, or comes so many times: a push is a hint. */
  garble(copies: number, which: RegExp = /^\[\d/): void {
    const i = this.down.findIndex((text) => which.test(text));
    if (i < 0) this.#fate = { copies, which };
    else this.down.splice(i, 1, ...Array.from({ length: copies }, () => this.down[i] ?? ''));
  }

  /** Nothing is garbled any more. */
  calm(): void {
    this.#fate = undefined;
  }

  /** Delivers what is new in a channel, or that there is a gap. */
  deliver(channel: string, log: ModelLog): void {
    const offset = this.cursors.get(channel);
    if (offset === undefined || offset >= log.top) return;
    const from = Math.max(offset, log.trimmed);
    if (from > offset) {
      this.say({ type: 'gap', id: log.id, position: log.position(from), top: log.top, reason: 'trimmed' });
    }
    this.cursors.set(channel, log.top);
    if (from < log.top) this.push(...log.frames(from));
  }

  /** The link breaks after the server has read so many more frames; what it answered is lost. */
  lose(read: number): void {
    for (let i = 0; i < read; i++) this.readUp();
    const open = this.open;
    this.open = false;
    this.cursors.clear();
    if (open) this.#handlers.close(1006, '');
  }
}

export class ModelServer implements Transport {
  readonly links: ModelLink[] = [];
  readonly logs = new Map<string, ModelLog>();
  /** Logs that were lost with all they held. */
  readonly lost: ModelLog[] = [];
  /** What the next publish is refused with. */
  refuseNext: 'too_many' | 'unavailable' | 'forbidden' | undefined;
  #lives = 0;
  /** What was refused for good: a copy of it is refused as well. */
  readonly #never = new Map<string, ModelRefusal>();

  open(_url: string, _token: string | undefined, handlers: LinkHandlers): ModelLink {
    const link = new ModelLink(this, handlers);
    const bounds = { heartbeatMs: 20_000, payloadBytesMax: 1_000, expiresMs: null };
    link.say({ type: 'welcome', session: 's', ...bounds, now: 0 });
    this.links.push(link);
    return link;
  }

  /** A log that begins. */
  begin(id: number, life: number): ModelLog {
    return new ModelLog(id, life);
  }

  log(channel: string): ModelLog {
    const log = this.logs.get(channel) ?? this.begin(channel.charCodeAt(5), ++this.#lives);
    this.logs.set(channel, log);
    return log;
  }

  /** The channel's log is lost, with all that was still under way from links that are gone; another begins. */
  forget(channel: string): void {
    this.lost.push(this.log(channel));
    this.logs.delete(channel);
    for (const link of this.links) if (!link.open) link.up.length = 0;
    for (const link of this.links) if (link.cursors.has(channel)) link.lose(0);
  }

  /** Someone else publishes. */
  publish(channel: string, data: unknown): void {
    this.log(channel).append(JSON.stringify(data));
    this.announce(channel);
  }

  /** What a heartbeat tells of what is read on a link. */
  headsOf(link: ModelLink): Head[] {
    return [...link.cursors.keys()].map((channel) => {
      const log = this.log(channel);
      const { offset, check } = log.position(log.top);
      return { id: log.id, offset, check };
    });
  }

  heartbeat(link: ModelLink): void {
    link.say({ type: 'heartbeat', heads: this.headsOf(link) });
  }

  take(link: ModelLink, frame: ClientFrame): void {
    if (frame.type === 'heartbeat') return this.heartbeat(link);
    if (frame.type === 'auth') throw new Error('No client of the model has a token.');
    const { ref, channel } = frame;
    const log = this.log(channel);
    if (frame.type === 'publish') return this.#publish(link, frame, log);
    if (frame.type === 'unsubscribe') {
      link.cursors.delete(channel);
      return link.say({ type: 'unsubscribed', ref });
    }
    if (frame.type === 'history') {
      const end = Math.min(frame.offset - 1, log.top);
      const from = Math.max(log.trimmed, end - frame.limit);
      const page = { epoch: log.epoch, first: from + 1, more: from > log.trimmed, stamped: false };
      return link.say({ type: 'history', ref, ...page, entries: log.entries.slice(from, end) });
    }
    if (frame.type !== 'subscribe') throw new Error(`The model has no answer to "${frame.type}".`);
    const { offset, gap } = log.locate(frame.start);
    const { id, top, stamped } = log;
    const place = { id, position: log.position(offset), top, gap, stamped };
    link.say({ type: 'subscribed', ref, ...place });
    link.cursors.set(channel, offset);
    link.deliver(channel, log);
  }

  #publish(link: ModelLink, frame: FrameOf<ClientFrame, 'publish'>, log: ModelLog): void {
    const { ref, channel, producer, sequence, data } = frame;
    const copy = `${producer}.${sequence}`;
    const code = this.refuseNext;
    this.refuseNext = undefined;
    const refused = code && code !== 'unavailable' ? { code, detail: {} } : undefined;
    const done = this.#never.get(copy) ?? refused ?? log.append(String(data), producer, sequence);
    if ('code' in done) {
      if (done.code !== 'sequence' && done.code !== 'too_many') this.#never.set(copy, done);
      return link.say({ type: 'error', ref, message: '', ...done });
    }
    // Stored, but the node doesn't know.
    if (code) link.say({ type: 'error', ref, code, message: '', detail: null });
    else link.say({ type: 'ack', ref, position: log.position(done.offset) });
    this.announce(channel);
  }

  /** Everyone is told what is new in a channel. */
  announce(channel: string): void {
    for (const link of this.links) if (link.open) link.deliver(channel, this.log(channel));
  }
}
