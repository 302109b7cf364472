/**
 * A part of a state channel, kept on the server by a filter that can be moved: what it shows, what entered and left it, how fresh
 * it is. State channels make them. It is no place in a log: after each reconnect it begins anew, and tells what is different.
 */
import { SyncError } from '@syncline/protocol';
import type { Cancel, FrameOf, ServerFrame, ViewFilter } from '@syncline/protocol/wire';
import type { Channel } from './channel.ts';
import type { Delivery, Member } from './core.ts';
import { Entries, type StateEntry, type ViewChange } from './entries.ts';
import { type Freshness, showFreshness } from './freshness.ts';
import { type Line, type Row, readLine } from './rows.ts';
import { Sequence } from './sequence.ts';
import { type Store, Value } from './store.ts';
import { backoff, retryMsOf } from './timing.ts';

/** A part of a state channel. */
export interface StateView<V> {
  /** The keys in it and what they hold, as the server knows them. Followed while someone subscribes; else as last known. */
  readonly entries: Store<ReadonlyMap<string, StateEntry<V>>>;
  /** What one key in it holds, as a store that is told of this key only; undefined where it isn't in it. */
  get(key: string): Store<StateEntry<V> | undefined>;
  /**
   * Calls `onChange` for each key that entered the view, was set in it, or left it: because its value lies elsewhere or the view
   * moved (`exit`), or because it was removed or its time was over.
   */
  on(event: 'change', onChange: (change: ViewChange<V>) => void): () => void;
  /** How far what is shown can be trusted to be up to date. There is never a `gap`. */
  readonly freshness: Store<Freshness>;
  /** Moves it: only what is different is sent. Of several in one turn, or while one is under way, the newest counts. */
  update(filter: ViewFilter): void;
}

