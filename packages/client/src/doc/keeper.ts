/**
 * Keeps a document on this machine: shows a copy what was kept, and keeps what the log tells and what is edited. A document's channel
 * loads it where something is to be kept, so that nobody else pays for it. It must not know how a log is read, nor what is sent.
 */
import type { Position } from '@syncline/protocol';
import { type Data, docSnapshot, noLineage, readDocData } from '@syncline/protocol/wire';
import * as Y from 'yjs';
import type { Report } from '../store.ts';
import type { Copy, Said } from './copy.ts';
import { indexedDb } from './indexeddb.ts';
import { Records, type RecordsParts } from './records.ts';
import type { DocStorage, KeptContent, KeptLog } from './storage.ts';

/** Records of the log beyond which they are made one, and edits beyond which they are. */
const recordsMax = 200;

/** What a keeper is opened with. */
export interface KeeperParts extends Omit<RecordsParts, 'storage'> {
  readonly storage: DocStorage | 'indexeddb';
  /** The server's address: each has documents of its own. */
  readonly url: string;
  readonly report: Report;
}

export class Keeper {
  readonly #records: Records;
  readonly #report: Report;
  /** Until it is recalled. */
  #content: KeptContent | undefined;

  constructor(records: Records, content: KeptContent, report: Report) {
    this.#records = records;
    this.#content = content;
    this.#report = report;
  }

  /** Opens what is kept. Rejects where nothing can be. */
  static async open({ storage, url, report, ...parts }: KeeperParts): Promise<Keeper> {
    const opened = storage === 'indexeddb' ? indexedDb(url) : storage;
    const { records, content } = await Records.open({ ...parts, storage: opened });
    return new Keeper(records, content, report);
  }

  /**
   * Puts what was kept into a copy.
   *
   * @returns where that stands in the log, if anything of it was kept, and how many edits were of another document
   */
  recall(copy: Copy): { readonly place: Position | undefined; readonly strange: number } {
    const { place: kept, log = [], edits = [] } = this.#content ?? {};
    this.#content = undefined;
    const said = this.#read(log);
    const place = said && kept;
    if (place) {
      copy.reread(said, false);
      copy.lineage = place.lineage ?? undefined;
      this.#compact(copy, place.position);
    }
    const mine = edits.filter(({ lineage }) => copy.isOf(lineage ?? undefined));
    copy.recall(mine.map(({ update }) => update));
    const { made, lineage } = copy;
    // From now on they are this client's: other tabs leave them alone. So is what was edited before this was open.
    const rest = copy.rest();
    this.#records.edits = edits.map(({ id }) => ({ id, upTo: made }));
    this.#records.remove(made);
    if (rest) this.#records.add(rest, made, lineage);
    const strange = edits.length - mine.length;
    return { place: place?.position, strange };
  }

  /** Something was edited. @param all whether it is all that the log may lack */
  edited(copy: Copy, update: Uint8Array, all = false): void {
    const { made, lineage } = copy;
    const rest = all ? update : this.#records.edits.length >= recordsMax ? copy.rest() : undefined;
    if (rest) this.#records.remove(made);
    this.#records.add(rest ?? update, made, lineage);
  }

  /** The log says this, and the copy does too. */
  said(type: KeptLog['type'], data: readonly Data[], copy: Copy, position: Position, from?: number): void {
    const place = { position, lineage: copy.lineage ?? null };
    this.#records.say(type, data as readonly Uint8Array[], place, from);
  }

  /** The log was read up to there: edits that it holds needn't be kept besides. */
  read(copy: Copy, position: Position): void {
    this.#records.remove(copy.confirmed);
    this.#compact(copy, position);
  }

  /** None of its edits are to be kept any more. */
  forget(copy: Copy): void {
    this.#records.remove(copy.made);
  }

  close(): void {
    this.#records.close();
  }

  /** Undefined where records are damaged: then they are as good as none. */
  #read(log: readonly Uint8Array[]): Said[] | undefined {
    try {
      return log.map((data) => readDocData(data));
    } catch (thrown) {
      this.#report(thrown);
      return undefined;
    }
  }

  /** Where the copy says what the log does and nothing more, it may stand for many records. */
  #compact(copy: Copy, position: Position): void {
    const { doc, lineage = noLineage, pending, confirmed, made } = copy;
    if (this.#records.log <= recordsMax || pending || confirmed < made) return;
    this.said('compact', [docSnapshot(lineage, Y.encodeStateAsUpdateV2(doc))], copy, position);
  }
}
