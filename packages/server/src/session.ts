/**
 * One connected client on this node: who it is, its cursors, and the one switch over what clients send. A transport gives
 * it frames and takes encoded bytes from it when it has room. It never sees bytes of the wire, nor how a log is stored.
 */
import { type Definition, type ErrorCode, SyncError } from '@syncline/protocol';
import {
  type ClientFrame,
  type Data,
  type Refused,
  toSyncError,
  validate,
  wireText,
} from '@syncline/protocol/wire';
import { type Action, type Identity, may } from './access.ts';
import type { Channel } from './channel.ts';
import { Batch, type Cursor } from './cursor.ts';
import type { Hub } from './hub.ts';
import { type Logger, type Metrics, reason } from './observe.ts';
import { type Control, gapFrame, own, type Port } from './session/port.ts';
import { Requests } from './session/requests.ts';
import type { Turn } from './turn.ts';

/** What all sessions of a node share. */
export interface SessionTools {
  readonly hub: Hub;
  readonly turn: Turn;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly payloadBytesMax: number;
  readonly channelsPerSessionMax: number;
  readonly requestsPerSessionMax: number;
}

interface Subscription {
  readonly channel: Channel;
  readonly definition: Definition;
  readonly cursor: Cursor;
  ready: boolean;
}

/** What a publish needs; a plain client has no producer, so its publishes can't be told apart when repeated. */
export interface Publish {
  readonly ref: number;
  readonly channel: string;
  readonly data: Data;
  readonly producer?: { readonly id: string; readonly sequence: number };
}

/** Heartbeats that a client may leave unanswered. */
const silentBeatsMax = 2;
/** Frames that may wait unread beside the answers to requests: heartbeats, gaps, refusals. */
const otherControlsMax = 64;
/** All pages of history wait in one line; no channel has this name. */
const historyLine = '';

export class Session {
  readonly id: string;
  readonly #identity: Identity;
  readonly #port: Port;
  readonly #tools: SessionTools;
  readonly #subscriptions = new Map<string, Subscription>();
  /** In lines by channel: what comes later for a channel waits for what came before. */
  readonly #requests: Requests;
  readonly #pump: () => void;
  #controls: Control[] = [];
  #ready: Subscription[] = [];
  /** Subscriptions that are being made. */
  #joining = 0;
  #silentBeats = 0;
  #pumping = false;
  #heartbeatDue = false;
  #onTaken: (() => void) | undefined;
  /** The connection is on its way out: what the client still sends is not looked at. */
  #ending = false;
  #ended = false;

