/**
 * Looks at the heads of logs: those that are asked for in one turn go together, so that many open channels cost Redis little. In a
 * Cluster each goes by itself, since logs share no slot. Logs ask it; what follows from a head is their business.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, toSyncError } from '@syncline/protocol/wire';
import type { Link } from './link.ts';
import { loadScript } from './scripts.ts';

const script = loadScript('look');

/** Heads that one call looks at: it takes a fraction of a millisecond. */
const headsMax = 100;

interface Asked {
  readonly meta: string;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: SyncError) => void;
}

export class Looker {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #atOnceMax: number;
  readonly #idleMs: string;
  #asked: Asked[] = [];

  /** @param idleMs for how long a log is kept that nobody uses; undefined: for ever */
  constructor(link: Link, clock: Clock, sharded: boolean, idleMs: number | undefined) {
    this.#link = link;
    this.#clock = clock;
    this.#atOnceMax = sharded ? 1 : headsMax;
    this.#idleMs = idleMs === undefined ? '' : String(idleMs);
  }

  /** What look.lua replies for one log. @throws SyncError as the link */
  look(meta: string): Promise<unknown> {
    if (this.#asked.length === 0) this.#clock.endOfTurn(() => this.#flush());
    return new Promise((resolve, reject) => this.#asked.push({ meta, resolve, reject }));
  }

  #flush(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let i = 0; i < asked.length; i += this.#atOnceMax)
      void this.#run(asked.slice(i, i + this.#atOnceMax));
  }

  async #run(asked: readonly Asked[]): Promise<void> {
    const metas = asked.map(({ meta }) => meta);
    try {
      const heads = await this.#link.run(script, metas[0] ?? '', metas, [this.#idleMs]);
      if (!Array.isArray(heads)) throw new SyncError('unavailable');
      for (const [i, { resolve }] of asked.entries()) resolve(heads[i]);
    } catch (thrown) {
      for (const { reject } of asked) reject(toSyncError(thrown));
    }
  }
}
