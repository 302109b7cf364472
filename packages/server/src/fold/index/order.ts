/**
 * Keys in their order, so that those with the same beginning stand together: blocks of a few hundred, each found by halving.
 * Items keep it once a view asks for a beginning; adding, removing and finding a place cost little, however many there are.
 */

/** A block is parted above so many keys. */
const blockKeysMax = 512;

export class KeyOrder {
  /** None of them is empty. */
  readonly #blocks: string[][] = [];

  add(key: string): void {
    const at = Math.min(this.#blockOf(key), this.#blocks.length - 1);
    const block = this.#blocks[at];
    if (!block) {
      this.#blocks.push([key]);
      return;
    }
    const place = placeOf(block, key);
    if (block[place] === key) return;
    block.splice(place, 0, key);
    if (block.length > blockKeysMax) this.#blocks.splice(at + 1, 0, block.splice(block.length >> 1));
  }

  remove(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (!block) return;
    const place = placeOf(block, key);
    if (block[place] !== key) return;
    block.splice(place, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** Some keys from `key` on, that one included: the first ones in order; none when there are none. */
  from(key: string): readonly string[] {
    const block = this.#blocks[this.#blockOf(key)];
    return block ? block.slice(placeOf(block, key)) : [];
  }

  /** All keys that begin so. Keys may come and go meanwhile; one that is there throughout comes once. */
  *startingWith(prefix: string): Generator<string, void, undefined> {
    for (let next = prefix; ; ) {
      const keys = this.from(next);
      for (const key of keys) {
        if (!key.startsWith(prefix)) return;
        yield key;
      }
      const last = keys.at(-1);
      if (last === undefined) return;
      // No text lies between a text and the same with the least character behind it.
      next = `${last}\0`;
    }
  }

  /** The index of the first block whose last key isn't before `key`. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.at(-1) ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The index of the first key that isn't before `key`. */
function placeOf(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((block[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
