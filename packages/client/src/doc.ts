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
  updateEntry,
} from '@syncline/protocol/wire';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Channel } from './channel.ts';
import type { Core } from './core.ts';
import { AwarenessFor } from './doc/awareness.ts';
import { type Batch, Copy, lineageOf } from './doc/copy.ts';
import { DocSubscription } from './doc/following.ts';
import { indexedDb } from './doc/indexeddb.ts';
import type { Keeper } from './doc/keeper.ts';
import { type Doubt, type Item, isBeginning, type Listener, Reading } from './doc/reading.ts';
import { handedOut, type Refusal, refusalOf } from './doc/refusal.ts';
import type { DocStorage } from './doc/storage.ts';
import type { DocChannel, DocOptions, DocReplaced, DocSync } from './doc/types.ts';
import type { PresenceFor } from './presence.ts';
import { promised } from './settle.ts';
import { Emitter, type Store, Value } from './store.ts';
import type { Place, Received, Recovery } from './subscription.ts';

/** Most time before a log that lost something is given it back, in ms: not by all who have it at once. */
const mendMsMax = 1_000;

export class Document extends Channel<never> implements DocChannel, Listener {
  readonly kind = 'doc';
  readonly current: Store<Y.Doc>;
  readonly sync: Store<DocSync>;
  readonly whenLoaded: Promise<void>;
  /** Given where the channel is made. */
  declare readonly presence: PresenceFor<unknown>;
  readonly #current: Value<Y.Doc>;
  readonly #sync: Value<DocSync>;
  readonly #replacements: Emitter<DocReplaced>;
  readonly #reading: Reading;
  #copy: Copy;
  /** Where the copy stands in the log. */
  #place: Position | undefined;
  #keeper: Keeper | undefined;
  /** Whether what was kept here is shown, or nothing is. */
  #ready = false;
  /** Told when there is something to show for the first time. */
  #loaded: (() => void) | undefined;
  #aware: AwarenessFor | undefined;
  #refusal: Refusal | undefined;
  /** Why the log isn't read just now, where the server said so; it is asked again. */
  #trouble: SyncError | undefined;
  #holds = 0;
  #release: Cancel | undefined;
  /** Set while nothing is to be sent. */
  #pause: Cancel | undefined;
  #planned = false;
  /** Unsaved edits that the client counts as unsent. */
  #counted = 0;

