/**
 * What mounted components say in a presence. Several may be there, and React unmounts and mounts again what only changes; so what
 * they come to is said once they have all had their word. The hook says it here; nothing else enters or leaves.
 */
import type { Presence, SyncError } from '@syncline/client';

interface Saying {
  readonly data: unknown;
}

/** What components say in one presence. */
class Voice {
  readonly #presence: Presence<unknown>;
  /** In the order in which they came; the last one counts. */
  readonly #all = new Set<Saying>();
  #said: Saying | undefined;

  constructor(presence: Presence<unknown>) {
    this.#presence = presence;
  }

  say(data: unknown): () => void {
    const saying: Saying = { data };
    this.#all.add(saying);
    void this.#tell();
    return () => {
      this.#all.delete(saying);
      void this.#tell();
    };
  }

  /** After the components of this turn, whichever these are. */
  async #tell(): Promise<void> {
    await undefined;
    const last = [...this.#all].at(-1);
    if (last === this.#said) return;
    this.#said = last;
    try {
      await (last ? this.#presence.enter(last.data) : this.#presence.leave());
    } catch (error) {
      // A client that was closed is in nothing. Of all else the page hears as of any rejection that nobody handles.
      if ((error as SyncError).code !== 'closed') throw error;
    }
  }
}

const voices = new WeakMap<Presence<unknown>, Voice>();

/** Says it until what is returned is called. */
export function say(presence: Presence<unknown>, data: unknown): () => void {
  const voice = voices.get(presence) ?? new Voice(presence);
  voices.set(presence, voice);
  return voice.say(data);
}
