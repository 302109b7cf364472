/**
 * Several transports as one: they are tried in order, what worked is remembered for a while, and those before it are tried again in
 * between. HTTP transports bring it along, so who has WebSocket alone loads nothing of it. Of frames it knows the one by which a server says
 * that it leaves, and the one that asks for a sign of life.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Link, LinkHandlers, Transport } from './transport.ts';

/** How long one may say nothing before the next is begun beside it; whichever speaks first is taken. In ms. */
const headStartMs = 3_000;
/** One that says nothing more for so long after it was asked something, and is given up then, is doubted; in ms. */
const silentMs = 1_000;
/** How long what worked is begun with, in ms. */
const rememberMs = 3_600_000;
/** After how long those before it are tried again for the first time, and then after twice as long each time; in ms. */
const againMs = 60_000;
const againMsMax = 900_000;

/** How long that may take, in ms. */
const probeMs = 10_000;

/** In which order to begin, and until when, by server. A page that is loaded anew finds it in its session's storage. */
const worked = new Map<string, string>();

/** One transport of several. */
export function inOrder(all: readonly Transport[], clock: Clock): Transport {
  return {
    open: (url, token, handlers) => {
      const trial = new Trial(all, clock, url, token, handlers);
      trial.next();
      trial.returned = true;
      return trial;
    },
  };
}

class Trial implements Link {
  /** Whether the owner has this, and can be told something. */
  returned = false;
  readonly #all: readonly Transport[];
  readonly #clock: Clock;
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #handlers: LinkHandlers;
  /** Those that are still to be begun, by their places in the list. */
  readonly #order: Set<number>;
  /** Those that were begun and haven't failed. */
  readonly #links = new Set<Link>();
  #taken: Link | undefined;
  #place = 0;
  /** How often the one that was taken has said something. Some proxies let the first word through and nothing after it. */
  #words = 0;
  /** When it was asked something first, in ms since 1970. */
  #askedAt = Number.POSITIVE_INFINITY;
  #over = false;
  #cancel: Cancel = () => {};

  constructor(
    all: readonly Transport[],
    clock: Clock,
    url: string,
    token: string | undefined,
    handlers: LinkHandlers,
  ) {
    this.#all = all;
    this.#clock = clock;
    this.#url = url;
    this.#token = token;
    this.#handlers = handlers;
    this.#order = this.#recall();
  }

  get bufferedAmount(): number {
    return this.#taken?.bufferedAmount ?? 0;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#askedAt = Math.min(this.#askedAt, this.#clock.now());
    this.#taken?.send(data);
  }

  close(code?: number, reason?: string): void {
    if (!this.#over && this.#clock.now() - this.#askedAt >= silentMs) this.#doubt();
    this.#over = true;
    this.#cancel();
    for (const link of this.#links) link.close(code, reason);
  }

  /** Begins the next one, if there is one. @throws what the last of them threw, where nothing else was begun */
  next(): void {
    this.#cancel();
    for (const place of this.#order) {
      this.#order.delete(place);
      if (!this.#all[place]) continue;
      try {
        this.#begin(place);
        this.#cancel = this.#clock.timer(headStartMs, () => this.next());
        return;
      } catch (thrown) {
        if (this.#order.size + this.#links.size > 0) continue;
        if (!this.returned) throw thrown;
        this.#fail(1006, '');
      }
    }
  }

  #begin(place: number): void {
    const link = this.#all[place]?.open(this.#url, this.#token, {
      message: (data) => {
        if (this.#over || !link) return;
        if (!this.#taken) this.#take(link, place);
        if (this.#taken !== link) return;
        if (++this.#words === 2) this.#remember([place]);
        this.#handlers.message(data);
      },
      close: (code, reason) => {
        if (link) this.#links.delete(link);
        if (this.#over || (this.#taken && this.#taken !== link)) return;
        // A code says that the end was heard of.
        if (this.#words === 1 && code !== 1006) this.#remember([place]);
        else if (this.#askedAt <= this.#clock.now()) this.#doubt();
        if (this.#taken || this.#links.size + this.#order.size === 0) this.#fail(code, reason);
        else this.next();
      },
    });
    if (link) this.#links.add(link);
  }

  /** One has said something, so it works. */
  #take(link: Link, place: number): void {
    this.#taken = link;
    this.#place = place;
    this.#order.clear();
    this.#cancel();
    for (const other of this.#links) if (other !== link) other.close(1000);
    if (place > 0) this.#again(place, againMs);
  }

  /** It was asked, and never said a second word: next time it is tried last. */
  #doubt(): void {
    if (this.#words > 1) return;
    const order = this.#recall();
    order.delete(this.#place);
    this.#remember([...order, this.#place]);
  }

  /** Later tries those before it, without a word of who it is: an error proves as much as an answer that something comes through. */
  #again(place: number, ms: number): void {
    this.#cancel = this.#clock.timer(ms, () => {
      let words = 0;
      let probe: Link | undefined;
      const end = (works: boolean): void => {
        this.#cancel();
        if (probe) this.#links.delete(probe);
        probe?.close(1000);
        // What a server says that leaves: the owner makes the next link before it breaks this one, and loses nothing (rule L3).
        if (works) this.#handlers.message('["bye","There is a better way.",0]');
        else this.#again(place, Math.min(2 * ms, againMsMax));
      };
      try {
        probe = inOrder(this.#all.slice(0, place), this.#clock).open(this.#url, undefined, {
          message: () => (words++ ? end(true) : probe?.send('["heartbeat"]')),
          close: (code) => end(words > 0 && code !== 1006),
        });
        this.#links.add(probe);
        this.#cancel = this.#clock.timer(probeMs, () => end(false));
      } catch {
        // What can't even be tried here may be, one day.
        end(false);
      }
    });
  }

  #fail(code: number, reason: string): void {
    this.#over = true;
    this.#cancel();
    this.#handlers.close(code, reason);
  }

  get #key(): string {
    // What stands behind it may be a secret.
    return `syncline ${this.#url.split('?')[0]}`;
  }

  /** The order in which to try them, by their places; there may be some that aren't in the list. */
  #recall(): Set<number> {
    let text = worked.get(this.#key);
    try {
      text ??= globalThis.sessionStorage?.getItem(this.#key) ?? undefined;
    } catch {
      // As below.
    }
    const [until = 0, ...places] = (text ?? '').split(' ').map(Number);
    const known = until > this.#clock.now() ? places.filter((place) => place in this.#all) : [];
    return new Set([...known, ...this.#all.keys()]);
  }

  /** @param first which to begin with */
  #remember(first: readonly number[]): void {
    const text = [this.#clock.now() + rememberMs, ...first].join(' ');
    worked.set(this.#key, text);
    try {
      globalThis.sessionStorage?.setItem(this.#key, text);
    } catch {
      // A page that may keep nothing remembers until it is loaded anew.
    }
  }
}
