/**
 * A channel of keyed values, as applications see it: reads the log into what each key holds, and writes keys, shown at once.
 * The client makes one per name. It must not know how a connection is kept, nor how what it sends and gets stays in order.
 */
import { type Duration, type Position, SyncError } from '@syncline/protocol';
import type { Data, GoneReason, ViewFilter } from '@syncline/protocol/wire';
import { Channel } from './channel.ts';
import type { Core } from './core.ts';
import { Entries, type StateChange, type StateEntry } from './entries.ts';
import { badOption } from './faults.ts';
import { FoldingSubscription } from './folding.ts';
import type { Freshness } from './freshness.ts';
import { type Line, type Operation, type Row, readLine } from './rows.ts';
import { promised, type Settle } from './settle.ts';
import type { Store } from './store.ts';
import type { Place, Received, Recovery } from './subscription.ts';
import type { Terms } from './values.ts';
import { type StateView, View } from './view.ts';
import { type Spot, type Write, Writes, type Written } from './writes.ts';

/** On what condition a key is written. */
export interface DeleteOptions {
  /** Only if the key's value is of this version; 0: only if it has none. */
  readonly ifVersion?: number;
}

/** What may be said of a value that is set. */
export interface SetOptions extends DeleteOptions {
  /** How long it stays without being set again, where that is less than the channel allows: `'60s'`, or ms. */
  readonly ttl?: Duration;
  /** Only if the key has no value. */
  readonly ifAbsent?: boolean;
  /** When it was so, in ms since 1970: it doesn't replace a value with a later `at`. */
  readonly at?: number;
}

/** A channel of keyed values. */
export interface StateChannel<V> {
  readonly name: string;
  readonly kind: 'state';
  /** How far what is shown can be trusted to be up to date. */
  readonly freshness: Store<Freshness>;
  /**
   * All keys and what they hold, with own writes over it. Followed while someone subscribes to it, to a key or to changes;
   * else as last known. The map is made when it is asked for: for single keys of many there is `get`, for many changes `on`.
   */
  readonly entries: Store<ReadonlyMap<string, StateEntry<V>>>;
  /** What one key holds, as a store that is told of this key only; undefined where it holds nothing. */
  get(key: string): Store<StateEntry<V> | undefined>;
  /**
   * Calls `onChange` for each key that changed. Of a key that changed several times before it was told only the last is. What
   * `entries` held, with the changes since then made to it, is what it holds.
   *
   * @example
   * const stop = client.state('fleet/berlin').on('change', ({ key, value }) => move(key, value))
   */
  on(event: 'change', onChange: (change: StateChange<V>) => void): () => void;
  /**
   * Sets a key. It is shown at once, and resolves once it is stored, after however many reconnects. Of several for one key that
   * wait to be sent, without conditions, only the newest is.
   *
   * @throws SyncError `precondition`, whose detail `offset` is the version that stands; `offline` when the outbox is full or it
   * waited too long; `unavailable` when it was sent and nobody can say whether it is stored; `closed`; or why the server refused
   * it, `bad_payload` or `forbidden` say.
   */
  set(key: string, value: V, options?: SetOptions): Promise<Written>;
  /** Removes a key, whether or not it holds something; otherwise as `set`. */
  delete(key: string, options?: DeleteOptions): Promise<Written>;
  /**
   * A part of it, which is all that the server then sends: some `keys`, those with a `prefix`, those whose place is in a `bbox` of
   * west, south, east, north in degrees, at most `maxHz` times a second. All that is given must hold.
   *
   * @example
   * const view = client.state('fleet/berlin').view({ bbox: [13.3, 52.5, 13.5, 52.6], maxHz: 2 })
   * view.on('change', ({ type, key, value }) => draw(type, key, value))
   */
  view(filter: ViewFilter): StateView<V>;
  /** Tells when its log was begun to be read, went on without loss, or went on past a gap; as a stream's. Doesn't subscribe by itself. */
  onRecover(onRecover: (recovery: Recovery) => void): () => void;
}

