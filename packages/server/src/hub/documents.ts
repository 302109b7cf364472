/**
 * What the server itself does with documents: it edits them, replaces them, shows them as JSON. Whoever runs the node calls it
 * through the server's front. Documents are folded by their worker first, so that nothing is loaded here that couldn't be
 * folded; what is written here goes into the log like everyone's edits.
 */
import { type Position, SyncError } from '@syncline/protocol';
import {
  beginning,
  type Clock,
  noLineage,
  readDocSnapshot,
  sameLineage,
  updateEntry,
} from '@syncline/protocol/wire';
import type { DocJson } from '../fold/doc/child.ts';
import { changes, type Write, written } from '../fold/doc/yjs.ts';
import type { DocFolder } from '../fold/doc.ts';
import type { Hub } from '../hub.ts';

export class Documents {
  readonly #hub: Hub;
  readonly #clock: Pick<Clock, 'randomBytes'>;
  /** What is under way with each document: edits that read first come one after another. */
  readonly #lines = new Map<string, Promise<void>>();

  constructor(hub: Hub, clock: Pick<Clock, 'randomBytes'>) {
    this.#hub = hub;
    this.#clock = clock;
  }

  /** Appends what `write` changes in a copy of the document; null when it changes nothing. */
  edit(name: string, write: Write): Promise<Position | null> {
    return this.#inTurn(name, async () => {
      const folder = await this.#folder(name);
      const { lineage, update } = readDocSnapshot(await folder.editable());
      const change = await changes(update, write);
      if (!change) return null;
      const now = await this.#folder(name);
      if (!sameLineage(now.lineage, lineage))
        throw new SyncError(
          'precondition',
          `The document "${name}" was replaced while it was edited here. Nothing was stored; edit it again.`,
        );
      return await this.#append(name, updateEntry(change));
    });
  }

  /** Begins another document in the place of this one. */
  replace(name: string, write: Write): Promise<Position> {
    return this.#inTurn(name, async () => {
      this.#check(name);
      const { update } = await written(write);
      return await this.#append(name, beginning(this.#clock.randomBytes(noLineage.length), update));
    });
  }

  async read(name: string): Promise<DocJson> {
    return await (await this.#folder(name)).read();
  }

  async #append(name: string, data: Uint8Array): Promise<Position> {
    const channel = await this.#hub.open(name);
    const { epoch, offset, check } = await channel.append({ data, from: null }, true);
    const folder = this.#hub.docs.get(name);
    if (folder?.isOversize) {
      // Perhaps it is no more: then clients may edit again.
      await folder.reached(offset);
      await folder.folded();
    }
    return { epoch, offset, check };
  }

  /** The document's folder, which holds all that is known to be in the log by now. */
  async #folder(name: string): Promise<DocFolder> {
    this.#check(name);
    const { top } = await this.#hub.open(name);
    const folder = this.#hub.docs.get(name);
    if (!folder) throw new SyncError('restart');
    await folder.reached(top.offset);
    return folder;
  }

  #check(name: string): void {
    const { kind } = this.#hub.definition(name);
    if (kind !== 'doc') throw new SyncError('unsupported_data', `"${name}" is a ${kind}, not a doc.`);
  }

  async #inTurn<T>(name: string, run: () => Promise<T>): Promise<T> {
    const work = (this.#lines.get(name) ?? Promise.resolve()).then(run);
    const done = work.then(
      () => {},
      () => {},
    );
    this.#lines.set(name, done);
    try {
      return await work;
    } finally {
      if (this.#lines.get(name) === done) this.#lines.delete(name);
    }
  }
}
