/**
 * One connected client on this node: who it is, what it may, and the one switch over what clients send. A transport gives
 * it frames and takes encoded bytes from it when it has room. It never sees bytes of the wire, nor how a log is stored.
 */
import { type Definition, type ErrorCode, SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type ClientFrame,
  type FrameOf,
  type Refused,
  toSyncError,
  wireText,
} from '@syncline/protocol/wire';
import type { Identity, Rights } from './access.ts';
import type { Channel } from './channel.ts';
import type { Intake } from './hub/admission.ts';
import { reason } from './observe.ts';
import { Allowance } from './session/allowance.ts';
import { Answers } from './session/answers.ts';
import type { Bucket } from './session/bucket.ts';
import { bytesOf, type Control, errorFrame, isInside, own, type Port } from './session/port.ts';
import { Requests } from './session/requests.ts';
import { Scope } from './session/scope.ts';
import { type Subscription, Subscriptions } from './session/subscriptions.ts';
import type { Publish, SessionTools } from './session/tools.ts';

/** Heartbeats that a client may leave unanswered. */
const silentBeatsMax = 2;
/** Frames that may wait unread beside the answers to requests: heartbeats, gaps, refusals. */
const otherControlsMax = 64;
/** All pages of history wait in one line, and so do renewals; no channel has such a name. */
const historyLine = '';
const authLine = ' ';
export class Session {
  readonly id: string;
  readonly #port: Port;
  readonly #tools: SessionTools;
  readonly #subscriptions: Subscriptions;
  /** In lines by channel: what comes later for a channel waits for what came before. */
  readonly #requests: Requests;
  readonly #allowance: Allowance;
  readonly #pump: () => void;
  #rights: Rights;
  #cancelExpiry: Cancel | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  readonly #answers: Answers;
  readonly #scope = new Scope();
  #silentBeats = 0;
  #pumping = false;
  /** The connection is on its way out: what the client still sends is not looked at. */
  #ending = false;
  #ended = false;

