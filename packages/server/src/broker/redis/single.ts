/**
 * The topology of a single Redis: one place for everything, wherever it is found. Where Sentinels name the master, they are asked
 * each time a connection is made. It knows no slots.
 */
import type { Address } from './connection.ts';
import { Place } from './place.ts';
import type { PlaceTools, Route, Topology } from './topology.ts';

export class Single implements Topology {
  readonly sharded = false;
  readonly ready: Promise<void>;
  readonly #place: Place;
  readonly #onClose: () => void;

  /**
   * @param name what sentences call it
   * @param onClose ends what finds it
   */
  constructor(tools: PlaceTools, name: string, find: () => Promise<Address>, onClose: () => void = () => {}) {
    this.#onClose = onClose;
    const { dial, condition, prefix, id, commandMs, replicated, onMessage, onDown } = tools;
    this.#place = new Place({
      dial,
      condition,
      name,
      sharded: false,
      commandMs,
      replicated,
      find,
      check: (connection) => tools.check(connection, 'standalone'),
      probe: { topic: () => `${prefix}:probe:${id}`, holds: () => true },
      onMessage,
      onSubscriber: (connection) => tools.onSubscriber(this.#place, connection),
      onDown,
    });
    this.ready = this.#place.ready;
  }

  /** Leaves connections that lead elsewhere: this is where it is now. */
  foundAt(address: Address): void {
    this.#place.foundAt(address);
  }

  placeOf(): Place {
    return this.#place;
  }

  places(): readonly Place[] {
    return [this.#place];
  }

  async redirect(): Promise<Route | undefined> {
    return undefined;
  }

  refresh(): void {
    // Where it is, is asked with each connection.
  }

  close(): void {
    this.#place.close();
    this.#onClose();
  }
}
