/**
 * Runs the machine of machine.ts with a real transport, timers and browser hints, and turns the bytes of the present link
 * into frames and answers. The core holds one per client. It must not know what a channel is.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type Clock,
  type FrameOf,
  refMax,
  type ServerFrame,
  steps,
} from '@syncline/protocol/wire';
import { badOption, misread, silence, toFault } from './faults.ts';
import { readFrame, writeFrame } from './frames.ts';
import type { Hint, Lifecycle } from './lifecycle.ts';
import { type Event, next, type State } from './machine.ts';
import {
  type Answer,
  type AnswerFrame,
  basic,
  type Language,
  type Requests,
  type RequestType,
} from './requests.ts';
import { type GetToken, Rights } from './rights.ts';
import { type Report, Value } from './store.ts';
import type { Link, Transport } from './transports/transport.ts';

/**
 * How the connection is. `open`, but `degraded`: the server itself is cut off from what it serves, so nothing new comes, and what is
 * published waits. `waiting` tells when the next attempt begins (ms since 1970) and why one is needed, `closed` why there won't be
 * another.
 */
export type Status =
  | { readonly state: 'idle' | 'connecting' }
  | { readonly state: 'open'; readonly degraded?: true }
  | { readonly state: 'waiting'; readonly until: number; readonly error: SyncError }
  | { readonly state: 'closed'; readonly error: SyncError };

export interface ConnectionParts {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly lifecycle: Lifecycle;
  readonly url: string;
  readonly getToken: GetToken | undefined;
  readonly requestTimeoutMs: number;
  readonly report: Report;
  /** What frames it understands. Default: those that streams need. */
  readonly language?: Language;
}

/** What the connection calls: when a link is ready, when it is gone, and for each frame that answers no request. */
export interface ConnectionHooks {
  opened(): void;
  /** @param moved the next link is ready already; `opened` follows at once */
  lost(moved: boolean): void;
  closed(error: SyncError): void;
  frame(frame: Exclude<ServerFrame, AnswerFrame>): void;
}

interface Waiting {
  readonly type: RequestType;
  readonly answer: (answer: Answer) => void;
  readonly cancel: Cancel;
}

/** One link, from the attempt on. */
interface Line {
  readonly number: number;
  link?: Link;
  welcome?: FrameOf<ServerFrame, 'welcome'>;
  /** What the server said was wrong, before it closes. */
  error?: SyncError;
}

/** Silence longer than this many heartbeats means that the link is dead (rule H4). */
const quietBeats = 1.5;
const quietMsMin = 100;
/** How long a probe waits for any byte, in ms. */
const probeMs = 4_000;

const opened: Status = { state: 'open' };
const degraded: Status = { state: 'open', degraded: true };

export class Connection {
  declare readonly status: Value<Status>;
  /** Size of the largest payload that the server takes, in bytes; known from its first `welcome` on. */
  payloadBytesMax = Number.MAX_SAFE_INTEGER;
  /** By how much the server's clock is ahead of this one, as far as its last `welcome` told: late by the way that took. */
  aheadMs = 0;
  /** When the server was last heard, in ms since 1970; before that, when this was made. */
  declare heardAt: number;
  readonly #parts: ConnectionParts;
  readonly #language: Language;
  readonly #hooks: ConnectionHooks;
  readonly #waiting = new Map<number, Waiting>();
  #ref = 0;
  #state: State = { state: 'idle' };
  #events: Event[] = [];
  /** The link that frames travel on. */
  #present: Line | undefined;
  /** That, and the one that is being made. */
  readonly #lines = new Set<Line>();
  /** The number of the last attempt. */
  #last = 0;
  readonly #rights: Rights;
  #timer: Cancel | undefined;
  #unbind: Cancel | undefined;
  #quietMs = 0;
  /** Whether bytes come but no heartbeat: there is much that is still to be read. */
  late = false;
  #late: Cancel | undefined;
  #quiet: Cancel | undefined;
  #probing = false;

  constructor(parts: ConnectionParts, hooks: ConnectionHooks) {
    this.#parts = parts;
    this.#language = parts.language ?? basic;
    this.#rights = new Rights(parts, (token, answer) => this.request('auth', [token], answer));
    this.#hooks = hooks;
    this.heardAt = parts.clock.now();
    this.status = new Value<Status>({ state: 'idle' }, parts.report);
  }