/** What is put together anew, to be shown when the log was read up to `until`. */
interface Draft<V> {
  readonly entries: Map<string, StateEntry<V>>;
  readonly until: number;
}

export class State<V> extends Channel<V> implements StateChannel<V> {
  readonly kind = 'state';
  readonly entries: Entries<V>;
  /** What the log says, as far as it was read. */
  #stored = new Map<string, StateEntry<V>>();
  /** How far that is; before the first time in front of all. */
  #spot: Spot = { epoch: '', offset: 0 };
  #draft: Draft<V> | undefined;
  /** What the parts of a snapshot hold that is still coming. */
  #parts: (Row<V> | Promise<Row<V>>)[] = [];
  readonly #writes = new Writes<V>();

  constructor(core: Core, name: string, terms?: Terms<V>) {
    super(core, name, terms, FoldingSubscription);
    this.entries = new Entries(core.report, (off) => this.hold(off, Number.MAX_SAFE_INTEGER));
  }

  get(key: string): Store<StateEntry<V> | undefined> {
    return this.entries.of(key);
  }

  on(_event: 'change', onChange: (change: StateChange<V>) => void): () => void {
    return this.entries.onChange(onChange);
  }

  set(key: string, value: V, { ttl, at, ifVersion, ifAbsent }: SetOptions = {}): Promise<Written> {
    return promised((settle) => {
      const ttlMs = ttl === undefined ? ttl : milliseconds(ttl);
      const options = { at, ttlMs, ifVersion: ifAbsent ? 0 : ifVersion };
      const free = options.ifVersion === undefined;
      this.outgoing.run(this.encode(value), (text) => {
        if (text instanceof SyncError) return settle(text);
        const { clock, connection } = this.core;
        const since = clock.now() + connection.aheadMs;
        const facts = { version: 0, from: null, pending: true, ...(at !== undefined && { at }) } as const;
        const entry = { ...facts, value, since };
        this.#write(key, { entry, at, free, settle }, operation('set', key, options, text));
      });
    });
  }

  delete(key: string, options: DeleteOptions = {}): Promise<Written> {
    const free = options.ifVersion === undefined;
    return promised((settle) =>
      this.outgoing.run(operation('delete', key, options), (text) =>
        this.#write(key, { entry: undefined, at: undefined, free, settle }, text),
      ),
    );
  }

  view(filter: ViewFilter): StateView<V> {
    return new View(this, filter);
  }

  override recovered(recovery: Recovery, place: Place): void {
    this.#parts = [];
    super.recovered(recovery, place);
  }

  placed({ via }: Recovery, { position, top }: Place): void {
    if (via !== 'recovered') {
      this.#draft = { entries: new Map(), until: top };
      this.#writes.cut({ ...position, offset: top });
    }
    this.#read(position);
  }

  received(entries: readonly Received[], position: Position): void {
    const rows = entries.map(({ offset, data, at, from }) => {
      const [key, value, facts] = JSON.parse(String(data)) as Operation;
      return readLine<V>(this, [key, value, offset, at ?? 0, from, facts]);
    });
    this.incoming.arrive(rows, (ready) => this.#apply(ready, position));
  }

  snapshot(part: Data, position: Position | undefined): void {
    for (const line of JSON.parse(String(part)) as Line[]) this.#parts.push(readLine<V>(this, line));
    if (!position) return;
    const rows = this.#parts;
    this.#parts = [];
    this.incoming.arrive(rows, (ready) => {
      this.#draft = { entries: new Map(), until: this.#draft?.until ?? 0 };
      this.#apply(ready, position);
    });
  }

  override ended(): void {
    super.ended();
    this.#draft = undefined;
  }

  override closed(error: SyncError): void {
    this.entries.close();
    super.closed(error);
  }

  #apply(rows: readonly Row<V>[], spot: Spot): void {
    const entries = this.#draft?.entries ?? this.#stored;
    const touched = new Map<string, GoneReason>();
    for (const { key, entry, gone } of rows) {
      if (entry) entries.set(key, entry);
      else entries.delete(key);
      touched.set(key, gone);
    }
    this.#read(spot, touched);
  }

