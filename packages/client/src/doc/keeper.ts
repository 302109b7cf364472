/**
 * Keeps a document on this machine: shows a copy what was kept, and keeps what the log tells and what is edited. A document's channel
 * loads it where something is to be kept, so that nobody else pays for it: what it imports is loaded with it, so it imports nothing
 * that everybody has. It must not know how a log is read, nor what is sent.
 */
import type { Position } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Report } from '../store.ts';
import type { Copy } from './copy.ts';
import { Records, type RecordsParts } from './records.ts';
import type { KeptContent, KeptLog, KeptPlace } from './storage.ts';

/** Records of the log beyond which they are made one, and edits beyond which they are. */
const recordsMax = 200;

/** What a keeper is opened with. */
export interface KeeperParts extends RecordsParts {
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
  static async open({ report, ...parts }: KeeperParts): Promise<Keeper> {
    const { records, content } = await Records.open(parts);
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
    const place = kept && this.#restore(copy, kept, log) ? kept : undefined;
    if (place) this.#compact(copy, place.position);
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

  /** False where records are damaged: then they are as good as none. */
  #restore(copy: Copy, { lineage }: KeptPlace, log: readonly Uint8Array[]): boolean {
    try {
      copy.restore(log, lineage ?? undefined);
      return true;
    } catch (thrown) {
      this.#report(thrown);
      return false;
    }
  }

  /** Where the copy says what the log does and nothing more, it may stand for many records. */
  #compact(copy: Copy, position: Position): void {
    const { pending, confirmed, made } = copy;
    if (this.#records.log <= recordsMax || pending || confirmed < made) return;
    this.said('compact', [copy.snapshot()], copy, position);
  }
}