export class View<V> implements StateView<V>, Member {
  readonly entries: Entries<V, ViewChange<V>>;
  readonly freshness: Value<Freshness>;
  readonly #channel: Channel<V>;
  #filter: ViewFilter;
  #holds = 0;
  /** The node's number for the view, while there is one. */
  #id: number | undefined;
  /** By which filter the node has it, as JSON. */
  #told: string | undefined;
  /** Whether it is to be ended, to be opened anew. */
  #over = false;
  /** The request that is under way; only the newest one's answer counts. */
  #asked: object | undefined;
  /** Whether there was one on the present link. */
  #linked = false;
  /** What it begins with, as far as that has come; undefined once it is shown. */
  #parts: (Row<V> | Promise<Row<V>>)[] | undefined;
  /** How often the view was told of. */
  #count = 0;
  #refused: SyncError | undefined;
  #failures = 0;
  #again: Cancel | undefined;
  readonly #incoming = new Sequence();
  readonly #delivery: Delivery = {
    seen: (frame) => this.#seen(frame),
    // How often it was told of, as the server counts (rule V7).
    head: ({ offset }) => {
      if (offset === this.#count) this.#failures = 0;
      else if (!this.#over) {
        // What was told isn't all there is. At once, then at growing intervals.
        this.#over = true;
        if (this.#failures++ === 0) this.#ask();
        else this.#askLater();
      }
      this.#show();
    },
    // The server ended it (rule V8). As after a refusal, it is asked for again on the next connection.
    revoked: ({ code, message }) => {
      this.#leave();
      this.#refuse(new SyncError(code, message), true);
    },
  };

  constructor(channel: Channel<V>, filter: ViewFilter) {
    const { clock, report } = channel.core;
    this.#channel = channel;
    this.#filter = filter;
    this.entries = new Entries(report, (off) => this.#hold(off), 'enter');
    this.freshness = new Value<Freshness>({ state: 'stale', since: clock.now() }, report);
  }

  get(key: string): Store<StateEntry<V> | undefined> {
    return this.entries.of(key);
  }

  on(_event: 'change', onChange: (change: ViewChange<V>) => void): () => void {
    return this.entries.onChange(onChange);
  }

  update(filter: ViewFilter): void {
    this.#filter = filter;
    this.#refused = undefined;
    this.#channel.core.clock.endOfTurn(() => this.#turn());
  }

  opened(): void {
    this.#ask();
  }

  /** @param moved the next link is ready already, so what is here isn't stale */
  lost(moved = false): void {
    this.#leave();
    this.#again?.();
    this.#again = undefined;
    this.#linked &&= moved;
    this.#failures = 0;
    this.#refused = undefined;
    if (this.#holds === 0) this.#channel.core.members.delete(this);
    this.#show();
  }

  closed(): void {
    this.entries.close();
    this.lost();
  }

  #seen({ more, rows, gone }: FrameOf<ServerFrame, 'seen'>): void {
    this.#count++;
    const news = rows.map((row) => readLine(this.#channel, JSON.parse(row) as Line));
    for (const [key, why] of gone) news.push({ key, entry: undefined, gone: why });
    const parts = this.#parts;
    parts?.push(...news);
    if (parts && more) return;
    this.#parts = undefined;
    this.#incoming.arrive(parts ?? news, (ready) => this.#apply(ready, parts !== undefined));
    this.#show();
  }

  #hold(off: () => void): () => void {
    const { core } = this.#channel;
    this.#holds++;
    core.members.add(this);
    core.connection.start();
    this.#ask();
    let held = true;
    return () => {
      off();
      if (!held) return;
      held = false;
      // At the end of the turn, so that who lets go and holds again in one turn loses nothing.
      if (--this.#holds === 0) core.clock.endOfTurn(() => this.#turn());
    };
  }

  /** Opens, moves or ends the view, unless that is done, under way or not possible now. */
  #ask(): void {
    const { core, name } = this.#channel;
    const { connection, deliveries } = core;
    const id = this.#id;
    const filter = this.#holds > 0 && !this.#over ? this.#filter : null;
    const text = JSON.stringify(filter);
    const done = id === undefined ? !filter : text === this.#told;
    if (!connection.open || done || this.#asked || this.#again || (this.#refused && filter)) return;
    const asked = {};
    this.#asked = asked;
    connection.request('view', [name, id ?? 0, filter], (answer) => {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      if (!answer) return;
      if (answer instanceof SyncError) return this.#refuse(answer);
      this.#told = text;
      if (!filter) this.#leave();
      else if (id === undefined) {
        this.#id = answer.id;
        this.#parts = [];
        this.#linked = true;
        deliveries.set(answer.id, this.#delivery);
      }
      this.#turn();
    });
  }

  /** Does what is to be done next, if anything is. */
  #turn(): void {
    this.#ask();
    // Nobody looks any more, and nothing is left on the server.
    if (this.#holds === 0 && this.#id === undefined && !this.#asked) this.lost();
    else this.#show();
  }

  #apply(rows: readonly Row<V>[], anew: boolean): void {
    const now = new Map(rows.map((row) => [row.key, row]));
    const keys = [...(anew ? this.entries.keys() : []), ...now.keys()];
    const gone = (key: string) => now.get(key)?.gone ?? 'exit';
    this.entries.show(keys, (key) => now.get(key)?.entry, gone, true);
  }

  #askLater(leastMs?: number): void {
    const { clock } = this.#channel.core;
    this.#again ??= clock.timer(backoff(this.#failures, clock.random(), leastMs), () => {
      this.#again = undefined;
      this.#ask();
    });
  }

  #refuse(error: SyncError, ended: boolean = error.next === 'stop'): void {
    if (this.#failures++ === 0 || ended) this.#channel.core.report(error);
    if (ended) this.#refused = error;
    else this.#askLater(retryMsOf(error));
    this.#show();
  }

  /** From now on nothing under the old number is taken. */
  #leave(): void {
    const { core } = this.#channel;
    if (this.#id !== undefined) core.deliveries.delete(this.#id);
    this.#id = undefined;
    this.#asked = undefined;
    this.#parts = undefined;
    this.#over = false;
    this.#count = 0;
    this.#incoming.clear();
  }

  #show(): void {
    // Until it has begun, something is missing, even if nobody can say how much.
    const behind = this.#id === undefined || this.#parts || this.#over;
    showFreshness(this.freshness, this.#channel.core, this.#refused, undefined, this.#linked, behind ? 1 : 0);
  }
}
