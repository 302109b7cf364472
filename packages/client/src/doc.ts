/**
 * A document: a Y.Doc that follows a channel's log and whose edits go into it, whatever the network does. The client makes one per
 * name. It must not know how a connection is kept, what is inside an update, nor where anything is kept on this machine.
 */
import { type Position, SyncError } from '@syncline/protocol';
import {
  type Cancel,
  type Data,
  type DocBeginning,
  type DocUpdate,
  docSnapshot,
  noLineage,
  readDocData,
  readDocEntry,
  readDocSnapshot,
  updateEntry,
} from '@syncline/protocol/wire';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Channel } from './channel.ts';
import type { Core } from './core.ts';
import { AwarenessFor } from './doc/awareness.ts';
import { type Batch, Copy, lineageOf, type Said } from './doc/copy.ts';
import { indexedDb } from './doc/indexeddb.ts';
import { Keeper } from './doc/keeper.ts';
import type { KeptContent, KeptEdit, KeptLog } from './doc/storage.ts';
import type { DocChannel, DocOptions, DocReplaced, DocSync } from './doc/types.ts';
import { badOption, toFault } from './faults.ts';
import type { PresenceFor } from './presence.ts';
import { promised } from './settle.ts';
import { Emitter, type Store, Value } from './store.ts';
import type { Place, Received, Recovery } from './subscription.ts';

/** Something that the log said, and its bytes. */
interface Item<S = Said> {
  readonly said: S;
  readonly data: Uint8Array;
}

/** What is put together anew, to be shown when the log was read up to `until`. */
interface Draft {
  items: Item[];
  readonly until: number;
  /** Whether the log may lack what it held. */
  readonly doubt: boolean;
}

/** Why edits aren't taken. `due`: what was edited is still to be handed out. */
interface Refusal {
  readonly state: 'read-only' | 'rejected';
  readonly error: SyncError;
  readonly due: boolean;
}

/** Most time before a log that lost something is given it back, in ms: not by all who have it at once. */
const mendMsMax = 1_000;

export class Document extends Channel<never> implements DocChannel {
  readonly kind = 'doc';
  readonly current: Store<Y.Doc>;
  readonly sync: Store<DocSync>;
  readonly whenLoaded: Promise<void>;
  /** Given where the channel is made. */
  declare readonly presence: PresenceFor<unknown>;
  readonly #current: Value<Y.Doc>;
  readonly #sync: Value<DocSync>;
  readonly #replacements: Emitter<DocReplaced>;
  readonly #keeper: Keeper | undefined;
  #copy: Copy;
  #aware: AwarenessFor | undefined;
  /** Whether what is kept here was read. */
  #ready: boolean;
  /** Whether there was something to show once. */
  #loaded: (() => void) | undefined;
  /** Where the copy stands in the log. */
  #place: Position | undefined;
  /** Up to where the log is to be read on the present link before anything is sent. */
  #until = 0;
  #caughtUp = false;
  #draft: Draft | undefined;
  /** The parts of a snapshot that is still coming. */
  #parts: Uint8Array[] = [];
  /** Up to which offset the log holds which own edits, as far as that was answered and not yet read. */
  #acked: { readonly offset: number; readonly upTo: number } | undefined;
  #refusal: Refusal | undefined;
  #holds = 0;
  #release: Cancel | undefined;
  #pause: Cancel | undefined;
  #planned = false;
  /** Unsaved edits that the client counts as unsent. */
  #counted = 0;