  constructor(id: string, identity: Identity, port: Port, tools: SessionTools) {
    this.id = id;
    this.#identity = identity;
    this.#port = port;
    this.#tools = tools;
    this.#requests = new Requests(tools.requestsPerSessionMax, (ref, thrown) =>
      this.#answerError(ref, thrown),
    );
    this.#pump = () => {
      this.#pumping = false;
      if (!this.#ended) port.pump();
    };
    this.#say({
      type: 'welcome',
      session: id,
      heartbeatMs: tools.heartbeatMs,
      payloadBytesMax: tools.payloadBytesMax,
      expiresMs: null,
    });
  }

  /** One frame of the client, or what could not be read as one. */
  receive(frame: ClientFrame | Refused): void {
    if (this.#ended || this.#ending) return;
    this.#tools.metrics.framesReceived++;
    this.alive();
    switch (frame.type) {
      case 'publish':
        return this.publish({
          ref: frame.ref,
          channel: frame.channel,
          data: frame.data,
          producer: { id: frame.producer, sequence: frame.sequence },
        });
      case 'subscribe':
        return this.#requests.run(frame.ref, frame.channel, () => this.#subscribe(frame));
      case 'unsubscribe':
        return this.#requests.run(frame.ref, frame.channel, () => this.#unsubscribe(frame));
      case 'history':
        return this.#requests.run(frame.ref, historyLine, () => this.#history(frame));
      case 'auth':
        return this.#answerError(frame.ref, new SyncError('bad_frame', 'This server renews no rights.'));
      case 'heartbeat':
        return this.#heartbeat();
      case 'refused':
        return this.#refuse(frame.ref, frame.error);
      default:
        frame satisfies never;
    }
  }

  /** Appends for this client; the answer is an `ack` or an `error` for its `ref`. */
  publish(request: Publish): void {
    if (this.#ended || this.#ending) return;
    const { ref, channel: name } = request;
    const subscription = this.#subscriptions.get(name);
    // The hot path: nothing to wait for, nothing to validate, so the append is called before this function returns.
    if (subscription && !subscription.definition.schema && !this.#requests.line(name)) {
      if (!this.#requests.admit(ref)) return;
      try {
        this.#check(request, subscription.definition);
        this.#append(subscription.channel, request);
      } catch (thrown) {
        this.#answerError(ref, thrown);
      }
      return;
    }
    this.#requests.run(ref, name, async () => {
      const definition = this.#tools.hub.definition(name);
      this.#check(request, definition);
      if (definition.schema && typeof request.data === 'string')
        await validate(definition.schema, JSON.parse(request.data));
      this.#append(await this.#channel(name), request);
    });
  }

  /** The next bytes to write: answers first, then the entries of whichever channel has some. */
  take(): Uint8Array | undefined {
    if (this.#controls.length > 0 || this.#heartbeatDue) {
      const controls = this.#controls;
      if (this.#heartbeatDue) controls.push(this.#heads());
      this.#heartbeatDue = false;
      this.#controls = [];
      this.#onTaken?.();
      const bytes = this.#port.controls(controls);
      if (bytes) return bytes;
    }
    for (let subscription = this.#ready.shift(); subscription; subscription = this.#ready.shift()) {
      const taken = subscription.cursor.take();
      if (!taken) {
        subscription.ready = false;
        continue;
      }
      // Whoever has more goes to the end of the line, so that one busy channel doesn't hold the others up.
      subscription.ready = subscription.cursor.hasMore;
      if (subscription.ready) this.#ready.push(subscription);
      const bytes = taken instanceof Batch ? this.#port.batch(taken) : this.#port.controls([gapFrame(taken)]);
      if (bytes) return bytes;
    }
    return undefined;
  }

  /** The client showed a sign of life. */
  alive(): void {
    this.#silentBeats = 0;
  }

  /** One heartbeat: tells the heads, or ends a session that has answered nothing for too long (rules H1, H4). */
  beat(): void {
    if (this.#ended || this.#ending) return;
    if (this.#silentBeats++ < silentBeatsMax) return this.#heartbeat();
    this.#tools.metrics.sessionsSilent++;
    this.#end('silent', `No sign of life for ${silentBeatsMax} heartbeats.`);
  }

  /** Tells the client that the server leaves, and when to come back; ends once its requests are answered (rule L1). */
  leave(why: string, afterMs: number): void {
    this.#say({ type: 'bye', reason: why, afterMs });
    this.#requests.finish(() => this.#end('restart', why));
  }

  /** Lets go of everything. The transport calls it once the connection is gone. */
  release(): void {
    this.#ended = true;
    for (const { cursor } of this.#subscriptions.values()) cursor.release();
    this.#subscriptions.clear();
    this.#controls = [];
    this.#ready = [];
    this.#onTaken?.();
  }

  async #subscribe(frame: Extract<ClientFrame, { type: 'subscribe' }>): Promise<void> {
    const { channel: name } = frame;
    this.#may('subscribe', name);
    if (this.#subscriptions.has(name)) return this.#join(frame);
    // Those on their way count too, or a burst of requests would pass all at once.
    const { channelsPerSessionMax } = this.#tools;
    if (this.#subscriptions.size + this.#joining >= channelsPerSessionMax) {
      throw new SyncError(
        'too_many',
        `A session may subscribe to ${channelsPerSessionMax} channels. Unsubscribe from some, or raise \`channelsPerSessionMax\`.`,
      );
    }
    this.#joining++;
    try {
      await this.#join(frame);
    } finally {
      this.#joining--;
    }
  }

  async #join({ ref, channel: name, start }: Extract<ClientFrame, { type: 'subscribe' }>): Promise<void> {
    const definition = this.#tools.hub.definition(name);
    const channel = await this.#channel(name);
    let subscription: Subscription | undefined;
    const { cursor, position, gap } = await channel.join(start, () => this.#wakeUp(subscription));
    if (this.#ended) return cursor.release();
    this.#subscriptions.get(name)?.cursor.release();
    subscription = { channel, definition, cursor, ready: false };
    this.#subscriptions.set(name, subscription);
    const { id, stamped } = channel.settings;
    this.#say({ type: 'subscribed', ref, id, position, top: channel.top.offset, gap, stamped });
    this.#wakeUp(subscription);
  }

  /** There may be something to take. */
  #wakeUp(subscription: Subscription | undefined): void {
    if (!subscription || subscription.ready) return;
    subscription.ready = true;
    this.#ready.push(subscription);
    this.#wake();
  }

  async #unsubscribe({
    ref,
    channel: name,
  }: {
    readonly ref: number;
    readonly channel: string;
  }): Promise<void> {
    this.#subscriptions.get(name)?.cursor.release();
    this.#subscriptions.delete(name);
    this.#say({ type: 'unsubscribed', ref });
  }

  async #history(frame: Extract<ClientFrame, { type: 'history' }>): Promise<void> {
    this.#may('history', frame.channel);
    await this.#requests.line(frame.channel);
    const channel = await this.#channel(frame.channel);
    const { epoch, entries, more } = await channel.history(frame.direction, frame.offset, frame.limit);
    const { stamped } = channel.settings;
    const texts = entries.map((entry) => wireText(entry, stamped));
    this.#say({
      type: 'history',
      ref: frame.ref,
      epoch,
      first: entries[0]?.offset ?? frame.offset,
      more,
      stamped,
      entries: texts,
    });
    // Pages are the one answer that is large: the next is read when this one has been taken.
    if (!this.#ended) await new Promise<void>((resolve) => (this.#onTaken = resolve));
  }

  #channel(name: string): Channel | Promise<Channel> {
    return this.#tools.hub.opened(name) ?? this.#tools.hub.open(name);
  }

  /** What must hold before a payload is looked into. */
  #check({ channel, data }: Publish, definition: Definition): void {
    this.#may('publish', channel);
    const { payloadBytesMax } = this.#tools;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    if (bytes > payloadBytesMax)
      throw new SyncError(
        'payload_too_large',
        `The payload has ${bytes} bytes; this server takes up to ${payloadBytesMax}.`,
      );
    if ((typeof data === 'string') === (definition.kind === 'doc')) {
      throw new SyncError(
        'unsupported_data',
        `"${channel}" carries ${definition.kind === 'doc' ? 'bytes' : 'JSON'}.`,
      );
    }
  }

  #append(channel: Channel, { ref, data, producer }: Publish): void {
    const { user } = this.#identity;
    // A producer id is its user's own: nobody else can spend its sequence numbers.
    const scoped = producer && {
      id: user === null ? producer.id : `${user}/${producer.id}`,
      sequence: producer.sequence,
    };
    this.#requests.begin();
    channel.append({ data: own(data), from: user, producer: scoped }).then(
      ({ epoch, offset, check }) => {
        this.#say({ type: 'ack', ref, position: { epoch, offset, check } });
        this.#requests.end();
      },
      (thrown: unknown) => {
        this.#answerError(ref, thrown);
        this.#requests.end();
      },
    );
  }

  #end(code: ErrorCode, why: string): void {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    this.#port.end(code, why);
  }

  #may(action: Action, channel: string): void {
    if (!may(this.#identity, action, channel))
      throw new SyncError('forbidden', `You may not ${action} on "${channel}".`);
  }

  /** One heartbeat waits to be taken at the most: it tells the heads as they are then, so one answers for all. */
  #heartbeat(): void {
    if (this.#ended || this.#ending) return;
    this.#heartbeatDue = true;
    this.#wake();
  }

  #heads(): Control {
    const heads = [...this.#subscriptions.values()].map(({ channel }) => {
      const { offset, check } = channel.top;
      return { id: channel.settings.id, offset, check };
    });
    return { type: 'heartbeat', heads };
  }

  #refuse(ref: number | null, error: SyncError): void {
    this.#answerError(ref, error);
    if (ref === null) this.#end(error.code, error.message);
  }

  #answerError(ref: number | null, thrown: unknown): void {
    const error = toSyncError(thrown);
    if (error.code === 'internal')
      this.#tools.logger.error(
        { session: this.id, reason: reason(thrown) },
        'A request failed for a reason of our own.',
      );
    this.#tools.metrics.framesRefused++;
    const code: ErrorCode = error.code;
    this.#say({ type: 'error', ref, code, message: error.message, detail: error.detail ?? null });
  }

  #say(frame: Control): void {
    if (this.#ended || this.#ending) return;
    this.#controls.push(frame);
    this.#wake();
    // Each request is bounded, but its answer waits for the client to read: one who only writes is not written to for ever.
    if (this.#controls.length <= 2 * this.#tools.requestsPerSessionMax + otherControlsMax) return;
    this.#end('too_many', 'Frames were sent on and on, and what the server answered was not read.');
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#tools.turn.write(this.#pump);
  }
}
