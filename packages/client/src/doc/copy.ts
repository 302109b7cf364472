/**
 * One copy of a document on this client: its Y.Doc, what lineage it is of, and what of it the log isn't known to hold. A document's
 * channel has one at a time. It must not know how a log is read, how anything is sent, or that anything is stored here.
 */
import {
  type Data,
  type DocBeginning,
  type DocSnapshot,
  type DocUpdate,
  docSnapshot,
  noLineage,
  readDocData,
  sameLineage,
} from '@syncline/protocol/wire';
import * as Y from 'yjs';
import type { Report } from '../store.ts';
import { Known } from './known.ts';

/** What a log says of its document. */
export type Said = DocUpdate | DocBeginning | DocSnapshot;

/** Edits on their way to the log, as one update. */
export interface Batch {
  readonly update: Uint8Array;
  /** The last own edit that is stored with it and all before it. */
  readonly upTo: number;
}

/** What a copy is made with. */
export interface CopyParts {
  /** The origin of all that wasn't edited here, by which others tell it too: undo managers, say. */
  readonly origin: object;
  readonly report: Report;
  /** Told of each own edit. */
  readonly edited: (update: Uint8Array) => void;
}

/** Edits that wait one by one; when there are more they are found in the document. */
const waitingMax = 64;

export class Copy {
  readonly doc: Y.Doc;
  /** Undefined while it is of none: it was empty, and no log told anything yet. */
  lineage: Uint8Array | undefined;
  /** Own edits, by their number. */
  made = 0;
  /** The last of them that is known to be stored, with all before it. */
  saved = 0;
  /** What is on its way to the log. */
  flying: Batch | undefined;
  readonly #parts: CopyParts;
  /** Own edits that wait. None where there is something known. */
  #waiting: Uint8Array[] = [];
  /** What the log holds, where that may be less than all but what waits and flies. */
  #known: Known | undefined;
  /** What was answered to be stored, at which offset, and wasn't read yet; and what was saved before. */
  #unread: { readonly update: Uint8Array; readonly offset: number; readonly saved: number }[] = [];

