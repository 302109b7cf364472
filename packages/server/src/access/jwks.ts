/**
 * The keys of an issuer that publishes them as a set (RFC 7517): fetched when first needed, kept, and fetched anew when they
 * are old or a token names one that isn't there. Each set has one address from the options; no token can change it.
 */
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import { unreachable } from './checks.ts';
import { type Key, type PublicAlgorithm, readKeySet } from './keys.ts';
import { ask } from './outbound.ts';

/** After this a set is fetched anew before it is used, so that a key which the issuer withdrew stops working. */
const freshMs = 600_000;
/** At most one fetch begins in this time, whatever tokens say. */
const betweenMs = 5000;
const keysMax = 100;

export class KeySet {
  readonly #url: URL;
  readonly #algs: readonly PublicAlgorithm[];
  readonly #clock: Clock;
  #keys: readonly Key[] | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  /** Why the last fetch failed; undefined when it didn't. */
  #fault: string | undefined;

  constructor(url: URL, algs: readonly PublicAlgorithm[], clock: Clock) {
    this.#url = url;
    this.#algs = algs;
    this.#clock = clock;
  }

  /**
   * The keys of that name for that algorithm; for a token without a name, the key of a set that has only one.
   *
   * @throws SyncError `unavailable` when they aren't known because the set couldn't be fetched; `too_many` when a key by that name
   * may be new, and the set was asked for a moment ago.
   */
  async find(alg: string, kid: string | undefined): Promise<readonly Key[]> {
    if (!this.#algs.some((known) => known === alg)) return [];
    const askedAt = this.#asking ? undefined : this.#askedAt;
    if (!within(this.#clock.now() - this.#fetchedAt, freshMs) || this.#pick(kid).length === 0)
      await this.#refresh();
    const found = this.#pick(kid);
    if (found.length === 0 && this.#fault !== undefined) throw unreachable(this.#fault);
    if (found.length === 0 && kid !== undefined && askedAt === this.#askedAt) throw this.#tooSoon();
    return found.filter((key) => key.alg === alg);
  }

  /** What is said of a key that may be new while the set can't be asked for again: a client that is told no for certain gives up. */
  #tooSoon(): SyncError {
    const retryMs = Math.max(0, Math.min(betweenMs, this.#askedAt + betweenMs - this.#clock.now()));
    return new SyncError('too_many', 'The key of this token may be too new to be known. Try again.', {
      retryMs,
    });
  }

  #pick(kid: string | undefined): readonly Key[] {
    const keys = this.#keys ?? [];
    if (kid === undefined) return keys.length === 1 ? keys : [];
    return keys.filter((key) => key.kid === kid);
  }

  #refresh(): Promise<void> {
    if (this.#asking) return this.#asking;
    if (within(this.#clock.now() - this.#askedAt, betweenMs)) return Promise.resolve();
    this.#askedAt = this.#clock.now();
    this.#asking = this.#fetch().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Whatever goes wrong, the keys that are known stay. */
  async #fetch(): Promise<void> {
    try {
      const { status, text } = await ask(this.#clock, this.#url);
      const keys = status === 200 ? parse(text, this.#algs) : undefined;
      this.#fault = keys ? undefined : `${this.#url.origin} answered ${status} and no set of keys.`;
      if (!keys) return;
      this.#keys = keys;
      this.#fetchedAt = this.#clock.now();
    } catch (thrown) {
      this.#fault = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : '';
    }
  }
}

/** Whether so little time has passed; a clock that was set back counts as much. */
function within(passed: number, ms: number): boolean {
  return passed >= 0 && passed < ms;
}

/** The keys of a set; undefined for what is no set, is too large, or holds keys but none that can be used. */
function parse(text: string, algs: readonly PublicAlgorithm[]): Key[] | undefined {
  let set: unknown;
  try {
    set = (JSON.parse(text) as { keys?: unknown } | null)?.keys;
  } catch {
    return undefined;
  }
  if (!Array.isArray(set) || set.length > keysMax) return undefined;
  const keys = readKeySet(set, algs);
  return keys.length > 0 || set.length === 0 ? keys : undefined;
}
