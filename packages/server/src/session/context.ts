/**
 * What one session is made of, for those rooms that answer its requests: who it is, what it may, what it holds, and how it is
 * spoken to. The session makes it and holds the one switch; each kind of request has a room that is given this. It knows no
 * request, and nothing of how frames travel.
 */
import type { Definition, ErrorCode } from '@syncline/protocol';
import { type Cancel, steps } from '@syncline/protocol/wire';
import type { Action, Caller, Rights } from '../access.ts';
import type { Channel } from '../channel.ts';
import type { Purse } from '../cursor.ts';
import type { Writing } from '../turn.ts';
import { purseOf } from './allowance.ts';
import { Answers } from './answers.ts';
import type { Bucket } from './bucket.ts';
import type { Control, Port } from './port.ts';
import { type Answering, Requests } from './requests.ts';
import { Subscriptions } from './subscriptions.ts';
import { told } from './told.ts';
import type { SessionTools, Who } from './tools.ts';
import { definitionOf } from './vetting.ts';

/** Frames that may wait unread beside the answers to requests: heartbeats, gaps, refusals. */
const otherControlsMax = 64;

export class Context implements Writing, Answering {
  readonly id: string;
  readonly caller: Caller;
  /** As what the session holds the keys of channels that it has entered. */
  readonly holder: number;
  readonly tools: SessionTools;
  readonly subscriptions: Subscriptions;
  /** In lines by channel: what comes later for a channel waits for what came before. */
  readonly requests: Requests;
  readonly answers: Answers;
  #rights: Rights;
  readonly #onRenewed: Who['onRenewed'];
  /** When the rights end, in ms since 1970. */
  endsAt = Number.POSITIVE_INFINITY;
  /** The connection is on its way out: what the client still sends is not looked at. */
  ending = false;
  /** Nobody is there any more. */
  ended = false;
  readonly #port: Port;
  readonly #bucket: Bucket;
  #pumping = false;
  #cancelExpiry: Cancel | undefined;

  constructor(id: string, { identity, caller, bucket, onRenewed }: Who, port: Port, tools: SessionTools) {
    this.id = id;
    this.caller = caller;
    this.#bucket = bucket;
    this.holder = tools.hub.leases.holder();
    this.#rights = tools.access.rights(identity);
    this.#onRenewed = onRenewed;
    this.tools = tools;
    this.subscriptions = new Subscriptions(tools, this);
    this.answers = new Answers(2 * tools.requestsPerSessionMax + otherControlsMax);
    this.requests = new Requests(tools.requestsPerSessionMax, this);
    this.#port = port;
  }

  /** What the session may now. Whoever waits for something looks again: renewed rights are another object. */
  get rights(): Rights {
    return this.#rights;
  }

  /** Gives the session other rights of the same user. */
  renew(rights: Rights): void {
    const { identity } = this.#rights;
    this.#rights = rights;
    this.#onRenewed?.(identity);
  }

  /** What its views may look at. */
  get purse(): Purse {
    return purseOf(this.#bucket);
  }

  /** Whether nothing more is to be said: the session has ended, or is about to. */
  get over(): boolean {
    return this.ended || this.ending;
  }

  /** What the contract says of a channel. @throws SyncError `unknown_channel` */
  definition(name: string): Definition {
    return definitionOf(this.tools.hub, name);
  }

  /**
   * Asks whether the session may do that now, and returns the rights that were asked. They may have been renewed meanwhile: whoever
   * waits for something before it does what it asked about compares them with `rights`, and asks again where they differ.
   *
   * @throws SyncError `forbidden`, `expired`, or what a hook threw
   * @example
   * let rights = await context.demand('subscribe', name, definition)
   * const channel = await context.channel(name)
   * while (rights !== context.rights) rights = await context.demand('subscribe', name, definition)
   */
  async demand(action: Action, name: string, definition: Definition): Promise<Rights> {
    const { rights } = this;
    await rights.demand(action, name, definition);
    return rights;
  }

  channel(name: string): Channel | Promise<Channel> {
    return this.tools.hub.opened(name) ?? this.tools.hub.open(name);
  }

  /** Whether a channel would have to be opened for a request. */
  opens(name: string): boolean {
    return this.tools.hub.opened(name) === undefined;
  }

  /** Says something: it is written at the end of this turn, if there is room. */
  say(frame: Control): void {
    if (this.over) return;
    // Each request is bounded, but its answer waits for the client to read: one who only writes is not written to for ever.
    if (!this.answers.add(frame))
      this.end('too_many', 'Frames were sent on and on, and what the server answered was not read.');
    this.wake();
  }

  /** Answers a request with what was thrown. */
  answerError(ref: number | null, thrown: unknown): void {
    const { code, message, detail = null } = told(this.tools, thrown, this.id);
    this.say({ type: 'error', ref, code, message, detail });
  }

  /** There may be something to take: the transport is told at the end of this turn. */
  wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.tools.turn.write(this);
  }

  /** The turn is over: the transport takes. */
  write(): void {
    this.#pumping = false;
    if (!this.ended) this.#port.pump();
  }

  /** Sees to it that the session ends with its rights (rule I6); returns in how many ms that is, null for never. */
  expireLater(): number | null {
    this.#cancelExpiry?.();
    if (this.ended) return null;
    const { leftMs, identity } = this.rights;
    this.endsAt = identity.expiresAt ?? Number.POSITIVE_INFINITY;
    if (leftMs === null) return null;
    this.#cancelExpiry = this.tools.clock.timer(leftMs, () => {
      // A timer's wait is cut to the longest that timers can hold: then there is time left.
      if (this.rights.ended) this.end('expired', 'The rights of this session have ended.');
      else this.expireLater();
    });
    return leftMs;
  }

  /** Ends the connection because of an error of the table. */
  end(code: ErrorCode, why: string): void {
    if (this.over) return;
    this.ending = true;
    this.requests.stop();
    // Who was sent away isn't waited for; others are from now on, whenever the socket says that it is gone (rule N4).
    const away = steps[code].then === 'stop' || code === 'expired' || code === 'revoked';
    this.tools.hub.leases.release(this.holder, away);
    this.#port.end(code, why);
  }

  /** Lets go of everything, once the connection is gone. */
  release(): void {
    this.ended = true;
    this.#cancelExpiry?.();
    this.subscriptions.clear();
    this.answers.clear();
    this.tools.hub.leases.release(this.holder, false);
  }
}