  constructor(core: Core, name: string, { doc, persist }: DocOptions = {}) {
    super(core, name, undefined, DocSubscription);
    const { report, connection } = core;
    this.#reading = new Reading(this, report);
    this.#copy = this.#made(doc ?? new Y.Doc());
    this.#current = new Value(this.#copy.doc, report);
    this.#sync = new Value<DocSync>({ state: 'loading', unsaved: 0 }, report);
    this.#replacements = new Emitter(report);
    this.current = this.#following(this.#current);
    this.sync = this.#following(this.#sync);
    this.whenLoaded = new Promise((resolve) => {
      this.#loaded = resolve;
    });
    connection.status.subscribe(() => this.#show());
    this.freshness.subscribe(() => this.#show());
    // Each server has documents of its own.
    if (persist) this.#open(persist === 'indexeddb' ? indexedDb(core.parts.url) : persist);
    else this.#ready = true;
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
        if (state === 'loading' || state === 'syncing' || !(error || state === 'synced')) return;
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
    this.#reading.end();
    this.#adrift();
  }

  override closed(error: SyncError): void {
    super.closed(error);
    this.#adrift();
    this.#keeper?.close();
    this.#aware?.close();
    this.#replacements.clear();
  }

  troubled(error: SyncError): void {
    this.#trouble = error;
    this.#show();
  }

  placed(recovery: Recovery, place: Place): void {
    this.#trouble = undefined;
    if (recovery.via !== 'recovered') this.#adrift();
    this.#reading.begin(recovery, place);
  }

  received(entries: readonly Received[], position: Position): void {
    this.#reading.entries(entries, position);
  }

  snapshot(part: Data, position: Position | undefined): void {
    this.#reading.snapshot(part, position);
  }

  anew(items: readonly Item[], position: Position, doubt: Doubt): void {
    const copy = this.#copy;
    const said = items.map((item) => item.said);
    if (this.#refusal?.due) return this.#replace(this.#refusal.state, items, position);
    if (!copy.isOf(lineageOf(said))) return this.#replace('lineage', items, position);
    const lacking = copy.reread(said, doubt !== undefined);
    this.#keep('anew', items, position);
    // What the log lacks is kept here as edits are, until it is in the log again.
    if (lacking) this.#keeper?.edited(copy, lacking, true);
    if (!lacking || doubt !== 'gap') return;
    const { clock } = this.core;
    this.#pause = clock.timer(clock.random() * mendMsMax, () => {
      this.#pause = undefined;
      this.#soon();
    });
  }

  more(items: readonly Item<DocUpdate | DocBeginning>[], position: Position): void {
    const copy = this.#copy;
    const another = items.map(({ said }) => isBeginning(said) && !copy.isOf(said.lineage)).lastIndexOf(true);
    if (another >= 0) return this.#replace('lineage', items.slice(another), position);
    copy.merge(items.map(({ said }) => said));
    this.#keep('append', items, position, this.#place?.offset);
  }

  read(position: Position): void {
    this.#place = position;
    if (this.#reading.caughtUp) this.#load();
    this.#confirm();
    this.#soon();
    this.#update();
  }

  /** What is kept here is shown, before anything is asked of the log. */
  #open(storage: DocStorage): void {
    const { core, name: channel } = this;
    const { clock, connection, report } = core;
    const failed = (thrown: unknown) => {
      this.#keeper = undefined;
      this.#ready = true;
      this.#update();
      const why = `${channel} is not kept on this machine. Is its disk full, or storage forbidden? ${thrown}`;
      report(new SyncError('storage', why));
    };
    import('./doc/keeper.ts')
      .then(({ Keeper }) => Keeper.open({ storage, channel, clock, failed, report }))
      .then((keeper) => {
        if (connection.closedBy) return keeper.close();
        const { place, strange } = keeper.recall(this.#copy);
        if (strange > 0) this.#tellLost(strange);
        this.#place = place;
        if (place) this.#load();
        this.#keeper = keeper;
        this.#ready = true;
        this.#update();
      })
      .catch(failed);
  }

  /** Another document is shown from now on, and this one is handed out. */
  #replace(reason: DocReplaced['reason'], items: readonly Item[], position: Position): void {
    const before = this.#copy;
    const said = items.map((item) => item.said);
    before.leave();
    this.outbox.clear();
    const { gc, gcFilter, guid } = before.doc;
    const copy = this.#made(new Y.Doc({ gc, gcFilter, guid }));
    copy.reread(said, false);
    this.#copy = copy;
    this.#place = position;
    this.#refusal = handedOut(this.#refusal, before.isOf(lineageOf(said)));
    this.#keeper?.forget(before);
    this.#keep('anew', items, position);
    if (reason === 'lineage' && before.made > before.saved) this.#tellLost(before.made - before.saved);
    this.#aware?.move(copy.doc);
    this.#current.set(copy.doc);
    this.#replacements.emit({ reason, before: before.doc, after: copy.doc });
  }

  /** Nothing is sent before the log was read again. */
  #adrift(): void {
    this.#reading.caughtUp = false;
    this.#trouble = undefined;
    this.#pause?.();
    this.#pause = undefined;
    this.#copy.lost();
    this.outbox.clear();
    this.#update();
  }

