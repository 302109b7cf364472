/**
 * The records of one document on this machine while its channel lives: brings what is to be written together, and writes it one
 * transaction after the other. The keeper says what is to be written. It must not know what records mean, nor where they are.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type {
  DocStorage,
  KeptChange,
  KeptContent,
  KeptDoc,
  KeptEdit,
  KeptLog,
  KeptPlace,
} from './storage.ts';

/** How long it may take to open them, in ms: some browsers never answer. */
const openMs = 5_000;

/** What records are opened with. */
export interface RecordsParts {
  readonly storage: DocStorage;
  readonly channel: string;
  readonly clock: Clock;
  /** Told once, when nothing can be written any more. */
  readonly failed: (thrown: unknown) => void;
}

type Place = Omit<KeptPlace, 'life'>;

export class Records {
  /** How many records of the log there are. */
  log: number;
  /** The edits that are kept, each with the number of the last own edit in it. */
  edits: { readonly id: string; readonly upTo: number }[] = [];
  readonly #parts: RecordsParts;
  readonly #doc: KeptDoc;
  /** Stands before the ids of all edits that this client adds. */
  readonly #client: string;
  #ids = 0;
  /** What is kept of the log was begun anew under that name. */
  #life: string | undefined;
  /** What is still to be written. */
  #news: (Omit<KeptLog, 'place'> & { readonly place: Place }) | undefined;
  #added: KeptEdit[] = [];
  #removed: string[] = [];
  #planned = false;
  #busy = false;
  #closed = false;

  constructor(parts: RecordsParts, client: string, doc: KeptDoc, { place, log }: KeptContent) {
    this.#parts = parts;
    this.#client = client;
    this.#doc = doc;
    this.#life = place?.life;
    this.log = log.length;
  }

  /** Opens them, and gives what was kept. Rejects where nothing can be. */
  static async open(parts: RecordsParts): Promise<{ records: Records; content: KeptContent }> {
    const { storage, channel, clock } = parts;
    const client = token(clock);
    let tired: Cancel = () => {};
    const patience = new Promise<never>((_, reject) => {
      tired = clock.timer(openMs, () => reject(new Error(`It took longer than ${openMs} ms.`)));
    });
    const opening = storage.open(channel, client);
    try {
      const doc = await Promise.race([opening, patience]);
      const content = await Promise.race([doc.read(), patience]);
      return { records: new Records(parts, client, doc, content), content };
    } catch (thrown) {
      opening.then(
        (late) => late.close(),
        () => {},
      );
      throw thrown;
    } finally {
      tired();
    }
  }

  /**
   * What the log said up to a place.
   *
   * @param from the offset after which it said that; of what it says in place of all that is kept, 0
   */
  say(type: KeptLog['type'], said: readonly Uint8Array[], place: Place, from = 0): void {
    const before = this.#news;
    if (type === 'append' && before) this.#news = { ...before, said: [...before.said, ...said], place };
    else {
      const { type: as, instead } = before?.type === 'anew' ? before : { type, instead: this.#life };
      this.#news = { type: as, instead, said, place, from };
      if (type === 'anew') this.#life = token(this.#parts.clock);
    }
    this.log = said.length + (type === 'append' ? this.log : 0);
    this.#soon();
  }

  /** Keeps an edit, which holds own edits up to that number. */
  add(update: Uint8Array, upTo: number, lineage: Uint8Array | undefined): void {
    const id = `${this.#client}.${String(++this.#ids).padStart(12, '0')}`;
    this.edits.push({ id, upTo });
    this.#added.push({ id, update, lineage: lineage ?? null });
    this.#soon();
  }

  /** Edits up to that number needn't be kept any more. */
  remove(upTo: number): void {
    const gone = new Set(this.edits.flatMap((edit) => (edit.upTo <= upTo ? edit.id : [])));
    if (gone.size === 0) return;
    this.edits = this.edits.filter(({ id }) => !gone.has(id));
    this.#added = this.#added.filter(({ id }) => !gone.has(id));
    this.#removed.push(...gone);
    this.#soon();
  }

  /** What is still to be written is; then nothing more. */
  close(): void {
    this.#closed = true;
    this.#soon();
  }

  /** What is to be written at once is one transaction: it is kept whole or not at all. */
  #soon(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.#write();
    });
  }

  /** Writes what there is, unless that is under way. */
  #write(): void {
    if (this.#busy) return;
    const log = this.#news && { ...this.#news, place: { ...this.#news.place, life: this.#life ?? '' } };
    const change: KeptChange = { log, added: this.#added, removed: this.#removed };
    this.#news = undefined;
    this.#added = [];
    this.#removed = [];
    this.#busy = true;
    if (!log && change.added.length + change.removed.length === 0) {
      this.#busy = this.#closed;
      if (this.#closed) this.#doc.close();
      return;
    }
    this.#doc.write(change).then(
      (life) => {
        // Another client may have begun it anew as well, and read on further.
        if (log?.type === 'anew' && this.#life === log.place.life) this.#life = life;
        this.#busy = false;
        this.#write();
      },
      (thrown) => {
        // Busy for ever: what is written after something that is missing would be a lie.
        this.#doc.close();
        this.#parts.failed(thrown);
      },
    );
  }
}

/** A name of its own, not that of token.ts: this file is loaded when it is needed, and shared code would be loaded by everybody. */
function token(clock: Clock): string {
  return Array.from(clock.randomBytes(16), (byte) => (byte % 32).toString(36)).join('');
}
