/**
 * Several transports as one: they are tried in order, what worked is remembered for a while, and those before it are tried again in
 * between. HTTP transports bring it along, so who has WebSocket alone loads nothing of it. Of frames it knows the one by which a server says
 * that it leaves.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Link, LinkHandlers, Transport } from './transport.ts';

/** How long one may say nothing before the next is begun beside it; whichever speaks first is taken. In ms. */
const headStartMs = 3_000;
/** How long what worked is begun with, in ms. */
const rememberMs = 3_600_000;
/** After how long those before it are tried again for the first time, and then after twice as long each time; in ms. */
const againMs = 60_000;
const againMsMax = 900_000;

/** What worked. A page that is loaded anew finds it in its session's storage. */
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
    this.#order = new Set([this.#recall(), ...all.keys()]);
  }

  get bufferedAmount(): number {
    return this.#taken?.bufferedAmount ?? 0;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#taken?.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#over = true;
    this.#cancel();
    for (const link of this.#links) link.close(code, reason);
  }

  /** Begins the next one, if there is one. @throws what the last of them threw, where nothing else was begun */
  next(): void {
    this.#cancel();
    for (const place of this.#order) {
      this.#order.delete(place);
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
        if (this.#taken === link) this.#handlers.message(data);
      },
      close: (code, reason) => {
        if (link) this.#links.delete(link);
        if (this.#over || (this.#taken && this.#taken !== link)) return;
        if (this.#taken || this.#links.size + this.#order.size === 0) this.#fail(code, reason);
        else this.next();
      },
    });
    if (link) this.#links.add(link);
  }

  /** One has said something, so it works. */
  #take(link: Link, place: number): void {
    this.#taken = link;
    this.#order.clear();
    this.#cancel();
    for (const other of this.#links) if (other !== link) other.close(1000);
    this.#remember(place);
    if (place > 0) this.#again(place, againMs);
  }

  /** Later tries those before it, without a word of who it is: an error proves as much as a welcome that something comes through. */
  #again(place: number, ms: number): void {
    this.#cancel = this.#clock.timer(ms, () => {
      const probe = inOrder(this.#all.slice(0, place), this.#clock).open(this.#url, undefined, {
        message: () => {
          probe.close(1000);
          this.#links.delete(probe);
          // What a server says that leaves: the owner makes the next link before it breaks this one, and loses nothing (rule L3).
          this.#handlers.message('["bye","There is a better way.",0]');
        },
        close: () => this.#again(place, Math.min(2 * ms, againMsMax)),
      });
      this.#links.add(probe);
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

  /** The place of the one to begin with. */
  #recall(): number {
    let text = worked.get(this.#key);
    try {
      text ??= globalThis.sessionStorage?.getItem(this.#key) ?? undefined;
    } catch {
      // As below.
    }
    const [place = 0, until = 0] = (text ?? '').split(' ').map(Number);
    return until > this.#clock.now() && this.#all[place] ? place : 0;
  }

  #remember(place: number): void {
    const text = `${place} ${this.#clock.now() + rememberMs}`;
    worked.set(this.#key, text);
    try {
      globalThis.sessionStorage?.setItem(this.#key, text);
    } catch {
      // A page that may keep nothing remembers until it is loaded anew.
    }
  }
}