  /** Whether frames can be sent now. */
  get open(): boolean {
    return !!this.#present;
  }

  /** Why the client is closed, once it is. */
  get closedBy(): SyncError | undefined {
    return this.#state.state === 'closed' ? this.#state.error : undefined;
  }

  get bufferedAmount(): number {
    return this.#present?.link?.bufferedAmount ?? 0;
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
  request<T extends RequestType>(type: T, fields: Requests[T], answer: (answer: Answer<T>) => void): void {
    const cancel = this.#deadline(this.#parts.requestTimeoutMs);
    this.#ref = (this.#ref % refMax) + 1;
    // Only a frame of the type that answers this request, an error or null is ever handed to it; see `#answer`.
    this.#waiting.set(this.#ref, { type, answer: answer as Waiting['answer'], cancel });
    this.#send(type, this.#ref, ...fields);
  }

  /** Takes one event after the other: what an event's effects bring about waits until the event is dealt with. */
  #dispatch(event: Event): void {
    if (this.#events.push(event) > 1) return;
    for (const one of this.#events) this.#step(one);
    this.#events = [];
  }

  #step(event: Event): void {
    const { clock, lifecycle } = this.#parts;
    const before = this.#state;
    const now = clock.now();
    const facts = { now, random: clock.random(), attempt: this.#last + 1 };
    const state = next(before, event, facts);
    if (state === before) return;
    this.#state = state;
    this.#unbind ??= lifecycle((hint) => this.hint(hint));
    this.#timer?.();
    if ('until' in state && state.until) {
      this.#timer = clock.timer(state.until - now, () => this.#dispatch({ type: 'due' }));
    }
    let present: Line | undefined;
    for (const line of this.#lines) {
      if ('link' in state && line.number === state.link) present = line;
      else if (!('attempt' in state && line.number === state.attempt)) {
        this.#lines.delete(line);
        line.link?.close(1000);
      }
    }
    this.#change(present);
    if ('attempt' in state && state.attempt > this.#last) this.#dial(state.attempt, state.tries.rejected > 0);
    if (state.state === 'closed') {
      this.#unbind();
      this.#hooks.closed(state.error);
    }
    // What changes while a connection is open is nobody else's business.
    if (!('link' in state)) this.status.set(state);
  }

  /** Goes over to another link, or to none. What was asked on the old one has no answer any more. */
  #change(present: Line | undefined): void {
    const before = this.#present;
    if (present === before) return;
    // Nothing is sent before everyone knows that the old link is gone.
    this.#present = undefined;
    this.#quiet?.();
    this.#late?.();
    this.#rights.end();
    for (const ref of this.#waiting.keys()) this.#answer(ref)?.(null);
    if (before) this.#hooks.lost(!!present);
    this.#present = present;
    if (!present?.welcome) return;
    const { payloadBytesMax, heartbeatMs, expiresMs } = present.welcome;
    this.payloadBytesMax = payloadBytesMax;
    this.#quietMs = Math.max(quietMsMin, quietBeats * heartbeatMs);
    this.#hear();
    this.#rights.begin(expiresMs);
    this.#hooks.opened();
    this.#told();
  }

  /** Without a link, `wake` has it dial as soon as it may. A link that is there has to prove that it is alive. */
  hint(hint: Hint): void {
    this.#rights.wake();
    if (!this.#present) this.#dispatch({ type: hint });
    else if (!this.#probing) {
      this.#probing = true;
      this.#quiet?.();
      this.#quiet = this.#deadline(probeMs);
      this.#send('heartbeat');
    }
  }

  #dial(number: number, rejected: boolean): void {
    this.#last = number;
    const { transport, url, getToken } = this.#parts;
    const line: Line = { number };
    this.#lines.add(line);
    const lost = (thrown: unknown) => this.#lose(line, line.error ?? toFault(thrown));
    const open = (token?: string) => {
      if (!this.#lines.has(line)) return;
      try {
        line.link = transport.open(url, token, {
          message: (data) => this.#receive(line, data),
          close: (code, reason) => lost(errorOfClose(code, reason, url)),
        });
      } catch {
        // What the platform refuses at once it would refuse for ever: the address was checked, so it is the token, which its
        // own error would quote.
        lost(badOption('an ASCII token', 'another'));
      }
    };
    if (getToken) Promise.resolve({ rejected }).then(getToken).then(open, lost);
    else open();
  }

  #receive(line: Line, data: unknown): void {
    if (!this.#lines.has(line)) return;
    if (line === this.#present) this.#hear();
    try {
      const { frames, bytes } = this.#language;
      const frame = typeof data === 'string' ? readFrame(data, frames) : bytes?.read(data);
      if (frame) this.#take(line, frame);
    } catch (thrown) {
      // What can't be understood can't be followed either: a new link starts from the positions.
      this.#parts.report(thrown);
      this.#lose(line, toFault(`The server sent: ${thrown}`));
    }
  }

  /** Liveness is judged by the last byte seen, whatever it says. */
  #hear(): void {
    this.heardAt = this.#parts.clock.now();
    this.#probing = false;
    this.#quiet?.();
    this.#quiet = this.#deadline(this.#quietMs);
  }

  /** Behind much that is still to be read no ping comes through: the client says by itself that it is there (rule H3). */
  #told(staleMs?: number): void {
    this.status.set(staleMs ? degraded : opened);
    this.#late?.();
    this.late = false;
    this.#late = this.#parts.clock.timer(this.#quietMs, () => {
      this.#send('heartbeat');
      this.#told(staleMs);
      this.late = true;
    });
  }

  /**
   * Gives the link up after so long, but lets data that already waits be read first: after a pause of the process timers are
   * overdue and come before the data that would have kept them from firing.
   */
  #deadline(ms: number): Cancel {
    const { clock } = this.#parts;
    let live = true;
    const over = () => live && this.#present && this.#lose(this.#present, silence());
    const cancel = clock.timer(ms, () => clock.endOfTurn(over));
    return () => {
      live = false;
      cancel();
    };
  }

