/**
 * One channel of a run as all its readers and publishers here see it together: which entries there are, when each was sent, and what
 * a reader that comes back goes on from. What one reader has belongs to it, in `Reader`; nothing here opens a connection.
 */
import { decodeServer, nextCheck, type Position, readWire, type ServerFrame } from '@syncline/protocol/wire';
import type { Tally } from './tally.ts';

/** What a frame of entries says, once for all who get the same one. */
interface Parsed {
  readonly bytes: Buffer;
  readonly frame: ServerFrame | undefined;
}

export class Track {
  readonly name: string;
  readonly #tally: Tally;
  readonly #run: string;
  #epoch: string | undefined;
  /** The offset before the first entry that is looked at. */
  #base = 0;
  /** Whether entries say when they were stored, and by whom. */
  stamped = false;
  /** By offset after `#base`: the check there, when it was sent, who got it before its answer had come. */
  #checks: number[] = [];
  #sent: number[] = [];
  /** What answers said of checks before the entries came. */
  readonly #told = new Map<number, number>();
  readonly #early = new Map<number, number[]>();
  #last: Parsed | undefined;
  /** The highest offset that was acknowledged. */
  top = 0;
  /** Entries of this run that stand in the log. */
  own = 0;

  constructor(name: string, run: string, tally: Tally) {
    this.name = name;
    this.#run = run;
    this.#tally = tally;
  }

  /** What a frame says; one that was sent to many readers is read once. */
  read(bytes: Buffer): ServerFrame | undefined {
    if (this.#last?.bytes.equals(bytes)) return this.#last.frame;
    const frame = decodeServer(bytes.toString());
    this.#last = { bytes, frame };
    return frame;
  }

  /** A reader stands there: what comes after it is looked at. */
  stand({ epoch, offset, check }: Position, stamped: boolean): void {
    this.stamped = stamped;
    if (this.#epoch === epoch) return;
    this.#epoch = epoch;
    this.#base = offset;
    this.#checks = [check];
    this.#sent = [];
    this.#early.clear();
    this.#told.clear();
    this.top = offset;
  }

  /** Where to go on after that offset; undefined where its check isn't known. */
  positionAt(offset: number): Position | undefined {
    const check = this.#checks[offset - this.#base];
    return this.#epoch === undefined || check === undefined
      ? undefined
      : { epoch: this.#epoch, offset, check };
  }

  /** Entries that nobody here had before: their checks, and whether they are this run's. */
  learn(first: number, entries: readonly (string | Uint8Array)[]): void {
    for (const [i, entry] of entries.entries()) {
      const at = first + i - this.#base;
      const before = this.#checks[at - 1];
      if (before === undefined || this.#checks[at] !== undefined) continue;
      const { data } = readWire(entry, this.stamped);
      const check = nextCheck(before, data);
      const told = this.#told.get(at) ?? check;
      this.#told.delete(at);
      if (told !== check) this.#tally.diverged++;
      this.#checks[at] = told;
      if (typeof data === 'string' && data.includes(this.#run)) this.own++;
    }
  }

  /** An entry reached a reader. @param now by the stopwatch */
  arrived(offset: number, now: number): void {
    const sent = this.#sent[offset - this.#base];
    if (sent !== undefined) return this.#tally.delivery.add(now - sent);
    const early = this.#early.get(offset);
    if (early) early.push(now);
    else this.#early.set(offset, [now]);
  }

  /** A publish was answered. @param since when it was sent, by the stopwatch */
  acked({ epoch, offset, check }: Position, since: number): void {
    if (epoch !== this.#epoch) return;
    const at = offset - this.#base;
    if (this.#sent[at] !== undefined) this.#tally.diverged++;
    this.#sent[at] = since;
    const known = this.#checks[at];
    if (known === undefined) this.#told.set(at, check);
    else if (known !== check) this.#tally.diverged++;
    this.top = Math.max(this.top, offset);
    for (const time of this.#early.get(offset) ?? []) this.#tally.delivery.add(time - since);
    this.#early.delete(offset);
  }
}

/** One reader's place in a channel, and what it should have got. */
export class Reader {
  readonly track: Track;
  readonly #tally: Tally;
  /** The number by which the present connection calls the channel. */
  id: number | undefined;
  /** Whether it has begun. */
  begun = false;
  offset = 0;

  constructor(track: Track, tally: Tally) {
    this.track = track;
    this.#tally = tally;
  }

  /** What to subscribe with: what only comes next, or the place that it stands at. */
  get start(): Position | number {
    return this.begun ? (this.track.positionAt(this.offset) ?? 0) : 0;
  }

  stand(position: Position, stamped: boolean, gap: boolean): void {
    if (gap) this.#tally.gaps++;
    // Without a position to go on from it begins anew, and what lies between is lost to it.
    else if (this.begun && position.offset > this.offset) this.#tally.lost += position.offset - this.offset;
    this.track.stand(position, stamped);
    this.offset = position.offset;
    this.begun = true;
  }

  entries(first: number, entries: readonly (string | Uint8Array)[], now: number): void {
    const last = first + entries.length - 1;
    if (first > this.offset + 1) this.#tally.lost += first - this.offset - 1;
    this.#tally.doubled += Math.max(0, Math.min(last, this.offset) - first + 1);
    this.track.learn(first, entries);
    for (let offset = Math.max(first, this.offset + 1); offset <= last; offset++) {
      this.#tally.delivered++;
      this.track.arrived(offset, now);
    }
    this.offset = Math.max(this.offset, last);
  }

  /** What stands for all entries up to there. @param offsets those that came */
  folded(upTo: number, offsets: readonly number[], now: number): void {
    for (const offset of offsets) {
      if (offset <= this.offset) continue;
      this.#tally.delivered++;
      this.track.arrived(offset, now);
    }
    this.#tally.conflated += Math.max(0, upTo - this.offset - offsets.length);
    this.offset = Math.max(this.offset, upTo);
  }
}
