/**
 * Runs the machine of machine.ts with a real transport, timers and browser hints, and turns the bytes of the present link
 * into frames and answers. The core holds one per client. It must not know what a channel is.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type ClientFrame,
  type Clock,
  refMax,
  type ServerFrame,
  steps,
} from '@syncline/protocol/wire';
import { readFrame, writeFrame } from './frames.ts';
import type { Lifecycle } from './lifecycle.ts';
import { type Effect, type Event, next, type State } from './machine.ts';
import { type Answer, type AnswerFrame, answers, type Request, type RequestType } from './requests.ts';
import { type Report, Value } from './store.ts';
import { deadline } from './timing.ts';
import type { Link, Transport } from './transports/transport.ts';

/**
 * How the connection is. `waiting` tells when the next attempt begins (ms since 1970) and why one is needed, `closed` why
 * there won't be another.
 */
export type Status =
  | { readonly state: 'idle' | 'connecting' | 'open' }
  | { readonly state: 'waiting'; readonly until: number; readonly error: SyncError }
  | { readonly state: 'closed'; readonly error: SyncError };

/** Gives the token to connect with. `rejected` is true when the server refused the last one, so a cached one won't do. */
export type GetToken = (why: { readonly rejected: boolean }) => string | Promise<string>;

export interface ConnectionParts {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly lifecycle: Lifecycle;
  readonly url: string;
  readonly getToken: GetToken | undefined;
  readonly requestTimeoutMs: number;
  readonly report: Report;
}

/** What the connection calls: when a link is ready, when it is gone, and for each frame that answers no request. */
export interface ConnectionHooks {
  opened(): void;
  lost(): void;
  closed(error: SyncError): void;
  frame(frame: Exclude<ServerFrame, AnswerFrame>): void;
}

interface Waiting {
  readonly type: RequestType;
  readonly answer: (answer: Answer) => void;
  readonly cancel: Cancel;
}

/** Silence longer than this many heartbeats means that the link is dead (rule H4). */
const quietBeats = 1.5;
const quietMsMin = 100;
/** How long a probe waits for any byte, in ms. */
const probeMs = 2_000;
/** Tokens that may be refused one after the other before the client gives up. */
const rejectionsMax = 3;

export class Connection {
  readonly status: Value<Status>;
  /** Size of the largest payload that the server takes, in bytes; known from its first `welcome` on. */
  payloadBytesMax = Number.POSITIVE_INFINITY;
  /** When the server was last heard, in ms since 1970; before that, when this was made. */
  heardAt: number;
  readonly #parts: ConnectionParts;
  readonly #hooks: ConnectionHooks;
  readonly #waiting = new Map<number, Waiting>();
  #ref = 0;
  #state: State = { state: 'idle' };
  #events: Event[] = [];
  #running = false;
  #link: Link | undefined;
  #timer: Cancel | undefined;
  #unbind: Cancel | undefined;
  #quietMs = 0;
  #quiet: Cancel | undefined;
  #probing = false;
  /** What the server said was wrong with this link, before it closes it. */
  #fault: SyncError | undefined;

  constructor(parts: ConnectionParts, hooks: ConnectionHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.heardAt = parts.clock.now();
    this.status = new Value<Status>(this.#state, parts.report);
  }

  /** Whether frames can be sent now. */
  get open(): boolean {
    return this.#state.state === 'open';
  }

  /** Why the client is closed, once it is. */
  get closedBy(): SyncError | undefined {
    return this.#state.state === 'closed' ? this.#state.error : undefined;
  }

  get bufferedBytes(): number {
    return this.#link?.bufferedBytes ?? 0;
  }

  /** Connects, unless that was begun before. */
  start(): void {
    this.#dispatch({ type: 'start' });
  }

  /** Closes for good. */
  stop(): void {
    this.#dispatch({ type: 'stop' });
  }

  /** Sends a request; `answer` is called once, with null when the link is lost first. Only while `open`. */
  request<T extends RequestType>(frame: Request<T>, answer: (answer: Answer<T>) => void): void {
    const cancel = this.#deadline(this.#parts.requestTimeoutMs);
    this.#ref = (this.#ref % refMax) + 1;
    // Only a frame of the type that answers this request, an error or null is ever handed to it; see `#answer`.
    this.#waiting.set(this.#ref, { type: frame.type, answer: answer as Waiting['answer'], cancel });
    this.#send({ ...frame, ref: this.#ref } as ClientFrame);
  }

  /** Takes one event after the other: what an event's effects bring about waits until the event is dealt with. */
  #dispatch(event: Event): void {
    this.#events.push(event);
    if (this.#running) return;
    this.#running = true;
    for (let e = this.#events.shift(); e; e = this.#events.shift()) this.#step(e);
    this.#running = false;
  }

  #step(event: Event): void {
    const { clock, getToken, lifecycle } = this.#parts;
    const before = this.#state;
    const facts = { now: clock.now(), random: clock.random(), rejectionsMax: getToken ? rejectionsMax : 1 };
    const { state, effects } = next(before, event, facts);
    this.#state = state;
    const from = before.state;
    const to = state.state;
    if (to !== from) this.#timer?.();
    for (const effect of effects) this.#run(effect);
    if (to !== from) {
      if (from === 'idle') this.#unbind = lifecycle((hint) => this.#dispatch({ type: hint }));
      if (from === 'open') this.#hooks.lost();
      if (to === 'open') this.#hooks.opened();
      if (to === 'closed') {
        this.#unbind?.();
        this.#hooks.closed(state.error);
      }
    }
    // What changes while a connection is open is nobody else's business.
    if (to !== from || (to === 'waiting' && state !== before)) this.status.set(statusOf(state));
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'dial':
        return this.#dial(effect.link, effect.rejected);
      case 'drop':
        this.#quiet?.();
        this.#link?.close(1000);
        this.#link = undefined;
        for (const ref of this.#waiting.keys()) this.#answer(ref)?.(null);
        return;
      case 'probe':
        if (this.#probing) return;
        this.#probing = true;
        this.#quiet?.();
        this.#quiet = this.#deadline(probeMs);
        return this.#send({ type: 'heartbeat' });
      case 'timer':
        this.#timer?.();
        this.#timer = this.#parts.clock.timer(effect.ms, () => this.#dispatch(effect.event));
    }
  }

  #dial(link: number, rejected: boolean): void {
    const { transport, url, getToken } = this.#parts;
    const lost = (thrown: unknown) => this.#dispatch({ type: 'lost', link, error: unavailable(thrown) });
    const open = (token?: string) => {
      if (!this.#isPresent(link)) return;
      this.#fault = undefined;
      try {
        this.#link = transport.open(url, token, {
          message: (data) => this.#receive(link, data),
          close: (code, reason) => lost(this.#fault ?? errorOfClose(code, reason)),
        });
      } catch (thrown) {
        lost(thrown);
      }
    };
    if (getToken) Promise.resolve({ rejected }).then(getToken).then(open, lost);
    else open();
  }

  #isPresent(link: number): boolean {
    return 'link' in this.#state && this.#state.link === link;
  }

