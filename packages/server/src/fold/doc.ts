/**
 * How a document folds on a server: it is held as bytes, the last snapshot and the entries since, and folded by a worker,
 * since what clients wrote decides how long that takes. The fold room drives it; it knows bytes, no log and no reader. A
 * document that can't be folded is quarantined (rule Y7).
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type Data, type Entry, noLineage, previousCheck, readDocData } from '@syncline/protocol/wire';
import { type Logger, type Metrics, reason } from '../observe.ts';
import type { DocJson } from './doc/child.ts';
import { authorOf, begins, bytesOf } from './doc/entries.ts';
import type { Fault, Faults } from './doc/faults.ts';
import { DocFault, type DocWorker } from './doc/worker.ts';
import type { Due, Folder } from './folder.ts';

export interface DocFolderTools {
  /** The channel's name. */
  readonly name: string;
  /** Size of the folded document beyond which no edits are taken. */
  readonly bytesMax: number;
  /** Bytes of entries beyond which none are taken while folding waits for others. */
  readonly waitingBytesMax: number;
  /** How long a processor may take to load it where everybody waits for that, in ms. */
  readonly docEditMs: number;
  readonly worker: Pick<DocWorker, 'run'>;
  /** Which documents of this node can't be folded. */
  readonly faults: Faults;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Refuses what clients publish with this error; undefined: no more. */
  readonly refuse: (error: SyncError | undefined) => void;
  /** What an empty log begins with (rule Y8). */
  readonly begin: () => Promise<Uint8Array | undefined>;
  readonly onClose: () => void;
}

/** As many bytes of a snapshot stand for one entry, when it is judged whether another snapshot pays. */
const bytesPerEntry = 1024;

/** How much later whoever was refused for a folding that waits may try again, in ms. */
const waitMs = 1000;

/** What is held of a document at one time. */
interface Held {
  readonly offset: number;
  readonly snapshotAt: number;
  readonly snapshot: Uint8Array | undefined;
  readonly entries: readonly Entry[];
  readonly pieces: readonly Uint8Array[];
  readonly life: number;
}

/** A fold under way: of what, and whether somebody waits for it. */
interface Folding {
  readonly offset: number;
  readonly life: number;
  readonly urgent: boolean;
  readonly done: Promise<Uint8Array>;
}

export class DocFolder implements Folder {
  readonly dueAt = Number.POSITIVE_INFINITY;
  readonly addsMeanwhile = true;
  readonly #tools: DocFolderTools;
  #parts: Uint8Array[] = [];
  #snapshot: Uint8Array | undefined;
  #snapshotAt = 0;
  #tail: Entry[] = [];
  #offset = 0;
  /** After which place the document begins, where that is known. */
  #begun: Pick<Position, 'offset' | 'check'> | undefined;
  /** Counts the documents that this log has held: what was found out of one holds for no other. */
  #life = 0;
  #fault: SyncError | undefined;
  #oversize: SyncError | undefined;
  /** Folding under way, for whoever wants the same. */
  #folding: Folding | undefined;
  /** How long snapshots take to load, in ms, as far as it was asked. */
  readonly #timed = new WeakMap<Uint8Array, number>();
  /** Bytes of the entries since the snapshot, and whether they are so many that no more are taken. */
  #tailBytes = 0;
  #isFull = false;
  #waiting: { readonly offset: number; readonly resolve: () => void }[] = [];

  constructor(tools: DocFolderTools) {
    this.#tools = tools;
  }