  constructor(id: string, identity: Identity, port: Port, tools: SessionTools, bucket: Bucket) {
    this.id = id;
    this.#rights = tools.access.rights(identity);
    this.#port = port;
    this.#tools = tools;
    this.#subscriptions = new Subscriptions(tools.channelsPerSessionMax);
    this.#answers = new Answers(2 * tools.requestsPerSessionMax + otherControlsMax);
    this.#requests = new Requests(tools.requestsPerSessionMax, (...why) => this.#answerError(...why));
    this.#allowance = new Allowance(bucket, tools.clock);
    this.#pump = () => {
      this.#pumping = false;
      if (!this.#ended) port.pump();
    };
    const { heartbeatMs, payloadBytesMax } = tools;
    const times = { expiresMs: this.#expireLater(), now: Math.floor(tools.clock.now()) };
    this.#say({ type: 'welcome', session: id, heartbeatMs, payloadBytesMax, ...times });
  }

  /** Who this is. Its user never changes. */
  get identity(): Identity {
    return this.#rights.identity;
  }

  /** Charges so many bytes, before anyone reads them. False: they are too many for now, which `refOf` them has been told. */
  pays(bytes: number, refOf: () => number | null): boolean {
    return this.#told(this.#allowance.bytes(bytes), refOf);
  }

  /** One frame of the client, or what could not be read as one. */
  receive(frame: ClientFrame | Refused): void {
    if (this.#ended || this.#ending) return;
    this.#tools.metrics.framesReceived++;
    this.alive();
    if (frame.type === 'publish') {
      const { ref, channel, data, producer, sequence } = frame;
      return this.publish({ ref, channel, data, producer: { id: producer, sequence } });
    }
    const opens = (frame.type === 'subscribe' || frame.type === 'history') && this.#opens(frame.channel);
    if (!this.#affords(frame.type, opens, 'ref' in frame ? frame.ref : null)) return;
    switch (frame.type) {
      case 'refused':
        return this.#refuse(frame.ref, frame.error);
      case 'subscribe':
        return this.#requests.run(frame.ref, frame.channel, () => this.#subscribe(frame));
      case 'unsubscribe':
        return this.#requests.run(frame.ref, frame.channel, () => this.#unsubscribe(frame));
      case 'history':
        return this.#requests.run(frame.ref, historyLine, () => this.#history(frame));
      case 'auth':
        return this.#requests.run(frame.ref, authLine, () => this.#renew(frame));
      case 'heartbeat':
        return this.#heartbeat();
      default:
        frame satisfies never;
    }
  }

  /** Appends for this client; the answer is an `ack` or an `error` for its `ref`. */
  publish(request: Publish): void {
    if (this.#ended || this.#ending) return;
    const { ref, channel: name, data } = request;
    const subscription = this.#subscriptions.get(name);
    if (!this.#affords('publish', !subscription && this.#opens(name), ref)) return;
    if (!subscription || !this.#knows(subscription) || this.#requests.line(name)) {
      // It may wait, and the rest of its frame need not wait with it.
      const waiting = { ...request, data: own(data) };
      return this.#requests.run(ref, name, () => this.#publish(waiting));
    }
    // The hot path: nothing to wait for, nothing to validate, so the append is called before this function returns.
    if (!this.#requests.admit(ref)) return;
    try {
      const { channel, definition } = subscription;
      this.#append(channel, request, this.#tools.hub.admission.take(name, data, definition, this.#rights));
    } catch (thrown) {
      this.#answerError(ref, thrown);
    }
  }

  /** The next bytes to write: answers first, then the entries of whichever channel has some. */
  take(): Uint8Array | undefined {
    if (this.#answers.waiting) {
      const bytes = this.#port.controls(this.#answers.take(() => this.#subscriptions.heads()));
      if (bytes) return bytes;
    }
    // Rights that have ended give nothing more to read, whenever their timer fires.
    if (this.#tools.turn.now() >= this.#endsAt) return undefined;
    for (let taken = this.#subscriptions.take(); taken; taken = this.#subscriptions.take()) {
      const bytes = bytesOf(this.#port, taken);
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
    this.end('silent', `No sign of life for ${silentBeatsMax} heartbeats.`);
  }

  /** Tells the client that the server leaves, and when to come back; until it goes, it is served (rule L1). */
  leave(why: string, afterMs: number): void {
    this.#say({ type: 'bye', reason: why, afterMs });
  }

  /** Lets no more requests begin, and ends once those under way are answered. */
  finish(code: ErrorCode, why: string): void {
    this.#requests.finish(() => this.end(code, why));
  }

  /** Ends the connection because of an error of the table. */
  end(code: ErrorCode, why: string): void {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    this.#requests.stop();
    this.#port.end(code, why);
  }

  /** Lets go of everything. The transport calls it once the connection is gone. */
  release(): void {
    this.#ended = true;
    this.#cancelExpiry?.();
    this.#subscriptions.clear();
    this.#answers.clear();
  }

  async #subscribe(frame: FrameOf<ClientFrame, 'subscribe'>): Promise<void> {
    await this.#subscriptions.withRoom(frame.channel, () => this.#join(frame));
  }

  async #join({ ref, channel: name, start }: FrameOf<ClientFrame, 'subscribe'>): Promise<void> {
    const definition = this.#definition(name);
    if (this.#ended) return;
    let rights = this.#rights;
    await rights.demand('subscribe', name, definition);
    const channel = await this.#channel(name);
    let subscription: Subscription | undefined;
    const { cursor, position, gap } = await channel.join(start, () => this.#wakeUp(subscription));
    try {
      // They may have been renewed meanwhile, and others checked before this one was there to be checked.
      while (rights !== this.#rights) {
        rights = this.#rights;
        await rights.demand('subscribe', name, definition);
      }
    } catch (thrown) {
      cursor.release();
      throw thrown;
    }
    if (this.#ended) return cursor.release();
    const publishes = this.#rights.grant('publish', name, definition);
    subscription = { name, channel, definition, cursor, publishes, ready: false };
    this.#subscriptions.add(subscription);
    const { id, stamped } = channel.settings;
    this.#say({ type: 'subscribed', ref, id, position, top: channel.top.offset, gap, stamped });
    this.#wakeUp(subscription);
  }

  /** There may be something to take. */
  #wakeUp(subscription: Subscription | undefined): void {
    if (subscription && this.#subscriptions.wake(subscription)) this.#wake();
  }

  async #unsubscribe({ ref, channel }: FrameOf<ClientFrame, 'unsubscribe'>): Promise<void> {
    this.#subscriptions.remove(channel);
    this.#say({ type: 'unsubscribed', ref });
  }

  async #history(frame: FrameOf<ClientFrame, 'history'>): Promise<void> {
    const { ref, channel: name, direction, offset, limit } = frame;
    await this.#rights.demand('history', name, this.#definition(name));
    await this.#requests.line(name);
    // Nobody is there any more to read it.
    if (this.#ended) return;
    const channel = await this.#channel(name);
    const { epoch, entries, more } = await channel.history(direction, offset, limit);
    const { stamped } = channel.settings;
    const texts = entries.map((entry) => wireText(entry, stamped));
    const first = entries[0]?.offset ?? offset;
    this.#say({ type: 'history', ref, epoch, first, more, stamped, entries: texts });
    // Pages are the one answer that is large: the next is read when this one has been taken.
    if (!this.#ended) await this.#answers.taken();
  }

  /** New rights for the same user; what they no longer allow ends (rules I2 to I5). */
  async #renew({ ref, token }: FrameOf<ClientFrame, 'auth'>): Promise<void> {
    const { access } = this.#tools;
    const identity = await access.identify({ token, headers: {}, url: '', remoteAddress: '' });
    if (identity.user !== this.identity.user)
      throw new SyncError(
        'forbidden',
        'The token is of someone else, and a session keeps its user. Connect anew.',
      );
    const rights = access.rights(identity);
    const demand = ({ name, definition }: Subscription) => rights.demand('subscribe', name, definition);
    await this.#subscriptions.judge(demand, (refusals) => {
      if (this.#ended || this.#ending) return;
      this.#rights = access.rights(access.good(identity));
      this.#say({ type: 'authenticated', ref, expiresMs: this.#expireLater() });
      for (const one of this.#subscriptions.all())
        one.publishes = this.#rights.grant('publish', one.name, one.definition);
      for (const [{ name, channel }, { code, message }] of refusals) {
        this.#subscriptions.remove(name);
        this.#say({ type: 'revoked', id: channel.settings.id, code, message });
      }
    });
  }

  /** Sees to it that the session ends with its rights; returns in how many ms that is. */
  #expireLater(): number | null {
    this.#cancelExpiry?.();
    if (this.#ended) return null;
    const { leftMs, identity } = this.#rights;
    this.#endsAt = identity.expiresAt ?? Number.POSITIVE_INFINITY;
    if (leftMs === null) return null;
    this.#cancelExpiry = this.#tools.clock.timer(leftMs, () => {
      // A timer's wait is cut to the longest that timers can hold: then there is time left.
      if (this.#rights.ended) this.end('expired', 'The rights of this session have ended.');
      else this.#expireLater();
    });
    return leftMs;
  }

  #channel(name: string): Channel | Promise<Channel> {
    return this.#tools.hub.opened(name) ?? this.#tools.hub.open(name);
  }

  /** What the contract says of a channel. Which patterns it has is not everybody's business. */
  #definition(name: string): Definition {
    try {
      return this.#tools.hub.definition(name);
    } catch {
      throw new SyncError('unknown_channel', `This server has no channel called "${name}".`);
    }
  }

  /** Whether a publish needs nothing to be waited for: it is granted, and nobody wants to look at it. */
  #knows({ publishes, definition }: Subscription): boolean {
    return publishes && !definition.schema && !this.#tools.access.screens && !this.#rights.ended;
  }

  async #publish(request: Publish): Promise<void> {
    const { channel: name, data } = request;
    const { access, hub } = this.#tools;
    const definition = this.#definition(name);
    let rights = this.#rights;
    const { identity } = rights;
    await rights.demand('publish', name, definition);
    let intake = hub.admission.take(name, data, definition, rights);
    if (definition.schema || access.screens)
      intake = await hub.admission.examine(name, intake, definition, (key, value) =>
        access.screen({ identity, channel: name, key, data: value }),
      );
    const channel = await this.#channel(name);
    // Rights may have been renewed, or withdrawn with the session, while this was looked at.
    while (rights !== this.#rights) {
      rights = this.#rights;
      await rights.demand('publish', name, definition);
    }
    if (this.#ending) throw new SyncError('restart');
    access.good(this.identity);
    this.#append(channel, request, intake);
  }

  #append(channel: Channel, { ref, producer }: Publish, { append }: Intake): void {
    const { user } = this.identity;
    const scoped = producer && {
      id: this.#scope.of(this.identity.user, producer.id),
      sequence: producer.sequence,
    };
    this.#requests.begin();
    channel.append({ ...append, data: own(append.data), from: user, producer: scoped }).then(
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

  /** Whether a channel would have to be opened for a request. */
  #opens(name: string): boolean {
    return this.#tools.hub.opened(name) === undefined;
  }

  #affords(type: ClientFrame['type'] | 'refused', opens: boolean, ref: number | null): boolean {
    const retryMs = this.#allowance.charge(type, opens);
    // A frame that couldn't be read and has no number ends the session anyway.
    return this.#told(type === 'refused' && ref === null ? 0 : retryMs, () => ref);
  }

  /** Whether nothing has to be waited for; if not, the client has been told for how long (rule F11). */
  #told(retryMs: number, refOf: () => number | null): boolean {
    const many = `This session asked for more than the server takes from one. Go on in ${retryMs} ms.`;
    if (this.#allowance.spent) this.end('too_many', many);
    if (retryMs === 0 || this.#ending) return !this.#ending;
    this.#tools.metrics.requestsLimited++;
    const ref = refOf();
    if (ref !== null) this.#answerError(ref, new SyncError('too_many', many, { retryMs }));
    return false;
  }

  #heartbeat(): void {
    if (this.#ended || this.#ending) return;
    this.#answers.addHeartbeat();
    this.#wake();
  }

  #refuse(ref: number | null, error: SyncError): void {
    this.#answerError(ref, error);
    if (ref === null) this.end(error.code, error.message);
  }

  #answerError(ref: number | null, thrown: unknown): void {
    const { metrics, logger } = this.#tools;
    const error = toSyncError(thrown);
    if (isInside(error.code))
      logger.error(
        { session: this.id, code: error.code, reason: reason(thrown) },
        'A request failed for a reason of our own.',
      );
    metrics.framesRefused++;
    this.#say(errorFrame(ref, error));
  }

  #say(frame: Control): void {
    if (this.#ended || this.#ending) return;
    // Each request is bounded, but its answer waits for the client to read: one who only writes is not written to for ever.
    if (!this.#answers.add(frame))
      this.end('too_many', 'Frames were sent on and on, and what the server answered was not read.');
    this.#wake();
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#tools.turn.write(this.#pump);
  }
}
