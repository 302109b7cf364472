/**
 * A read by plain HTTP as a session sees it: what is common to those who take what is there, wait for more, or read on and on. The session
 * says what happens and hands over what was appended; each way of reading says how that is written. It never sees a channel.
 */
import type { ServerResponse } from 'node:http';
import {
  type ErrorCode,
  type ErrorDetail,
  type GapReason,
  type Position,
  SyncError,
} from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Batch, SnapshotPart } from '../../../cursor.ts';
import type { End, Face, SnapshotFace } from '../../../hub/face.ts';
import { writeToken } from '../../../hub/token.ts';
import type { Metrics } from '../../../observe.ts';
import type { Control, Port } from '../../../session/port.ts';
import type { Place } from '../../../session/sessions.ts';
import type { Found } from '../../../session/streams.ts';
import type { Session } from '../../../session.ts';
import { Refusal } from '../../refusal.ts';
import type { Answer } from '../answer.ts';
import type { From, Query } from './query.ts';
import { statuses } from './statuses.ts';

/** What all reads of a node share. */
export interface ReadTools {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly socketBytesMax: number;
  readonly longPollMs: number;
  readonly sseMs: number;
}

/** What somebody reads. */
export interface Reading {
  readonly found: Found;
  readonly channel: string;
  readonly query: Query;
  /** Where the reader stands; undefined: it has nothing, and begins at the first that is kept. */
  readonly from: Position | undefined;
}

/** More than any log holds: all that is kept. */
const all = Number.MAX_SAFE_INTEGER;
/** What is asked of the session, once. */
const ref = 1;

/** What stands in the place of bytes that come later: the session gives nothing more meanwhile. */
const later = new Uint8Array();

export abstract class LogReader implements Port {
  readonly reading: Reading;
  protected readonly tools: ReadTools;
  protected readonly session: Session;
  /** Where the reader stands once all that was taken is written. */
  protected at: Position;
  /** Why nothing comes after that, if so. */
  protected over: End | undefined;
  /** Settles what the request is answered with. */
  protected readonly answered: (answer: Answer) => void;
  /** The answer, once it is known. */
  readonly answer: Promise<Answer>;
  protected response: ServerResponse | undefined;
  /** Whether something is being made that has to be written first. */
  protected waiting = false;
  #fresh: boolean;
  /** What waited in the socket when that was last looked at. */
  #waitingBytes = 0;
  #snapshot: SnapshotFace | undefined;

  /** Opens the session. @throws what opening it threw */
  constructor(place: Place, tools: ReadTools, reading: Reading) {
    let settle: (answer: Answer) => void = () => {};
    this.answer = new Promise((resolve) => {
      settle = resolve;
    });
    this.answered = settle;
    this.tools = tools;
    this.reading = reading;
    this.at = reading.from ?? reading.found.top;
    this.#fresh = reading.from === undefined;
    this.session = place.open(this);
  }