  /**
   * The log was read up to there.
   *
   * @param touched the keys that it told of on the way, and why they are gone, if so
   */
  #read(spot: Spot, touched: ReadonlyMap<string, GoneReason> = new Map()): void {
    const draft = this.#draft;
    if (draft && spot.offset < draft.until) return;
    this.#draft = undefined;
    this.#stored = draft?.entries ?? this.#stored;
    this.#spot = spot;
    const keys = draft ? [...this.entries.keys(), ...this.#stored.keys()] : touched.keys();
    this.#show([...keys, ...this.#prune(touched)], touched, draft !== undefined);
  }

  /** Leaves out the writes that the log has told, and gives their keys. @param touched keys that it told of just now */
  #prune(touched: Pick<ReadonlySet<string>, 'has'>): string[] {
    const caughtUp = this.#spot.offset >= (this.subscription.place?.top ?? 0);
    const told = (key: string, offset: number) =>
      caughtUp || touched.has(key) || Number(this.#stored.get(key)?.version) >= offset;
    return this.#writes.read(this.#spot, told);
  }

  #write(key: string, write: Write<V>, text: string): void {
    const last = this.#writes.last(key);
    // What still waits to be sent needn't be, unless the log is to judge this one by it.
    const moot = last?.free && write.free && (write.at === undefined || Number(last.at) <= write.at);
    const spared = moot && last.item?.sequence === 0 ? last : undefined;
    this.#writes.add(key, write);
    const settle: Settle<Position> = (outcome) => this.#answered(key, write, outcome);
    write.item = this.outbox.add(text, settle, spared?.item);
    if (spared && write.item) {
      this.#writes.remove(key, spared);
      spared.settle({ version: 0, superseded: true });
    }
    this.#show([key]);
  }

  #answered(key: string, write: Write<V>, outcome: Position | SyncError): void {
    if (outcome instanceof SyncError) this.#writes.remove(key, write);
    else {
      this.#writes.store(key, write, outcome);
      // Its answer was late: the log has told of it before.
      if (!this.#draft) this.#prune(new Set([key]));
    }
    this.#show([key]);
    if (!(outcome instanceof SyncError)) write.settle({ version: outcome.offset, position: outcome });
    else if (outcome.code !== 'superseded') write.settle(outcome);
    else write.settle({ version: Number(outcome.detail?.['offset']), superseded: true });
  }

  #show(keys: Iterable<string>, gone: ReadonlyMap<string, GoneReason> = new Map(), anew?: boolean): void {
    const holds = (key: string) => {
      const stored = this.#stored.get(key);
      const last = this.#writes.last(key);
      // One that is older by its `at` will be superseded, so it isn't shown at all.
      return last && !(Number(last.at) < Number(stored?.at)) ? last.entry : stored;
    };
    this.entries.show(keys, holds, (key) => gone.get(key) ?? 'delete', anew);
  }
}

/** The payload that says what is to become of a key (rule K1). */
function operation(op: 'set' | 'delete', key: string, options: object, ...value: string[]): string {
  return `[${[`"${op}"`, JSON.stringify(key), ...value, JSON.stringify(options)]}]`;
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @throws SyncError `bad_option` */
function milliseconds(time: Duration): number {
  const text = typeof time === 'number' ? `${time}ms` : time;
  const [, count, unit] = /^([\d.]+)(ms|[smhd])$/.exec(text) ?? [];
  const ms = Math.ceil(Number(count) * unitMs[unit as keyof typeof unitMs]);
  if (ms > 0) return ms;
  throw badOption('`ttl` to be like "60s"', JSON.stringify(time));
}
