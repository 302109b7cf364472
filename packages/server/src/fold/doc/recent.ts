/**
 * What snapshots of documents came to lately: whoever reads one that was read a moment ago is given what was made then, and those who come
 * while it is made wait for the same. The docs of a node have one; it knows bytes, and not what they hold.
 */
import { createHash } from 'node:crypto';

export class Recent {
  readonly #bytesMax: number;
  /** By the hash of what it was made of, those used last at the end. */
  readonly #made = new Map<string, Promise<Uint8Array>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  /** @param bytesMax so many bytes are kept; of what is being made there may be more */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * What was made of these bytes, or is made now. What fails is made anew for whoever comes next.
   *
   * @example
   * const update = await recent.of(snapshot, () => worker.run('update', [snapshot]))
   */
  of(bytes: Uint8Array, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const key = createHash('sha256').update(bytes).digest('base64');
    const known = this.#made.get(key);
    const made = known ?? make();
    this.#made.delete(key);
    this.#made.set(key, made);
    if (!known)
      made.then(
        ({ length }) => this.#keep(key, length),
        () => this.#made.delete(key),
      );
    return made;
  }

  #keep(key: string, size: number): void {
    this.#sizes.set(key, size);
    this.#bytes += size;
    for (const old of this.#made.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      const bytes = this.#sizes.get(old);
      // It is still being made.
      if (bytes === undefined) continue;
      this.#bytes -= bytes;
      this.#sizes.delete(old);
      this.#made.delete(old);
    }
  }
}