  /** Begins to read. */
  begin(): void {
    const { channel } = this.reading;
    this.session.receive({ type: 'subscribe', ref, channel, start: this.#start() });
  }

  /** Whether all that there is has been taken. */
  protected get upToDate(): boolean {
    return this.at.offset >= this.reading.found.head().offset;
  }

  /** It stands at a place, from which everything that comes is told. */
  protected abstract begun(): void;
  /** The bytes of a batch, shared where possible; none where nothing of it is for readers. */
  protected abstract entries(batch: Batch): Uint8Array;
  /** The bytes of a part of a snapshot, shared where possible. @param messages what is shown of it */
  protected abstract part(
    part: SnapshotPart,
    name: string,
    messages: readonly (string | Uint8Array)[],
  ): Uint8Array;
  /** A heartbeat: a sign of life is written, or looked for. */
  protected abstract beat(): void;
  /** The server leaves, and the client may come back after so many milliseconds. */
  protected abstract leave(afterMs: number): void;
  /** It can't go on from where it stands: why, for who has no answer yet. */
  protected abstract lost(refusal: Refusal | SyncError): void;
  abstract pump(): void;
  abstract end(code: ErrorCode, reason: string): void;

  controls(frames: readonly Control[]): undefined {
    for (const frame of frames) {
      if (frame.type === 'subscribed') this.#subscribed(frame.position, frame.gap);
      else if (frame.type === 'error')
        this.lost(new SyncError(frame.code, frame.message, frame.detail ?? undefined));
      else if (frame.type === 'gap') this.lost(gapRefusal(frame.reason, frame.position));
      else if (frame.type === 'heartbeat') this.beat();
      else if (frame.type === 'bye') this.leave(frame.afterMs);
    }
  }

  batch(batch: Batch): Uint8Array | undefined {
    const { face } = this.reading.found;
    const { last } = batch;
    const end = this.#fresh ? face.ends(batch, true) : endOf(face, batch);
    this.#fresh = false;
    if (end === 'gone') return this.#gone();
    this.at = { epoch: this.at.epoch, offset: last.offset, check: last.check };
    this.over = end;
    return this.entries(batch);
  }

  snapshot(part: SnapshotPart): Uint8Array | undefined {
    const { found, from } = this.reading;
    this.#snapshot ??= found.face.snapshot(from);
    const shows = this.#snapshot;
    const { epoch } = this.at;
    const at = { epoch, offset: part.offset, check: part.check };
    const messages = shows.next(part, at);
    const take = (shown: readonly (string | Uint8Array)[]): Uint8Array | undefined => {
      if (!part.more) {
        this.#fresh = false;
        this.#snapshot = undefined;
        this.at = at;
        if (shows.end === 'gone') return this.#gone();
        this.over = shows.end;
      }
      const bytes = this.part(part, shows.name, shown);
      found.charge(bytes.length);
      return bytes;
    };
    if (!(messages instanceof Promise)) return take(messages);
    this.waiting = true;
    messages.then(take).then(
      (bytes) => this.#made(bytes),
      (thrown: unknown) => this.lost(Refusal.from(thrown)),
    );
    return later;
  }

  signals(): undefined {
    return undefined;
  }

  seen(): undefined {
    return undefined;
  }

  /** Lets go of everything, once the response is over. */
  release(): void {
    this.answered({ status: 204 });
    this.session.release();
  }

  /** What the session gives next; undefined where there is nothing for now, or it can't be shown. */
  protected take(): Uint8Array | undefined {
    try {
      return this.session.take();
    } catch (thrown) {
      this.lost(Refusal.from(thrown));
      return undefined;
    }
  }

  /** Whoever takes what waits in the socket is alive, however slow. */
  protected progress(): void {
    const length = this.response?.writableLength ?? 0;
    if (length === 0 || length < this.#waitingBytes) this.session.alive();
    this.#waitingBytes = length;
  }

  /** Writes what was made meanwhile, and goes on. */
  protected abstract made(bytes: Uint8Array): void;

  #made(bytes: Uint8Array | undefined): void {
    this.waiting = false;
    if (bytes) this.made(bytes);
    this.pump();
  }

  #start(): Position | number {
    const { found, query, from } = this.reading;
    if (query.from === 'now') return found.top;
    return from ?? found.start ?? all;
  }

  #subscribed(position: Position, gap: GapReason | null): void {
    if (gap) return this.lost(gapRefusal(gap, position));
    this.at = position;
    this.begun();
  }

  #gone(): undefined {
    this.lost(lostRefusal('gone', 'read anew from offset -1', {}, { reason: 'gone' }));
  }
}

/** Whether nothing comes after a batch, for those who go on: it is found out once for all of them. */
const ends = new WeakMap<Batch, { readonly end: End | undefined }>();

function endOf(face: Face, batch: Batch): End | undefined {
  const known = ends.get(batch) ?? { end: face.ends(batch, false) };
  ends.set(batch, known);
  return known.end;
}

/** Where a reader stands who wants to begin there; undefined: it has nothing. */
export function standing(from: From, { top }: Found): Position | undefined {
  if (from === 'start') return undefined;
  return from === 'now' ? top : from;
}

/** The offset that was asked for leads nowhere any more. */
function gapRefusal(reason: GapReason, position: Position): Refusal {
  const next = writeToken(position);
  const goOn = `go on from ${next}, where the log is complete`;
  return lostRefusal(reason, goOn, { 'Stream-Next-Offset': next }, { reason, next });
}

function lostRefusal(
  reason: GapReason | 'gone',
  goOn: string,
  headers: Readonly<Record<string, string>>,
  detail: ErrorDetail,
): Refusal {
  const [status, code = 'internal', message] = statuses[reason];
  return new Refusal(status, code, `${message} Forget what you have, and ${goOn}.`, headers, detail);
}
