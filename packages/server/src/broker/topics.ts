/**
 * Who in this process hears which topic, and the telling: each is told until it stops, and what one throws is warned of and
 * harms no other. What nodes tell each other goes through it. It knows no way to another node.
 */

export class Topics {
  readonly #byTopic = new Map<string, Set<(text: string) => void>>();

  /** Adds a listener; the function returned removes it, and says whether nobody hears the topic any more. */
  add(topic: string, onText: (text: string) => void): () => boolean {
    const listener = (text: string): void => onText(text);
    const all = this.#byTopic.get(topic) ?? new Set();
    this.#byTopic.set(topic, all.add(listener));
    return () => {
      if (!all.delete(listener) || all.size > 0) return false;
      return this.#byTopic.get(topic) === all && this.#byTopic.delete(topic);
    };
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  tell(topic: string, text: string): void {
    for (const listener of [...(this.#byTopic.get(topic) ?? [])]) {
      try {
        listener(text);
      } catch (thrown) {
        const why = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
        process.emitWarning(`Something that hears "${topic}" threw: ${why}`);
      }
    }
  }

  clear(): void {
    this.#byTopic.clear();
  }
}
