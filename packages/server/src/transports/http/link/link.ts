/**
 * One client over HTTP, served by a session: what comes up in numbered posts is handed to it once, and what it tells goes down a
 * stream or in answers to polls. The links make one for each client; it sees no path, no header and no channel.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import type { Clock, Refused } from '@syncline/protocol/wire';
import type { Batch, Seen, Signals, SnapshotPart } from '../../../cursor.ts';
import type { Metrics } from '../../../observe.ts';
import type { Control, Port } from '../../../session/port.ts';
import type { Place } from '../../../session/sessions.ts';
import type { Session } from '../../../session.ts';
import { type ReadingRules, receive } from '../../frames.ts';
import { linkBatch, linkControls, linkSeen, linkSignals, linkSnapshot } from './events.ts';

/** What all links of a node share. */
export interface LinkTools extends ReadingRules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** How many bytes may wait to be sent to one client. */
  readonly socketBytesMax: number;
  /** How long a poll waits for something to tell. */
  readonly longPollMs: number;
  /** How long a link waits for the next poll before its client counts as gone. */
  readonly linkGraceMs: number;
}

/** What a request that goes to a link asks of it. */
export interface Ask {
  /** `frames`: takes what the client sends, numbered; `end`: likewise, and ends it; `poll`: gives what comes after that number. */
  readonly what: 'frames' | 'poll' | 'end';
  readonly number: number;
  /** The frames, one a line. */
  readonly body: Buffer;
}

/** How it is answered. */
export interface Reply {
  readonly status: 200 | 204 | 404 | 409 | 503;
  readonly body: Uint8Array;
}

/** Takes the one reply to an ask. */
export type OnReply = (reply: Reply) => void;

const nothing = Buffer.alloc(0);
/** What was asked is done, or there is nothing to tell. */
export const done: Reply = { status: 204, body: nothing };
/** The number fits nothing that was said before. */
export const astray: Reply = { status: 409, body: nothing };
/** There is no such link. */
export const unknown: Reply = { status: 404, body: nothing };

/** Nobody waits for what was replied at once. */
export const nobody = (): void => {};

const lineEnd = 10;
const bracket = 0x5b;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const lineRefused: Refused = {
  type: 'refused',
  ref: null,
  error: new SyncError(
    'bad_frame',
    'A line is neither a text frame, which begins with a bracket, nor a binary one in base64.',
  ),
};

export abstract class HttpLink implements Port {
  readonly id: string;
  readonly session: Session;
  protected readonly tools: LinkTools;
  /** The client is gone, or was sent away: nothing more is taken from the session. */
  protected over = false;
  readonly #place: Place;
  readonly #onGone: (link: HttpLink) => void;
  #free = false;
  /** The number of the last post that was taken. */
  #taken = 0;

  /** Opens the session. @throws what opening it threw */
  constructor(id: string, tools: LinkTools, place: Place, onGone: (link: HttpLink) => void) {
    this.id = id;
    this.tools = tools;
    this.#place = place;
    this.#onGone = onGone;
    this.session = place.open(this);
  }

  controls(frames: readonly Control[]): Uint8Array {
    return linkControls(frames);
  }

  batch(batch: Batch): Uint8Array {
    return linkBatch(batch);
  }

  snapshot(part: SnapshotPart): Uint8Array {
    return linkSnapshot(part);
  }

  signals(signals: Signals): Uint8Array {
    return linkSignals(signals);
  }

  seen(seen: Seen): Uint8Array {
    return linkSeen(seen);
  }

  abstract pump(): void;
  abstract end(code: ErrorCode, reason: string): void;

  /** Gives what comes after a number; returns what is called when the client waits no longer. */
  abstract poll(after: number, onReply: OnReply): () => void;

  /** Does what a request asks, and replies once; returns what is called when nobody waits for the reply any more. */
  ask({ what, number, body }: Ask, onReply: OnReply): () => void {
    this.session.alive();
    if (what === 'poll') return this.poll(number, onReply);
    const reply = this.#take(number, body);
    if (what === 'end') this.gone();
    onReply(reply);
    return nobody;
  }

  /** Nobody is there any more: everything is given back, and the name is nobody's. */
  gone(): void {
    this.free();
    this.#onGone(this);
  }

  /** Gives back what a session has. The link is found by its name as before. */
  protected free(): void {
    if (this.#free) return;
    this.#free = true;
    this.over = true;
    this.session.release();
    this.#place.gone();
  }

  /** Takes a post once, however often it comes. */
  #take(number: number, body: Buffer): Reply {
    if (number > this.#taken + 1) return astray;
    if (number <= this.#taken) return done;
    // What is no sign of life only is numbered.
    if (body.length > 0) this.#taken = number;
    // Nobody is charged for what follows a line that ends the session, so nobody reads it either.
    for (let start = 0; start < body.length && !this.over; ) {
      const found = body.indexOf(lineEnd, start);
      const end = found < 0 ? body.length : found;
      if (end > start) this.#line(body.subarray(start, end));
      start = end + 1;
    }
    return done;
  }

  #line(line: Buffer): void {
    if (line[0] === bracket) return receive(this.session, line, false, this.tools);
    const text = line.toString('latin1');
    if (text.length % 4 === 0 && base64.test(text))
      return receive(this.session, Buffer.from(text, 'base64'), true, this.tools);
    this.session.receive(lineRefused);
  }
}