  #load(): void {
    this.#loaded?.();
    this.#loaded = undefined;
  }

  #edited(update: Uint8Array): void {
    this.#keeper?.edited(this.#copy, update);
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
    if (!this.#reading.caughtUp || this.#pause || this.#refusal?.due || copy.flying || !copy.pending) return;
    try {
      // One byte says what it is.
      const batch = copy.take(this.core.connection.payloadBytesMax - 1);
      if (batch) {
        this.outbox.carry(updateEntry(batch.update), (outcome) => this.#answered(copy, batch, outcome));
      } else this.#confirm();
    } catch (thrown) {
      this.#refused(thrown instanceof SyncError ? thrown : new SyncError('internal', String(thrown)));
    }
    this.#update();
  }

  #answered(copy: Copy, batch: Batch, outcome: Position | SyncError): void {
    if (copy !== this.#copy || copy.flying !== batch) return;
    // The log holds that number and has forgotten where: that is stored too (rule A2).
    const forgotten = outcome instanceof SyncError && outcome.code === 'unavailable';
    if (outcome instanceof SyncError && !forgotten) return this.#refused(outcome);
    copy.stored(batch, outcome instanceof SyncError ? this.#reading.top : outcome.offset);
    this.#refusal = undefined;
    this.#confirm();
    this.#soon();
    this.#update();
  }

  /** The copy stands at its place in the log: what is known to be there needn't be kept besides. */
  #confirm(): void {
    if (!this.#place) return;
    this.#copy.read(this.#place.offset);
    this.#keeper?.read(this.#copy, this.#place);
  }

  /** An edit isn't taken, so all that follows it would be seen by nobody: another copy is made, of what the log says (rule Y6). */
  #refused(error: SyncError): void {
    if (error.code === 'closed') return;
    this.core.report(error);
    this.#refusal = refusalOf(error);
    this.#adrift();
    this.subscription.seek(undefined);
  }

  #keep(type: 'append' | 'anew', items: readonly Item[], position: Position, from?: number): void {
    const data = items.map((item) => item.data);
    this.#keeper?.said(type, data, this.#copy, position, from);
  }

  /** Follows the log while someone wants to see it, or it lacks something. */
  #follow(): void {
    const { subscription, core } = this;
    const live = this.#ready && !core.connection.closedBy;
    const seen = live && this.#holds > 0;
    const wanted = seen || (live && (this.#copy.pending || this.#copy.confirmed < this.#copy.made));
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
    const counted = this.#keeper ? 0 : now.unsaved;
    unsent.set(unsent.get() + counted - this.#counted);
    this.#counted = counted;
  }

  #judge(): DocSync {
    const { connection } = this.core;
    const { made, saved, pending } = this.#copy;
    const unsaved = made - saved;
    const freshness = this.freshness.get();
    const waiting = { unsaved, ...(this.#trouble && { error: this.#trouble }) };
    if (this.#refusal) return { state: this.#refusal.state, unsaved, error: this.#refusal.error };
    if (freshness.state === 'refused') return { state: 'rejected', unsaved, error: freshness.error };
    if (connection.closedBy) return { state: 'offline', unsaved, error: connection.closedBy };
    if (this.#loaded && connection.status.get().state !== 'waiting') return { state: 'loading', ...waiting };
    if (!connection.open || !this.#release) return { state: 'offline', unsaved };
    const current = this.#reading.caughtUp && freshness.state !== 'catching-up';
    return { state: current && !pending ? 'synced' : 'syncing', ...waiting };
  }

  /** A store that keeps the document followed while someone subscribes. */
  #following<T>(store: Store<T>): Store<T> {
    return { get: store.get, subscribe: (onChange) => this.hold(store.subscribe(onChange)) };
  }

  #made(doc: Y.Doc): Copy {
    const { report } = this.core;
    return new Copy(doc, { origin: this, report, edited: (update) => this.#edited(update) });
  }

  #tellLost(edits: number): void {
    const what = `${this.name} is another document now. Of the one before it ${edits} unsaved edits are not in it.`;
    this.core.report(new SyncError('precondition', what));
  }
}
