/**
 * The documents of a node that can't be folded, and the entries at which that shows. Folders note them and ask when they meet an
 * entry again, so that no document is tried a second time on this node, also when its channel was closed meanwhile. They are
 * forgotten with the node.
 */
import type { SyncError } from '@syncline/protocol';

/** Where a document can't be folded any more. */
export interface Fault {
  /** The entry, or the snapshot that ends there. */
  readonly offset: number;
  /** The entry's check; null for a snapshot. */
  readonly check: number | null;
  /** What is told to those who publish. */
  readonly error: SyncError;
}

/** As many are remembered; the one noted first is forgotten, and tried again when somebody comes. */
const faultsMax = 10_000;

export class Faults {
  readonly #byName = new Map<string, Fault>();

  /** Notes that the channel's document can't be folded beyond that place. */
  note(name: string, fault: Fault): void {
    this.#byName.delete(name);
    this.#byName.set(name, fault);
    const [oldest] = this.#byName.keys();
    if (this.#byName.size > faultsMax && oldest !== undefined) this.#byName.delete(oldest);
  }

  /** What was noted of the place, if it is the same one. */
  at(name: string, offset: number, check: number | null = null): Fault | undefined {
    const fault = this.#byName.get(name);
    if (fault?.offset !== offset) return undefined;
    return fault.check === null || check === null || fault.check === check ? fault : undefined;
  }
}
