/**
 * One connected client on this node: the one switch over what clients send, and what a transport takes for it. Each kind of
 * request is answered in a room of its own, `session/…`, on what they share, the context. It never sees bytes of the wire, nor
 * how a log is stored.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import type { ClientFrame, Refused } from '@syncline/protocol/wire';
import type { Identity } from './access.ts';
import { Allowance } from './session/allowance.ts';
import { Context } from './session/context.ts';
import { history } from './session/history.ts';
import { bytesOf, type Control, type Port } from './session/port.ts';
import { companionOf, Presence } from './session/presence.ts';
import { Publishing } from './session/publishing.ts';
import { renew } from './session/renewing.ts';
import { subscribe, unsubscribe } from './session/subscribing.ts';
import type { Publish, SessionTools, Who } from './session/tools.ts';
import { view } from './session/viewing.ts';

/** Heartbeats that a client may leave unanswered. */
const silentBeatsMax = 2;
/** All pages of history wait in one line, and so do renewals; no channel has such a name. */
const historyLine = '';
const authLine = ' ';

export class Session {
  readonly #context: Context;
  readonly #port: Port;
  /** Made when they are first needed: most sessions only read. */
  #publishing: Publishing | undefined;
  #presence: Presence | undefined;
  readonly #allowance: Allowance;
  #silentBeats = 0;

  constructor(id: string, who: Who, port: Port, tools: SessionTools) {
    const context = new Context(id, who, port, tools);
    this.#context = context;
    this.#port = port;
    this.#allowance = new Allowance(who.bucket, tools.clock);
    const { heartbeatMs, payloadBytesMax } = tools;
    const now = Math.floor(tools.now?.() ?? tools.clock.now());
    const times = { expiresMs: context.expireLater(), now };
    context.say({ type: 'welcome', session: id, heartbeatMs, payloadBytesMax, ...times });
    if (tools.health?.brokenSince != null) this.heartbeat();
  }

  /** Who this is. Its user never changes. */
  get identity(): Identity {
    return this.#context.rights.identity;
  }

  /** Charges so many bytes, before anyone reads them. False: they are too many for now, which `refOf` them has been told. */
  pays(bytes: number, refOf: () => number | null): boolean {
    return this.#told(this.#allowance.bytes(bytes), refOf);
  }

