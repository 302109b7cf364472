/**
 * What a document's log says, put together: entries as they come, and a whole log or a snapshot at once, when all of it is there. The
 * channel is told what to show. It must not know documents, nor what is sent.
 */
import type { Position } from '@syncline/protocol';
import {
  type Data,
  type DocBeginning,
  type DocUpdate,
  joined,
  readDocEntry,
  readDocSnapshot,
} from '@syncline/protocol/wire';
import type { Report } from '../store.ts';
import type { Place, Received, Recovery } from '../subscription.ts';
import type { Said } from './copy.ts';

/** Something that the log said, and its bytes. */
export interface Item<S extends Said = Said> {
  readonly said: S;
  readonly data: Data;
}

/** Who is told. */
export interface Listener {
  /**
   * The log says just this.
   *
   * @param doubt why it may lack what it held: it says itself that it is another, or nobody asked it, since it was folded
   */
  anew(items: readonly Item[], position: Position, doubt: Doubt): void;
  /** The log goes on with this. */
  more(items: readonly Item<DocUpdate | DocBeginning>[], position: Position): void;
  /** It was read up to there. */
  read(position: Position): void;
}

/** Why a log may lack what it held; undefined: there is no reason. */
export type Doubt = 'gap' | 'folded' | undefined;

/** What is put together to be shown when the log was read up to where it was when that began. */
interface Draft {
  items: readonly Item[];
  readonly doubt: Doubt;
}

export class Reading {
  /** Whether the log was read up to where it was when following it began, on the present link. */
  caughtUp = false;
  /** Where the log was then. */
  top = 0;
  readonly #listener: Listener;
  readonly #report: Report;
  #draft: Draft | undefined;
  /** The parts of a snapshot that is still coming. */
  #parts: Data[] = [];

  constructor(listener: Listener, report: Report) {
    this.#listener = listener;
    this.#report = report;
  }

  /** Following began, or goes on. */
  begin({ via }: Recovery, { position, top }: Place): void {
    this.#parts = [];
    this.caughtUp = false;
    this.top = top;
    if (via !== 'recovered') this.#draft = { items: [], doubt: via === 'gap' ? via : undefined };
    this.#read(position);
  }

  entries(entries: readonly Received[], position: Position): void {
    const items = entries.flatMap(({ data }) => this.#item(data, readDocEntry) ?? []);
    const draft = this.#draft;
    // What came before a beginning is no part of the document (rule Y1).
    const begun = items.map(({ said }) => isBeginning(said)).lastIndexOf(true);
    if (draft) draft.items = [...(begun < 0 ? draft.items : []), ...items.slice(Math.max(begun, 0))];
    else if (items.length > 0) this.#listener.more(items, position);
    this.#read(position);
  }

  snapshot(part: Data, position: Position | undefined): void {
    this.#parts.push(part);
    if (!position) return;
    const item = this.#item(joined(this.#parts.splice(0) as Uint8Array[]), readDocSnapshot);
    // Where a log was rolled back and folded since, no check can tell: what was read before may not be in it.
    const doubt = this.#draft ? this.#draft.doubt : 'folded';
    this.#draft = { items: item ? [item] : [], doubt };
    this.#read(position);
  }

  /** What was put together is for nothing. */
  end(): void {
    this.caughtUp = false;
    this.#draft = undefined;
  }

  #read(position: Position): void {
    const draft = this.#draft;
    const all = position.offset >= this.top;
    if (draft && !all) return;
    this.#draft = undefined;
    this.caughtUp ||= all;
    if (draft) this.#listener.anew(draft.items, position, draft.doubt);
    this.#listener.read(position);
  }

  #item<S extends Said>(data: Data, read: (data: Data) => S): Item<S> | undefined {
    try {
      return { said: read(data), data };
    } catch (thrown) {
      this.#report(thrown);
      return undefined;
    }
  }
}

export const isBeginning = (said: Said): said is DocBeginning => said.type === 'beginning';
