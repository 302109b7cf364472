/**
 * What goes into one frame of a view: rows, and keys that are gone, as much as a batch holds. A view fills it; whose it is it
 * doesn't know.
 */
import { limits } from '@syncline/protocol';
import type { Gone } from '@syncline/protocol/wire';
import type { Item } from '../index/items.ts';

/** What stands around a key that is gone. */
const goneBytes = 16;

/** One row at least, however large it is. */
export class Frame {
  readonly rows: string[] = [];
  readonly gone: Gone[] = [];
  #bytes = 0;

  addRow({ row }: Item): boolean {
    if (!this.#fits(row.bytes + 1)) return false;
    this.rows.push(row.text);
    return true;
  }

  addGone(gone: Gone): boolean {
    if (!this.#fits(Buffer.byteLength(JSON.stringify(gone[0])) + goneBytes)) return false;
    this.gone.push(gone);
    return true;
  }

  #fits(bytes: number): boolean {
    const first = this.#bytes === 0;
    if (!first && this.#bytes + bytes > limits.batchBytesMax.default) return false;
    this.#bytes += bytes;
    return true;
  }
}