  #take(line: Line, frame: ServerFrame): void {
    const { number: link } = line;
    if (frame.type === 'welcome') {
      line.welcome ??= frame;
      this.aheadMs = frame.now - this.#parts.clock.now();
      this.#dispatch({ type: 'opened', link });
    } else if (frame.type === 'error') {
      this.#fail(line, frame.ref, new SyncError(frame.code, frame.message, frame.detail ?? undefined));
    } else if (line !== this.#present) {
      // Before its welcome nothing is asked on a link, and nothing else is meant for it (rule F7).
    } else if (frame.type === 'bye') this.#dispatch({ ...frame, link });
    else if ('ref' in frame) this.#answer(frame.ref, frame.type)?.(frame);
    else {
      if (frame.type === 'heartbeat') this.#told(frame.staleMs);
      this.#hooks.frame(frame);
    }
  }

  #fail(line: Line, ref: number | null, error: SyncError): void {
    if (ref === null) line.error = error;
    // The server no longer knows who we are: nothing on this link will do any more, but another token may.
    else if (error.next === 'reauth' && this.#waiting.get(ref)?.type !== 'auth') this.#lose(line, error);
    else if (line === this.#present) this.#answer(ref)?.(error);
  }

  /** Ends the wait of a request and gives what takes its answer, if anyone still waits. @throws SyncError `bad_frame` */
  #answer(ref: number, type?: AnswerFrame['type']): Waiting['answer'] | undefined {
    const waiting = this.#waiting.get(ref);
    if (!waiting) return undefined;
    if (type && type !== this.#language.answers[waiting.type]) throw misread();
    this.#waiting.delete(ref);
    waiting.cancel();
    return waiting.answer;
  }

  /** Gives a link up, or what may become one. */
  #lose({ number: link }: Line, error: SyncError): void {
    this.#dispatch({ type: 'lost', link, error });
  }

  #send(...frame: Parameters<typeof writeFrame>): void {
    const line = this.#present;
    try {
      line?.link?.send(this.#language.bytes?.write(frame) ?? writeFrame(...frame));
    } catch (thrown) {
      if (line) this.#lose(line, toFault(thrown));
    }
  }
}

/**
 * What a close code says, by the table of errors; codes that only this side uses say nothing when they come from there. A browser
 * doesn't tell a server that isn't there from one that turned the page away, nor does it say why a link broke.
 */
function errorOfClose(close: number, reason: string, url: string): SyncError {
  const code = (Object.keys(steps) as ErrorCode[]).find((one) => steps[one].close === close && close > 1000);
  const message = reason || `No link to ${url}: not there, not for this page? (${close})`;
  return new SyncError(code ?? 'unavailable', message);
}
