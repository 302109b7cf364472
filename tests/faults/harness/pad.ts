/**
 * A document as one guest edits it: puts down each edit, when it is told to be saved, and what the document is in the end. Also
 * reads one anew, as somebody who has never seen it. It knows the SDK's documents, and no faults.
 */
import { createHash } from 'node:crypto';
import type { DocClient } from '@syncline/client/doc';
import * as Y from 'yjs';
import type { Channels } from './contract.ts';
import type { PadEvent, Recorder } from './history.ts';

const pad = 'pad/a';

export class Pad {
  readonly #name: string;
  readonly #recorder: Recorder;
  readonly #random: () => number;
  readonly #channel: ReturnType<typeof openPad>;
  #edits = 0;
  #saved = 0;

  constructor(name: string, client: DocClient<Channels>, recorder: Recorder, random: () => number) {
    this.#name = name;
    this.#recorder = recorder;
    this.#random = random;
    this.#channel = openPad(client);
    this.#channel.sync.subscribe(() => this.#tellSaved());
    this.#channel.on('replaced', ({ reason }) => this.#tell({ type: 'replaced', pad, reason }));
    this.#channel.open();
  }

  /** One edit: an item somewhere in a list, some letters somewhere in a text, and now and then fewer of them. */
  edit(): void {
    const { doc } = this.#channel;
    const id = `${this.#name}.e${++this.#edits}`;
    this.#tell({ type: 'edit', pad, id });
    doc.transact(() => {
      const [list, text] = [doc.getArray('list'), doc.getText('text')];
      list.insert(this.#upTo(list.length), [id]);
      text.insert(this.#upTo(text.length), id);
      if (text.length > 40 && this.#random() < 0.3) text.delete(this.#upTo(text.length - 20), 20);
    });
  }

  /** What is still to come right; `vector` is that of another copy, where that counts. */
  left(vector: string | undefined): string[] {
    const { state, unsaved } = this.#channel.sync.get();
    const left = state === 'synced' && unsaved === 0 ? [] : [`${this.#name} has ${pad} ${state}`];
    return vector === undefined || this.vector === vector
      ? left
      : [...left, `${this.#name} has another ${pad} than others`];
  }

  get vector(): string {
    return vectorOf(this.#channel.doc);
  }

  tellEnd(): void {
    this.#tell(ended(this.#channel.doc, false));
  }

  #tellSaved(): void {
    const { unsaved } = this.#channel.sync.get();
    if (unsaved > 0 || this.#saved === this.#edits) return;
    // Everything made until now is stored: the last of it stands for all.
    for (; this.#saved < this.#edits; this.#saved++)
      this.#tell({ type: 'saved', pad, id: `${this.#name}.e${this.#saved + 1}` });
  }

  #tell(told: PadEvent): void {
    this.#recorder.tell(this.#name, told);
  }

  #upTo(length: number): number {
    return Math.floor(this.#random() * (length + 1));
  }
}

function openPad(client: DocClient<Channels>) {
  return client.doc(pad);
}

/** The document as a client that has never seen it is given it. @throws SyncError when it isn't */
export async function loaded(client: DocClient<Channels>): Promise<PadEvent> {
  const channel = client.doc(pad);
  await channel.whenSynced();
  return ended(channel.doc, true);
}

function ended(doc: Y.Doc, fresh: boolean): PadEvent {
  const ids = doc.getArray('list').toArray().map(String);
  const content = createHash('sha256')
    .update(JSON.stringify([ids, doc.getText('text').toString()]))
    .digest('hex');
  return { type: 'pad', pad, fresh, vector: vectorOf(doc), content, ids };
}

/** By client, in one order whatever order they came in. */
function vectorOf(doc: Y.Doc): string {
  const vector = [...Y.decodeStateVector(Y.encodeStateVector(doc))];
  return JSON.stringify(vector.sort(([a], [b]) => a - b));
}
