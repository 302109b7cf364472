/**
 * `syncline tail`: the entries of a channel of any kind, as they come. After a cut it goes on from its position, so nothing is left
 * out or printed twice; what the log lost meanwhile is told. It knows how to stop; how an entry looks is lines.ts' matter.
 */
import {
  type Log,
  type LogClient,
  type LogEntry,
  type LogReader,
  type Position,
  SyncError,
} from '@syncline/client/log';
import { systemClock } from '@syncline/protocol/wire';
import { type ConnectOptions, connect, sentence } from './connect.ts';
import { exit, leaveWith, onLeave, writeLine, writeNotice } from './output.ts';
import { readPlace, writePlace } from './place.ts';
import { type Lines, linesFor, type Shown, shownRows } from './tail/lines.ts';
import { readTime } from './values.ts';

/** The options, as they are read. */
export interface TailOptions extends ConnectOptions {
  readonly since?: string;
  readonly last?: number;
  readonly count?: number;
  readonly follow: boolean;
  readonly json?: true;
}

/** From where to read, and what of it isn't to be printed. */
interface Since {
  readonly from: Position | number;
  /** Entries up to that offset aren't printed. */
  readonly offset: number;
  /** Nor those that were stored before, in ms since 1970. */
  readonly at: number;
}

const everything = Number.MAX_SAFE_INTEGER;

/** Prints entries until it is told to stop. @throws what keeps it from beginning */
export async function tail(channel: string, options: TailOptions): Promise<void> {
  const since = readSince(options);
  const retried = 'It is tried again until it works.';
  const client = await connect(options, { waitMs: 1000, entriesMax: 1, retried });
  const code = await new Promise<number>((resolve) => {
    new Tail(client, options, since, resolve).follow(client.log(channel));
  });
  client.close();
  leaveWith(code);
}

class Tail implements LogReader {
  readonly #options: TailOptions;
  readonly #since: Since;
  readonly #lines: Lines;
  readonly #end: (code: number) => void;
  readonly #client: LogClient;
  #printed = 0;
  #over = false;
  /** The head of the log, as it was when reading began: without --follow that is far enough. */
  #top: number | undefined;
  #place: Position | undefined;

  constructor(client: LogClient, options: TailOptions, since: Since, end: (code: number) => void) {
    this.#client = client;
    this.#options = options;
    this.#since = since;
    this.#lines = linesFor(options.json === true);
    this.#end = end;
  }

  follow(log: Log): void {
    onLeave(() => this.#stop(exit.done));
    // A server that will never let it in closes for good; until then every attempt may be the one.
    this.#client.status.subscribe(() => {
      const status = this.#client.status.get();
      if (status.state === 'closed') this.refused(status.error);
    });
    log.follow(this.#since.from, this);
  }

  recovered(
    recovery: Parameters<LogReader['recovered']>[0],
    place: Parameters<LogReader['recovered']>[1],
  ): void {
    this.#place = place.position;
    this.#top ??= place.top;
    if (recovery.via === 'gap') this.#print(this.#lines.gap(recovery.reason, place.position));
    this.#check(place.position);
  }

  entries(entries: readonly LogEntry[], position: Position): void {
    for (const entry of entries) {
      const { offset, at, from, data, position: place } = entry;
      this.#show({ offset, at, from, data, place: place && writePlace(place) });
    }
    this.#check(position);
  }

  snapshot(parts: Parameters<LogReader['snapshot']>[0], position: Position): void {
    const { epoch, offset } = this.#place ?? position;
    // Who was away for long is sent all keys again; what was printed already stands there.
    const printed = epoch === position.epoch && this.#printed > 0 ? offset : 0;
    for (const row of shownRows(parts, position)) if (row.offset > printed) this.#show(row);
    this.#check(position);
  }

  refused(error: SyncError): void {
    if (this.#over) return;
    writeNotice(`${sentence(error.message)} (${error.code})`);
    this.#stop(exit.failed);
  }

  #show(row: Shown): void {
    const { offset, at } = this.#since;
    if (this.#over || row.offset <= offset) return;
    if (at > 0 && row.at === null)
      return this.refused(
        new SyncError(
          'bad_option',
          "Entries of this channel carry no time, so --since can't be one: its contract has no `stamp`. Give an offset, or --last.",
        ),
      );
    if (row.at !== null && row.at < at) return;
    this.#print(this.#lines.entry(row));
    if (++this.#printed === this.#options.count) this.#stop(exit.done);
  }

  #print(line: string): void {
    if (!this.#over) writeLine(line);
  }

  /** Whether that is far enough. */
  #check(position: Position): void {
    this.#place = position;
    if (!this.#options.follow && position.offset >= (this.#top ?? 0)) this.#stop(exit.done);
  }

  #stop(code: number): void {
    if (this.#over) return;
    this.#over = true;
    if (process.stderr.isTTY && this.#place && code === exit.done)
      process.stderr.write(`To go on from here: --since ${writePlace(this.#place)}\n`);
    this.#end(code);
  }
}

/** What --since and --last come to. @throws Error for what can't be read */
function readSince({ since, last }: TailOptions): Since {
  const none = { offset: 0, at: 0 };
  if (since === undefined) return { ...none, from: last ?? 0 };
  const ms = readTime(since);
  if (since === 'start') return { ...none, from: everything };
  if (/^\d+$/.test(since)) return { ...none, from: everything, offset: Number(since) };
  if (ms !== undefined) return { ...none, from: everything, at: systemClock.now() - ms };
  const from = readPlace(since);
  if (from) return { ...none, from };
  throw new Error(
    `Expected --since to be "start", an offset, a time such as 10m, or a position as --json prints it, got ${JSON.stringify(since)}.`,
  );
}
