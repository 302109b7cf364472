/**
 * Keeps one document on this machine while its channel lives: brings what is to be written together, one transaction after the
 * other, and goes on without when nothing can be kept. It must not know what the records mean, nor where they are.
 */
import { SyncError } from '@syncline/protocol';
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Report } from '../store.ts';
import type {
  DocStorage,
  KeptChange,
  KeptContent,
  KeptDoc,
  KeptEdit,
  KeptLog,
  KeptPlace,
} from './storage.ts';

/** How long it may take to open what is kept, in ms: some browsers never answer. */
const openMs = 5_000;
/** Records of the log beyond which they are made one. */
const logMax = 200;
/** Edits beyond which they are made one. */
const editsMax = 200;

export class Keeper {
  /** What was kept; undefined where nothing can be kept. */
  readonly loaded: Promise<KeptContent | undefined>;
  /** Whether edits are kept, so that leaving the page doesn't lose them. */
  keeps = true;
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #report: Report;
  #doc: KeptDoc | undefined;
  /** What is kept of the log was begun anew under that name. */
  #life: string | undefined;
  /** How many records of the log are kept. */
  #records = 0;
  /** Stands before the ids of all edits that this client adds. */
  readonly #client: string;
  #ids = 0;
  /** The edits that are kept, each with the number of the last own edit in it. */
  #edits: { readonly id: string; readonly upTo: number }[] = [];
  /** What is still to be written. */
  #log: (Omit<KeptLog, 'place'> & { readonly place: Omit<KeptPlace, 'life'> }) | undefined;
  #added: KeptEdit[] = [];
  #removed: string[] = [];
  #busy = false;
  #closed = false;

  constructor(storage: DocStorage, channel: string, clock: Clock, report: Report) {
    this.#channel = channel;
    this.#clock = clock;
    this.#report = report;
    this.#client = token(clock);
    this.loaded = this.#open(storage);
  }

  /** Whether the log is kept in so many records that it should be made one. */
  get scattered(): boolean {
    return this.#records > logMax;
  }

  /** Whether edits are kept in so many records that they should be made one. */
  get littered(): boolean {
    return this.#edits.length > editsMax;
  }

  /** These edits, which were kept, are this client's from now on; up to that number they are own edits. */
  adopt(edits: readonly KeptEdit[], upTo: number): void {
    this.#edits.push(...edits.map(({ id }) => ({ id, upTo })));
  }

  /**
   * What the log said up to a place.
   *
   * @param from the offset after which it said that; of what it says in place of all that is kept, 0
   */
  keep(type: KeptLog['type'], said: readonly Uint8Array[], place: Omit<KeptPlace, 'life'>, from = 0): void {
    const before = this.#log;
    const last = type === 'append' && before;
    if (last) this.#log = { ...last, said: [...last.said, ...said], place };
    else {
      const anew = before?.type === 'anew' ? before : { type, instead: this.#life };
      this.#log = { type: anew.type, instead: anew.instead, said, place, from };
      if (type === 'anew') this.#life = token(this.#clock);
    }
    this.#records = said.length + (type === 'append' ? this.#records : 0);
    this.#write();
  }

  /** Keeps an edit, which holds own edits up to that number. @param all whether it holds all that are kept */
  add(update: Uint8Array, upTo: number, lineage: Uint8Array | undefined, all = false): void {
    if (all) this.remove(upTo);
    const id = `${this.#client}.${String(++this.#ids).padStart(12, '0')}`;
    this.#edits.push({ id, upTo });
    this.#added.push({ id, update, lineage: lineage ?? null });
    this.#write();
  }

  /** Own edits up to that number needn't be kept any more. */
  remove(upTo: number): void {
    const gone = this.#edits.filter((edit) => edit.upTo <= upTo).map(({ id }) => id);
    if (gone.length === 0) return;
    const stay = ({ id }: { readonly id: string }) => !gone.includes(id);
    this.#edits = this.#edits.filter(stay);
    this.#added = this.#added.filter(stay);
    this.#removed.push(...gone);
    this.#write();
  }

  /** What is still to be written is; then nothing more. */
  close(): void {
    this.#closed = true;
    this.#write();
  }

  async #open(storage: DocStorage): Promise<KeptContent | undefined> {
    let late: Cancel | undefined;
    const timeout = new Promise<never>((_, reject) => {
      late = this.#clock.timer(openMs, () => reject(new Error(`Nothing came of it in ${openMs} ms.`)));
    });
    try {
      const opening = storage.open(this.#channel, this.#client);
      this.#doc = await Promise.race([opening, timeout]);
      const { content } = this.#doc;
      this.#life = content.place?.life;
      this.#records = content.log.length;
      return content;
    } catch (thrown) {
      this.#fail(thrown);
      return undefined;
    } finally {
      late?.();
      this.#write();
    }
  }

  /** Writes what there is, unless that is under way. */
  #write(): void {
    const doc = this.#doc;
    if (!doc || this.#busy) return;
    const log = this.#log && { ...this.#log, place: { ...this.#log.place, life: this.#life ?? '' } };
    const change: KeptChange = { log, added: this.#added, removed: this.#removed };
    this.#log = undefined;
    this.#added = [];
    this.#removed = [];
    if (log || change.added.length + change.removed.length > 0) {
      this.#busy = true;
      void doc
        .write(change)
        .then(
          (life) => {
            // Another client may have begun it anew as well, and read on further.
            if (log?.type === 'anew' && this.#life === log.place.life) this.#life = life;
          },
          (thrown) => this.#fail(thrown),
        )
        .then(() => {
          this.#busy = false;
          this.#write();
        });
    } else if (this.#closed) this.#end();
  }

  #fail(thrown: unknown): void {
    this.keeps = false;
    this.#end();
    const why = `${this.#channel} is not kept on this machine. Is its disk full, or storage forbidden? ${thrown}`;
    this.#report(new SyncError('storage', why));
  }

  #end(): void {
    this.#doc?.close();
    this.#doc = undefined;
  }
}

function token(clock: Clock): string {
  return Array.from(clock.randomBytes(16), (byte) => (byte % 32).toString(36)).join('');
}