  get size(): number {
    return Math.floor((this.#snapshot?.length ?? 0) / bytesPerEntry);
  }

  get room(): number {
    const left = this.#tools.bytesMax - (this.#snapshot?.length ?? 0);
    // Nobody but this server adds to one that is too large.
    return left > 0 ? left : Number.POSITIVE_INFINITY;
  }

  /** Which document it is (rule Y3). */
  get lineage(): Uint8Array {
    const first = this.#snapshot ?? this.#tail[0]?.data;
    const data = first && readDocData(first);
    return data && data.type !== 'update' ? data.lineage : noLineage;
  }

  /** The place in the log that it begins after; undefined where nothing else came before it that could still be read. */
  get begun(): Pick<Position, 'offset' | 'check'> | undefined {
    return this.#begun;
  }

  /** Whether it was found to be larger than it may be. */
  get isOversize(): boolean {
    return this.#oversize !== undefined;
  }

  clear(): void {
    this.#replace();
    this.#offset = 0;
    this.#wake();
  }

  restore(part: Data, offset: number, more: boolean): void {
    this.#parts.push(bytesOf(part));
    if (more) return;
    this.#snapshot = Buffer.concat(this.#parts);
    this.#snapshotAt = offset;
    this.#begun = undefined;
    this.#parts = [];
    this.#offset = offset;
    this.#recall(this.#tools.faults.at(this.#tools.name, offset));
    this.#wake();
  }

  add(entries: readonly Entry[]): void {
    const { faults, name } = this.#tools;
    for (const entry of entries) {
      if (entry.offset <= this.#offset) continue;
      this.#offset = entry.offset;
      if (begins(bytesOf(entry.data))) this.#replace(entry);
      if (this.#fault) continue;
      this.#tail.push(entry);
      this.#tailBytes += entry.data.length;
      this.#recall(faults.at(name, entry.offset, entry.check));
    }
    this.#fill();
    this.#wake();
  }

  async snapshot(): Promise<Data | undefined> {
    try {
      return await this.#fold(false);
    } catch (thrown) {
      const { logger, name } = this.#tools;
      const code = thrown instanceof SyncError ? thrown.code : 'internal';
      // Of a quarantine it was told already, and who closes needs no snapshot.
      if (code !== 'quarantined' && code !== 'restart')
        logger.error(
          { channel: name, reason: reason(thrown) },
          'A document could not be folded for a reason of this node; it is tried again after as many entries.',
        );
      return undefined;
    }
  }

  async beginning(): Promise<Due | undefined> {
    const data = await this.#tools.begin();
    return data && { data, from: null, ifTopAt: 0 };
  }

  /** Readers get each entry, or the snapshot: to merge updates is to decode them. */
  after(): undefined {
    return undefined;
  }

  takeDue(): readonly Due[] {
    return [];
  }

  putBack(): void {}

  close(): void {
    this.#tools.onClose();
    this.#offset = Number.POSITIVE_INFINITY;
    this.#wake();
  }

  /** Resolves once all up to this offset is held, or it is known that it never will be. */
  reached(offset: number): Promise<void> {
    if (this.#offset >= offset) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ offset, resolve }));
  }

  /**
   * The document as one snapshot.
   *
   * @throws SyncError `quarantined`, `unavailable`, `restart`
   */
  async folded(): Promise<Uint8Array> {
    return await this.#fold(true);
  }

  /**
   * The document as one snapshot that may be loaded where everybody waits for it.
   *
   * @throws SyncError `payload_too_large` for one that takes too long to load, and what `folded` throws
   */
  async editable(): Promise<Uint8Array> {
    const snapshot = await this.#fold(true);
    const { name, docEditMs } = this.#tools;
    const ms = await this.#time(snapshot);
    if (ms <= docEditMs) return snapshot;
    const took = Number.isFinite(ms) ? `${Math.round(ms)} ms` : 'more time or memory than folding may take';
    throw new SyncError(
      'payload_too_large',
      `The document "${name}" takes ${took} to load, and everybody on this server may be kept waiting for ${docEditMs} ms. Edit it by a client in another process, begin another one with replaceDoc(), or raise \`docEditMs\`.`,
    );
  }

  /**
   * The document as JSON.
   *
   * @throws SyncError `payload_too_large` for one that is too much to be shown, and what `folded` throws
   */
  async read(): Promise<DocJson> {
    const held = this.#hold();
    try {
      return await this.#tools.worker.run('read', held.pieces, true);
    } catch (thrown) {
      if (!(thrown instanceof DocFault)) throw thrown;
      if (thrown.piece < held.pieces.length) throw this.#quarantine(held, thrown);
      const why = `The document "${this.#tools.name}" can't be shown as JSON. ${thrown.message}`;
      throw new SyncError('payload_too_large', why);
    }
  }

  /** How long it takes to load: its size doesn't tell, so it is found out where nobody waits for it. */
  async #time(snapshot: Uint8Array): Promise<number> {
    const known = this.#timed.get(snapshot);
    if (known !== undefined) return known;
    const ms = await this.#tools.worker.run('time', [snapshot], true).catch((thrown: unknown) => {
      if (thrown instanceof DocFault) return Number.POSITIVE_INFINITY;
      throw thrown;
    });
    this.#timed.set(snapshot, ms);
    return ms;
  }

  /** Folds what is held; what comes meanwhile is folded next time. */
  #fold(urgent: boolean): Promise<Uint8Array> {
    const before = this.#folding;
    const same = before?.offset === this.#offset && before.life === this.#life;
    if (same && (before.urgent || !urgent)) return before.done;
    const done = this.#foldNow(urgent);
    const folding = { offset: this.#offset, life: this.#life, urgent, done };
    this.#folding = folding;
    this.#fill();
    const forget = (): void => {
      if (this.#folding !== folding) return;
      this.#folding = undefined;
      this.#fill();
    };
    done.then(forget, forget);
    return done;
  }

  async #foldNow(urgent: boolean): Promise<Uint8Array> {
    const held = this.#hold();
    if (held.snapshot && held.entries.length === 0) return held.snapshot;
    try {
      const snapshot = await this.#tools.worker.run('fold', held.pieces, urgent, authorOf(held.entries));
      if (held.life === this.#life && held.offset >= this.#snapshotAt) this.#adopt(held, snapshot);
      return snapshot;
    } catch (thrown) {
      throw thrown instanceof DocFault ? this.#quarantine(held, thrown) : thrown;
    }
  }

  /** @throws SyncError `quarantined` */
  #hold(): Held {
    if (this.#fault) throw this.#fault;
    const snapshot = this.#snapshot;
    const entries = this.#tail.slice();
    const pieces = entries.map(({ data }) => bytesOf(data));
    if (snapshot) pieces.unshift(snapshot);
    return {
      offset: this.#offset,
      snapshotAt: this.#snapshotAt,
      snapshot,
      entries,
      pieces,
      life: this.#life,
    };
  }

  /** The snapshot takes the place of what it was made of. */
  #adopt({ offset }: Held, snapshot: Uint8Array): void {
    this.#snapshot = snapshot;
    this.#snapshotAt = offset;
    this.#tail = this.#tail.filter((entry) => entry.offset > offset);
    this.#tailBytes = this.#tail.reduce((bytes, { data }) => bytes + data.length, 0);
    const { name, bytesMax } = this.#tools;
    this.#oversize =
      snapshot.length > bytesMax
        ? new SyncError(
            'payload_too_large',
            `The document "${name}" has ${snapshot.length} bytes, more than the ${bytesMax} up to which it takes edits. Begin another one, or raise \`bytes\` in the contract.`,
          )
        : undefined;
    this.#tell();
  }

  /** It can't be folded: notes it, lets go of it, and says so. */
  #quarantine({ entries, snapshot, snapshotAt, life }: Held, { piece, message }: DocFault): SyncError {
    const { name, faults, logger, metrics } = this.#tools;
    const entry = entries[snapshot ? piece - 1 : piece] ?? (piece > 0 ? entries.at(-1) : undefined);
    const error = new SyncError(
      'quarantined',
      `The document "${name}" can't be folded, so it takes no more edits; it can be read as before. The server's operator finds the reason in its log.`,
    );
    // Another one has taken its place meanwhile.
    if (life !== this.#life || this.#fault) return this.#fault ?? error;
    const fault = { offset: entry?.offset ?? snapshotAt, check: entry?.check ?? null, error };
    faults.note(name, fault);
    metrics.docsQuarantined++;
    logger.error(
      { channel: name, offset: fault.offset, author: entry?.from ?? null, reason: message },
      'A document is quarantined: it could not be folded up to the entry at `offset`. It takes no edits until it is replaced with replaceDoc(), or the node is restarted.',
    );
    this.#recall(fault);
    return error;
  }

  /** What is held is the document that a fault was noted of. */
  #recall(fault: Fault | undefined): void {
    if (!fault) return;
    this.#fault = fault.error;
    this.#snapshot = undefined;
    this.#tail = [];
    this.#tailBytes = 0;
    this.#tell();
  }

  /** Another document begins. @param entry with which it does */
  #replace(entry?: Entry): void {
    this.#life++;
    this.#begun = entry && { offset: entry.offset - 1, check: previousCheck(entry.check, entry.data) };
    this.#parts = [];
    this.#snapshot = undefined;
    this.#snapshotAt = 0;
    this.#tail = [];
    this.#tailBytes = 0;
    this.#fault = undefined;
    this.#oversize = undefined;
    this.#tell();
  }

  /** While folding waits for others no more is taken than can be held: there is no telling how long that is. */
  #fill(): void {
    const isFull = this.#folding !== undefined && this.#tailBytes > this.#tools.waitingBytesMax;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#tell();
  }

  #tell(): void {
    const { name, refuse } = this.#tools;
    const full =
      this.#isFull &&
      new SyncError(
        'too_many',
        `The document "${name}" takes edits again when those that it holds were folded. The server has many to fold, or one that takes long.`,
        { retryMs: waitMs },
      );
    refuse(this.#fault ?? this.#oversize ?? (full || undefined));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      // After a log was lost its offsets begin anew: nobody waits for those of the last one.
      if (this.#offset === 0 || this.#offset >= one.offset) one.resolve();
      else this.#waiting.push(one);
    }
  }
}
