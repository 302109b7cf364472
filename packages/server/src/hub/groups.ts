/**
 * Things by what they have in common: the members of a user, the sessions of a token. Whoever has to find some of many keeps them
 * here besides, so that it needn't look at all. It knows nothing of what it holds.
 */

export class Groups<Key, Item> {
  readonly #groups = new Map<Key, Set<Item>>();

  /** Puts it behind the others of that key; one that is there already stays where it is. */
  add(key: Key, item: Item): void {
    const group = this.#groups.get(key) ?? new Set();
    this.#groups.set(key, group.add(item));
  }

  delete(key: Key, item: Item): void {
    const group = this.#groups.get(key);
    group?.delete(item);
    if (group?.size === 0) this.#groups.delete(key);
  }

  has(key: Key, item: Item): boolean {
    return this.#groups.get(key)?.has(item) ?? false;
  }

  count(key: Key): number {
    return this.#groups.get(key)?.size ?? 0;
  }

  /** Those of that key as they are now, in the order in which they came: what is done with them may change the group. */
  of(key: Key): readonly Item[] {
    return [...(this.#groups.get(key) ?? [])];
  }
}
