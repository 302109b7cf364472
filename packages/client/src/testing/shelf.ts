/**
 * A place to keep a document in, in memory, with the ways of a database that several tabs share: a change is made whole or not at
 * all, what is kept is a copy, and who lives is known. Tests and the simulator keep documents in it, and look into it.
 */
import {
  type DocStorage,
  type KeptChange,
  type KeptDoc,
  type KeptEdit,
  type KeptPlace,
  toWrite,
} from '../doc/storage.ts';

export class Shelf implements DocStorage {
  place: KeptPlace | undefined;
  log: Uint8Array[] = [];
  readonly edits = new Map<string, KeptEdit>();
  /** The clients that have it open. */
  readonly living = new Set<string>();
  /** When set, whatever is asked for fails with it. */
  broken: Error | undefined;
  /** When set, a change is made only once that is. */
  before: Promise<void> | undefined;
  /** Changes that were made. */
  changes = 0;

  async open(_channel: string, client: string): Promise<KeptDoc> {
    await this.before;
    if (this.broken) throw this.broken;
    this.living.add(client);
    const ownerOf = (id: string) => id.split('.')[0] ?? '';
    return {
      read: async () => {
        const edits = [...this.edits.values()].filter(({ id }) => !this.living.has(ownerOf(id)));
        return structuredClone({ place: this.place, log: this.log, edits });
      },
      write: async (change) => {
        await this.before;
        if (this.broken) throw this.broken;
        return this.#write(structuredClone(change));
      },
      close: () => this.living.delete(client),
    };
  }

  /** Who had it open is gone, all at once. */
  kill(): void {
    this.living.clear();
  }

  #write({ log, added, removed }: KeptChange): string | undefined {
    this.changes++;
    const said = log && toWrite(this.place, log);
    if (said) {
      if (log.type !== 'append') this.log = [];
      this.log.push(...said);
      this.place = log.place;
    }
    for (const edit of added) this.edits.set(edit.id, edit);
    for (const id of removed) this.edits.delete(id);
    return this.place?.life;
  }
}