  /** One frame of the client, or what could not be read as one. */
  receive(frame: ClientFrame | Refused): void {
    const context = this.#context;
    if (context.over) return;
    context.tools.metrics.framesReceived++;
    this.alive();
    if (frame.type === 'publish') return this.publish(frame);
    if (!this.#affords(frame.type, opensFor(context, frame), 'ref' in frame ? frame.ref : null)) return;
    switch (frame.type) {
      case 'refused':
        return this.#refuse(frame.ref, frame.error);
      case 'subscribe':
        return context.requests.run(frame.ref, frame.channel, () => subscribe(context, frame));
      case 'unsubscribe':
        return context.requests.run(frame.ref, frame.channel, () => unsubscribe(context, frame));
      case 'history':
        return context.requests.run(frame.ref, historyLine, () => history(context, frame));
      case 'auth':
        return context.requests.run(frame.ref, authLine, () => renew(context, frame));
      case 'enter':
        return context.requests.run(frame.ref, companionOf(frame.channel), () => this.#members.enter(frame));
      case 'leave':
        return context.requests.run(frame.ref, companionOf(frame.channel), () => this.#members.leave(frame));
      case 'signal':
        return context.requests.run(frame.ref, companionOf(frame.channel), () => this.#members.signal(frame));
      case 'view':
        return context.requests.run(frame.ref, frame.channel, () => view(context, frame));
      case 'heartbeat':
        return this.heartbeat();
      default:
        frame satisfies never;
    }
  }

  /** Appends for this client; the answer is an `ack` or an `error` for its `ref`. */
  publish(request: Publish): void {
    const context = this.#context;
    if (context.over) return;
    const { ref, channel } = request;
    const opens = !context.subscriptions.get(channel) && context.opens(channel);
    if (!this.#affords('publish', opens, ref)) return;
    this.#publishing ??= new Publishing(context);
    this.#publishing.publish(request);
  }

  /** The next bytes to write: answers first, then the entries of whichever channel has some. */
  take(): Uint8Array | undefined {
    const context = this.#context;
    if (context.answers.waiting) {
      const bytes = this.#port.controls(this.#answers());
      if (bytes) return bytes;
    }
    // Rights that have ended give nothing more to read, whenever their timer fires.
    if (context.endsAt !== Number.POSITIVE_INFINITY && context.tools.turn.now() >= context.endsAt)
      return undefined;
    const { subscriptions } = context;
    for (let taken = subscriptions.take(); taken; taken = subscriptions.take()) {
      const bytes = bytesOf(this.#port, taken);
      if (bytes) return bytes;
    }
    return undefined;
  }

  /** What was answered. It stands apart from `take`, which runs for each reader and makes nothing but bytes. */
  #answers(): readonly Control[] {
    const { answers, subscriptions, tools } = this.#context;
    return answers.take(() => ({ type: 'heartbeat', heads: subscriptions.heads(), ...staleOf(tools) }));
  }

  /** The client showed a sign of life. */
  alive(): void {
    this.#silentBeats = 0;
  }

  /** One heartbeat: tells the heads, or ends a session that has answered nothing for too long (rules H1, H4). */
  beat(): void {
    const context = this.#context;
    if (context.over) return;
    if (this.#silentBeats++ < silentBeatsMax) return this.heartbeat();
    context.tools.metrics.sessionsSilent++;
    this.end('silent', `No sign of life for ${silentBeatsMax} heartbeats.`);
  }

  /** Tells the heads, and how the way to the logs is, as soon as there is room. */
  heartbeat(): void {
    const context = this.#context;
    if (context.over) return;
    context.answers.addHeartbeat();
    context.wake();
  }

  /** Tells the client that the server leaves, and when to come back; until it goes, it is served (rule L1). */
  leave(why: string, afterMs: number): void {
    this.#context.say({ type: 'bye', reason: why, afterMs });
  }

  /** Lets no more requests begin, and ends once those under way are answered. */
  finish(code: ErrorCode, why: string): void {
    this.#context.requests.finish(() => this.end(code, why));
  }

  /** Ends the connection because of an error of the table. */
  end(code: ErrorCode, why: string): void {
    this.#context.end(code, why);
  }

  /** Lets go of everything. The transport calls it once the connection is gone. */
  release(): void {
    this.#context.release();
  }

  get #members(): Presence {
    this.#presence ??= new Presence(this.#context);
    return this.#presence;
  }

  #affords(type: ClientFrame['type'] | 'refused', opens: boolean, ref: number | null): boolean {
    const retryMs = this.#allowance.charge(type, opens);
    // A frame that couldn't be read and has no number ends the session anyway.
    return this.#told(type === 'refused' && ref === null ? 0 : retryMs, () => ref);
  }

  /** Whether nothing has to be waited for; if not, the client has been told for how long (rule F11). */
  #told(retryMs: number, refOf: () => number | null): boolean {
    const context = this.#context;
    const many = `This session asked for more than the server takes from one. Go on in ${retryMs} ms.`;
    if (this.#allowance.spent) this.end('too_many', many);
    if (retryMs === 0 || context.ending) return !context.ending;
    context.tools.metrics.requestsLimited++;
    const ref = refOf();
    if (ref !== null) context.answerError(ref, new SyncError('too_many', many, { retryMs }));
    return false;
  }

  #refuse(ref: number | null, error: SyncError): void {
    this.#context.answerError(ref, error);
    if (ref === null) this.end(error.code, error.message);
  }
}

/** Since how long the server hasn't known what is in its logs, as a heartbeat says it (rule H5). */
function staleOf({ health, clock }: SessionTools): { readonly staleMs?: number } {
  const since = health?.brokenSince ?? null;
  return since === null ? {} : { staleMs: Math.max(1, Math.floor(clock.now() - since)) };
}

/** Whether a channel would have to be opened for a request. */
function opensFor(context: Context, frame: ClientFrame | Refused): boolean {
  if (frame.type === 'subscribe' || frame.type === 'history') return context.opens(frame.channel);
  if (frame.type === 'view') return frame.id === 0 && context.opens(frame.channel);
  return frame.type === 'enter' && context.opens(companionOf(frame.channel));
}