  #receive(link: number, data: string | Uint8Array): void {
    if (!this.#isPresent(link)) return;
    this.#hear();
    try {
      // Binary frames belong to channels whose data are bytes; no channel of this client asks for them yet.
      const frame = typeof data === 'string' && readFrame(data);
      if (frame) this.#take(link, frame);
    } catch (thrown) {
      // What can't be understood can't be followed either: a new link starts from the positions.
      this.#parts.report(thrown);
      this.#lose(unavailable(`The server sent: ${thrown}`));
    }
  }

  /** Liveness is judged by the last byte seen, whatever it says. */
  #hear(): void {
    this.heardAt = this.#parts.clock.now();
    this.#probing = false;
    this.#quiet?.();
    if (this.#quietMs > 0) this.#quiet = this.#deadline(this.#quietMs);
  }

  #deadline(ms: number): Cancel {
    return deadline(this.#parts.clock, ms, () => this.#lose(new SyncError('silent')));
  }

  #take(link: number, frame: ServerFrame): void {
    if (frame.type === 'welcome') {
      this.payloadBytesMax = frame.payloadBytesMax;
      this.#quietMs = Math.max(quietMsMin, quietBeats * frame.heartbeatMs);
      this.#hear();
      this.#dispatch({ type: 'opened', link });
    } else if (frame.type === 'bye') {
      this.#dispatch({ ...frame, link });
    } else if (!('ref' in frame)) {
      this.#hooks.frame(frame);
    } else if (frame.type !== 'error') {
      this.#answer(frame.ref, frame.type)?.(frame);
    } else {
      const error = new SyncError(frame.code, frame.message, frame.detail ?? undefined);
      if (frame.ref === null) this.#fault = error;
      // The server no longer knows who we are: nothing on this link will do any more.
      else if (error.next === 'reauth') this.#lose(error);
      else this.#answer(frame.ref)?.(error);
    }
  }

  /** Ends the wait of a request and gives what takes its answer, if anyone still waits. @throws SyncError `bad_frame` */
  #answer(ref: number, type?: AnswerFrame['type']): Waiting['answer'] | undefined {
    const waiting = this.#waiting.get(ref);
    if (!waiting) return undefined;
    if (type && type !== answers[waiting.type]) throw new SyncError('bad_frame');
    this.#waiting.delete(ref);
    waiting.cancel();
    return waiting.answer;
  }

  /** Gives the present link up. */
  #lose(error: SyncError): void {
    if ('link' in this.#state) this.#dispatch({ type: 'lost', link: this.#state.link, error });
  }

  #send(frame: ClientFrame): void {
    try {
      this.#link?.send(writeFrame(frame));
    } catch (thrown) {
      this.#lose(unavailable(thrown));
    }
  }
}

/** What of the machine's state applications see. */
function statusOf(is: State): Status {
  if (is.state === 'waiting') return { state: is.state, until: is.until, error: is.error };
  return is.state === 'closed' ? is : { state: is.state };
}

function unavailable(thrown: unknown): SyncError {
  return thrown instanceof SyncError ? thrown : new SyncError('unavailable', String(thrown));
}

/** What a close code says, by the table of errors; codes that only this side uses say nothing when they come from there. */
function errorOfClose(close: number, reason: string): SyncError {
  const code = (Object.keys(steps) as ErrorCode[]).find((one) => steps[one].close === close && close > 1000);
  return new SyncError(code ?? 'unavailable', reason || `The connection ended with code ${close}.`);
}