  /** @param doc what it holds before has been edited here, of a document whose log tells of no beginning */
  constructor(doc: Y.Doc, parts: CopyParts) {
    this.doc = doc;
    this.#parts = parts;
    if (doc.store.clients.size > 0) {
      this.lineage = noLineage;
      this.#known = Known.nothing();
      this.made = 1;
    }
    doc.on('update', this.#edited);
  }

  /** Whether the log may lack something. */
  get pending(): boolean {
    return (this.flying ?? this.#known ?? this.#waiting[0]) !== undefined;
  }

  /** The last own edit that was read in the log, or is known to be in what was, with all before it. */
  get confirmed(): number {
    return this.#unread[0]?.saved ?? this.saved;
  }

  /** Whether it may be of that lineage. */
  isOf(lineage: Uint8Array | undefined): boolean {
    return !lineage || !this.lineage || sameLineage(lineage, this.lineage);
  }

  /** The log says this too, of the same document. */
  merge(said: readonly (DocUpdate | DocBeginning)[]): void {
    this.lineage ??= lineageOf(said);
    const applied = this.#apply(said);
    this.#known?.add(applied.map(({ update }) => update));
  }

  /**
   * The log was read anew, and says just this, of the same document.
   *
   * @param doubt whether it may lack what it held before
   * @returns all that it lacks, where that was in doubt; giving it back counts as an edit
   */
  reread(said: readonly Said[], doubt: boolean): Uint8Array | undefined {
    this.lineage = lineageOf(said);
    this.#apply(said);
    if (!doubt && !this.#known) return undefined;
    this.flying = undefined;
    this.#waiting = [];
    this.#unread = [];
    const log = new Y.Doc();
    apply(log, said, undefined, this.#parts.report);
    this.#known = Known.of(log);
    log.destroy();
    const rest = this.rest();
    if (!rest) {
      this.#known = undefined;
      this.saved = this.made;
    } else if (this.saved === this.made) this.made++;
    return rest;
  }

  /** Where nothing is known yet: what was kept of a log says all that it says. @throws SyncError `corrupt` */
  restore(log: readonly Data[], lineage: Uint8Array | undefined): void {
    this.reread(log.map(readDocData), false);
    this.lineage = lineage;
  }

  /** What the document comes to, as a log holds it. */
  snapshot(): Uint8Array {
    return docSnapshot(this.lineage ?? noLineage, Y.encodeStateAsUpdateV2(this.doc));
  }

  /** Edits that were made in an earlier life, and which the log may lack or hold. */
  recall(edits: readonly Uint8Array[]): void {
    if (edits.length === 0) return;
    this.#known = this.#doubt();
    this.#waiting = [];
    this.made += edits.length;
    this.#apply(edits.map((update) => ({ type: 'update', update })));
  }

  /**
   * The next thing to send, which flies from then on; undefined when the log lacks nothing.
   *
   * @throws SyncError `payload_too_large` where one edit is larger than that and can't go in parts
   */
  take(bytesMax: number): Batch | undefined {
    const update = this.#known ? undefined : this.#gather(bytesMax);
    if (update === undefined && this.pending) {
      this.#known = this.#doubt();
      this.#waiting = [];
      const lacking = this.#known.lacking(this.doc, bytesMax);
      const all = !lacking || lacking.whole;
      const upTo = all ? this.made : this.saved;
      if (lacking) this.flying = { update: lacking.update, upTo };
      else this.saved = upTo;
      // All of it flies: what is edited from now on waits.
      if (all) this.#known = undefined;
    }
    return this.flying;
  }

  /** What flew is stored, in the entry at that offset. */
  stored({ update, upTo }: Batch, offset: number): void {
    this.flying = undefined;
    this.#unread.push({ update, offset, saved: this.saved });
    this.saved = upTo;
    this.#known?.add([update]);
  }

  /** The log was read up to there. */
  read(offset: number): void {
    this.#unread = this.#unread.filter((stored) => stored.offset > offset);
  }

  /**
   * Nobody knows what became of what flew, nor whether the log will still hold what it answered to have stored and nobody has read:
   * the log will say.
   */
  lost(): void {
    if (!this.flying && this.#unread.length === 0) return;
    this.saved = this.confirmed;
    const known = this.#doubt();
    known.drop(this.#unread.map(({ update }) => update));
    this.#known = known;
    this.#unread = [];
    this.#waiting = [];
    this.flying = undefined;
  }

  /** All that the log may lack, as one update; undefined for nothing. */
  rest(): Uint8Array | undefined {
    if (!this.pending) return undefined;
    return this.#doubt().lacking(this.doc, Number.POSITIVE_INFINITY)?.update;
  }

  /** Edits don't count any more. */
  leave(): void {
    this.doc.off('update', this.#edited);
  }

  readonly #edited = (update: Uint8Array, origin: unknown): void => {
    if (origin === this.#parts.origin) return;
    this.made++;
    if (!this.#known && this.#waiting.push(update) > waitingMax) {
      this.#known = this.#doubt();
      this.#waiting = [];
    }
    this.#parts.edited(update);
  };

  /** The edits that wait, as many as fit into one update; undefined where there are none, or where not even one fits. */
  #gather(bytesMax: number): Uint8Array | undefined {
    let count = 0;
    for (let left = bytesMax; count < this.#waiting.length; count++) {
      left -= this.#waiting[count]?.length ?? 0;
      if (left < 0) break;
    }
    const fit = this.#waiting.slice(0, count);
    const update = count > 1 ? Y.mergeUpdates(fit) : fit[0];
    if (!update || update.length > bytesMax) return undefined;
    this.#waiting.splice(0, count);
    this.flying = { update, upTo: this.saved + count };
    return update;
  }

  /** What the log is sure to hold. */
  #doubt(): Known {
    if (this.#known) return this.#known;
    const known = Known.of(this.doc);
    known.drop([...this.#waiting, ...(this.flying ? [this.flying.update] : [])]);
    return known;
  }

  #apply<S extends Said>(said: readonly S[]): S[] {
    return apply(this.doc, said, this.#parts.origin, this.#parts.report);
  }
}

/** The lineage of the document that is said; undefined where nothing is. */
export function lineageOf([first]: readonly Said[]): Uint8Array | undefined {
  return first && (first.type === 'update' ? noLineage : first.lineage);
}

/** As one transaction, which is nobody's here. Gives what could be applied. */
function apply<S extends Said>(doc: Y.Doc, said: readonly S[], origin: unknown, report: Report): S[] {
  const each = ({ type, update }: S) => {
    try {
      if (type === 'snapshot') Y.applyUpdateV2(doc, update, origin);
      else Y.applyUpdate(doc, update, origin);
      return true;
    } catch (thrown) {
      // Whoever else reads the log is in the same place; what follows may do without it.
      report(thrown);
      return false;
    }
  };
  return Y.transact(doc, () => said.filter(each), origin, false);
}