  constructor(core: Core, name: string, { doc, persist }: DocOptions = {}) {
    super(core, name);
    if (doc && !(doc instanceof Y.Doc)) {
      throw badOption('`doc` to be a Doc of the same copy of yjs as this client has (see `npm ls yjs`)', doc);
    }
    const { clock, report, connection, parts } = core;
    this.#copy = this.#made(doc ?? new Y.Doc());
    this.#current = new Value(this.#copy.doc, report);
    this.#sync = new Value<DocSync>({ state: 'loading', unsaved: this.#copy.made }, report);
    this.#replacements = new Emitter(report);
    this.current = this.#following(this.#current);
    this.sync = this.#following(this.#sync);
    this.whenLoaded = new Promise((resolve) => {
      this.#loaded = resolve;
    });
    const storage = persist === 'indexeddb' ? indexedDb(parts.url) : persist;
    this.#keeper = storage && new Keeper(storage, name, clock, report);
    this.#ready = !storage;
    this.#keeper?.loaded.then((content) => this.#recall(content)).catch(report);
    connection.status.subscribe(() => this.#show());
    this.freshness.subscribe(() => this.#show());
    this.#update();
  }

  get doc(): Y.Doc {
    return this.#copy.doc;
  }

  get awareness(): Awareness {
    this.#aware ??= new AwarenessFor(this.core, this.presence, this.doc, this);
    this.#follow();
    return this.#aware.awareness;
  }

  open(): () => void {
    return this.hold(() => {});
  }

  on(_event: 'replaced', onReplaced: (replaced: DocReplaced) => void): () => void {
    return this.#replacements.on(onReplaced);
  }

  whenSynced(): Promise<void> {
    return promised((settle) => {
      let off = () => {};
      const check = () => {
        const { state, error } = this.#sync.get();
        if (!error && state !== 'synced') return;
        off();
        settle(error);
      };
      off = this.sync.subscribe(check);
      check();
    });
  }

  override hold(off: () => void): () => void {
    this.#holds++;
    this.#follow();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      off();
      this.#holds--;
      this.#follow();
    };
  }

  override opened(): void {
    // On another link others may be the rights.
    if (!this.#refusal?.due) this.#refusal = undefined;
    super.opened();
  }

  override lost(moved: boolean): void {
    this.#adrift();
    super.lost(moved);
  }

  override ended(): void {
    super.ended();
    this.#adrift();
    this.#draft = undefined;
  }

  override closed(error: SyncError): void {
    super.closed(error);
    this.#adrift();
    this.#keeper?.close();
    this.#aware?.close();
    this.#replacements.clear();
    this.#update();
  }

  placed({ via }: Recovery, { position, top }: Place): void {
    this.#parts = [];
    if (via !== 'recovered') {
      this.#adrift();
      this.#acked = undefined;
      this.#draft = { items: [], until: top, doubt: via === 'gap' };
    }
    this.#until = top;
    this.#read(position);
  }

  received(entries: readonly Received[], position: Position): void {
    const items = entries.flatMap(({ data }) => this.#item(data, readDocEntry) ?? []);
    const draft = this.#draft;
    if (draft)
      for (const item of items) draft.items = isBeginning(item.said) ? [item] : [...draft.items, item];
    else if (items.length > 0) this.#take(items, position);
    this.#read(position);
  }

  snapshot(part: Data, position: Position | undefined): void {
    this.#parts.push(part as Uint8Array);
    if (!position) return;
    const data = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of this.#parts.splice(0)) {
      data.set(one, at);
      at += one.length;
    }
    const item = this.#item(data, readDocSnapshot);
    const { until = this.#until, doubt = false } = this.#draft ?? {};
    this.#draft = { items: item ? [item] : [], until, doubt };
    this.#read(position);
  }

  /** What was kept here is shown, before anything is asked of the log. */
  #recall(content: KeptContent | undefined): void {
    const { place, log = [], edits = [] } = content ?? {};
    const keeper = this.#keeper;
    const copy = this.#copy;
    if (place) {
      copy.reread(
        log.flatMap((data) => this.#item(data, readDocData)?.said ?? []),
        false,
      );
      copy.lineage = place.lineage ?? undefined;
      this.#place = place.position;
      this.#compact();
      this.#loaded?.();
      this.#loaded = undefined;
    }
    const fits = ({ lineage }: KeptEdit) => copy.isOf(lineage ?? undefined);
    const mine = edits.filter(fits);
    copy.recall(mine.map(({ update }) => update));
    keeper?.adopt(mine, copy.made);
    const strange = edits.filter((edit) => !fits(edit));
    if (strange.length > 0) this.#tellLost(strange.length);
    keeper?.adopt(strange, 0);
    keeper?.remove(0);
    this.#ready = true;
    this.#update();
  }

  /** The log goes on like that. */
  #take(items: readonly Item<DocUpdate | DocBeginning>[], position: Position): void {
    const copy = this.#copy;
    const another = items.findLastIndex(({ said }) => isBeginning(said) && !copy.isOf(said.lineage));
    if (another >= 0) return this.#replace('lineage', items.slice(another), position);
    copy.merge(items.map(({ said }) => said));
    this.#keep('append', items, position, this.#place?.offset);
  }

  /** The log was read up to there. */
  #read(position: Position): void {
    const draft = this.#draft;
    if (draft && position.offset < draft.until) return;
    if (draft) {
      this.#draft = undefined;
      this.#adopt(draft, position);
    }
    this.#place = position;
    if (position.offset >= this.#until && !this.#caughtUp) {
      this.#caughtUp = true;
      this.#loaded?.();
      this.#loaded = undefined;
    }
    this.#forget();
    this.#compact();
    this.#soon();
    this.#update();
  }

  /** The log was read anew, and says just this. */
  #adopt({ items, doubt }: Draft, position: Position): void {
    const copy = this.#copy;
    const said = items.map((item) => item.said);
    if (this.#refusal?.due) return this.#replace(this.#refusal.state, items, position);
    if (!copy.isOf(lineageOf(said))) return this.#replace('lineage', items, position);
    copy.reread(said, doubt);
    this.#keep('anew', items, position);
    if (!doubt || !copy.pending) return;
    const { clock } = this.core;
    this.#pause = clock.timer(clock.random() * mendMsMax, () => {
      this.#pause = undefined;
      this.#soon();
    });
  }

  /** Another document is shown from now on, and this one is handed out. */
  #replace(reason: DocReplaced['reason'], items: readonly Item[], position: Position): void {
    const before = this.#copy;
    before.leave();
    this.outbox.clear();
    const { gc, gcFilter, guid } = before.doc;
    const copy = this.#made(new Y.Doc({ gc, gcFilter, guid }));
    copy.reread(
      items.map(({ said }) => said),
      false,
    );
    this.#copy = copy;
    this.#acked = undefined;
    this.#place = position;
    if (this.#refusal) this.#refusal = { ...this.#refusal, due: false };
    this.#keeper?.remove(before.made);
    this.#keep('anew', items, position);
    if (reason === 'lineage' && before.made > before.saved) this.#tellLost(before.made - before.saved);
    this.#aware?.move(copy.doc);
    this.#current.set(copy.doc);
    this.#replacements.emit({ reason, before: before.doc, after: copy.doc });
  }

  /** Nothing is sent before the log was read again. */
  #adrift(): void {
    this.#caughtUp = false;
    this.#pause?.();
    this.#pause = undefined;
    this.#copy.lost();
    this.outbox.clear();
    this.#update();
  }

  #edited(update: Uint8Array): void {
    const copy = this.#copy;
    this.#keeper?.add(update, copy.made, copy.lineage);
    const all = this.#keeper?.littered ? copy.rest() : undefined;
    if (all) this.#keeper?.add(all, copy.made, copy.lineage, true);
    this.#soon();
    this.#update();
  }

  /** Sends at the end of the turn, so that what is edited in one turn is stored as one entry. */
  #soon(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.core.clock.endOfTurn(() => {
      this.#planned = false;
      this.#send();
    });
  }

  /** Sends the next of what the log lacks, if it is known what that is and nothing else is under way. */
  #send(): void {
    const copy = this.#copy;
    if (!this.#caughtUp || this.#pause || this.#refusal?.due || copy.flying || !copy.pending) return;
    try {
      // One byte says what it is.
      const batch = copy.take(this.core.connection.payloadBytesMax - 1);
      if (batch) {
        this.outbox.carry(updateEntry(batch.update), (outcome) => this.#answered(copy, batch, outcome));
      } else {
        this.#acked = { offset: this.#acked?.offset ?? 0, upTo: copy.saved };
        this.#forget();
      }
    } catch (thrown) {
      this.#refused(toFault(thrown, 'internal'));
    }
    this.#update();
  }

  #answered(copy: Copy, batch: Batch, outcome: Position | SyncError): void {
    if (copy !== this.#copy || copy.flying !== batch) return;
    // The log holds that number and has forgotten where: that is stored too (rule A2).
    const forgotten = outcome instanceof SyncError && outcome.code === 'unavailable';
    if (outcome instanceof SyncError && !forgotten) return this.#refused(outcome);
    copy.stored(batch);
    const offset = outcome instanceof SyncError ? this.#until : outcome.offset;
    this.#acked = { offset, upTo: copy.saved };
    this.#refusal = undefined;
    this.#forget();
    this.#soon();
    this.#update();
  }

  /** An edit isn't taken, so all that follows it would be seen by nobody: another copy is made, of what the log says (rule Y6). */
  #refused(error: SyncError): void {
    if (error.code === 'closed') return;
    this.core.report(error);
    this.#refusal = { state: error.code === 'forbidden' ? 'read-only' : 'rejected', error, due: true };
    this.#adrift();
    this.subscription.seek(undefined);
  }

  /** What was read of own edits needn't be kept besides. */
  #forget(): void {
    const { offset, upTo } = this.#acked ?? { offset: Number.POSITIVE_INFINITY, upTo: 0 };
    if (Number(this.#place?.offset) < offset) return;
    this.#acked = undefined;
    this.#keeper?.remove(upTo);
  }

  /** The log is kept in one record again, where that says the same. */
  #compact(): void {
    const { doc, lineage = noLineage, pending } = this.#copy;
    if (!this.#keeper?.scattered || !this.#place || pending || this.#acked) return;
    const data = docSnapshot(lineage, Y.encodeStateAsUpdateV2(doc));
    this.#keep('compact', [{ data }], this.#place);
  }

  #keep(
    type: KeptLog['type'],
    items: readonly Pick<Item, 'data'>[],
    position: Position,
    from?: number,
  ): void {
    const place = { position, lineage: this.#copy.lineage ?? null };
    this.#keeper?.keep(
      type,
      items.map(({ data }) => data),
      place,
      from,
    );
  }

  /** Follows the log while someone wants to see it, or it lacks something. */
  #follow(): void {
    const { subscription, core } = this;
    const seen = this.#ready && this.#holds > 0 && !core.connection.closedBy;
    const wanted = seen || (this.#ready && !core.connection.closedBy && (this.#copy.pending || this.#acked));
    if (wanted && !this.#release) {
      if (!subscription.place) subscription.seek(this.#place);
      this.#release = subscription.hold(Number.MAX_SAFE_INTEGER);
    } else if (!wanted) {
      this.#release?.();
      this.#release = undefined;
    }
    this.#aware?.follow(seen);
  }

  #update(): void {
    this.#follow();
    this.#show();
  }

  #show(): void {
    const { unsent } = this.core;
    const before = this.#sync.get();
    const now = this.#judge();
    const same = before.state === now.state && before.unsaved === now.unsaved && before.error === now.error;
    if (!same) this.#sync.set(now);
    const counted = this.#keeper?.keeps ? 0 : now.unsaved;
    unsent.set(unsent.get() + counted - this.#counted);
    this.#counted = counted;
  }

  #judge(): DocSync {
    const { connection } = this.core;
    const { made, saved, pending } = this.#copy;
    const unsaved = made - saved;
    const freshness = this.freshness.get();
    if (this.#refusal) return { state: this.#refusal.state, unsaved, error: this.#refusal.error };
    if (freshness.state === 'refused') return { state: 'rejected', unsaved, error: freshness.error };
    if (connection.closedBy) return { state: 'offline', unsaved, error: connection.closedBy };
    if (this.#loaded && connection.status.get().state !== 'waiting') return { state: 'loading', unsaved };
    if (!connection.open || !this.#release) return { state: 'offline', unsaved };
    const current = this.#caughtUp && freshness.state !== 'catching-up';
    return { state: current && !pending ? 'synced' : 'syncing', unsaved };
  }

  /** A store that keeps the document followed while someone subscribes. */
  #following<T>(store: Store<T>): Store<T> {
    return { get: store.get, subscribe: (onChange) => this.hold(store.subscribe(onChange)) };
  }

  #made(doc: Y.Doc): Copy {
    const { report } = this.core;
    return new Copy(doc, { origin: this, report, edited: (update) => this.#edited(update) });
  }

  #item<S extends Said>(data: Data, read: (data: Data) => S): Item<S> | undefined {
    try {
      return { said: read(data), data: data as Uint8Array };
    } catch (thrown) {
      this.core.report(thrown);
      return undefined;
    }
  }

  #tellLost(edits: number): void {
    const what = `${this.name} is another document now: ${edits} edits of the one before it were not stored.`;
    this.core.report(new SyncError('precondition', what));
  }
}

const isBeginning = (said: Said): said is DocBeginning => said.type === 'beginning';
