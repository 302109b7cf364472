/**
 * A link over plain HTTP: what is sent goes up in numbered posts, one at a time and each repeated until it is answered, so none is lost
 * or taken twice. How frames come down is told by sse.ts and long-poll.ts. Of frames it knows the one by
 * which a server refuses.
 */
import { type Cancel, type Clock, isErrorCode, steps } from '@syncline/protocol/wire';
import { backoff } from '../timing.ts';
import { inOrder } from './order.ts';
import type { Fallback, Link, LinkHandlers } from './transport.ts';

/** Frames that wait are posted together up to so many characters. */
const postCharsMax = 16_384;
/** What is short enough leaves even when the page goes meanwhile: browsers let 64 KiB of that be under way. */
const keptCharsMax = 8_192;
/** How often in a row a request may fail before the link is given up. */
const failuresMax = 4;
/** How long what was sent before the end may take to leave, in ms. */
const closeMs = 2_000;

/** Reads what comes down, from the answer to the first request on, until the link ends. */
export type Down = (link: HttpLink, first: Response) => Promise<void>;

/** @param as what the server is asked for; @param get what makes requests. Default: the platform's `fetch` */
export function httpTransport(
  as: string,
  down: Down,
  clock: Clock,
  get: typeof fetch = (...request) => fetch(...request),
): Fallback {
  return {
    open: (url, token, handlers) => new HttpLink(clock, handlers, url, get).begin(as, token, down),
    among: (all) => inOrder(all, clock),
  };
}

export class HttpLink implements Link {
  bufferedAmount = 0;
  readonly #clock: Clock;
  readonly #handlers: LinkHandlers;
  readonly #url: URL;
  readonly #get: typeof fetch;
  readonly #over = new AbortController();
  /** The server's name for this link, which is a secret. */
  #id = '';
  /** Frames that no post was answered for. */
  #lines: string[] = [];
  #posts = 0;
  #posting = false;
  #closing = false;
  /** Of what came down: the lines of an event that isn't whole yet, and as much as came of the next line. */
  #data: string[] = [];
  #rest = '';
  #late: Cancel | undefined;

  constructor(clock: Clock, handlers: LinkHandlers, url: string, get: typeof fetch) {
    this.#get = get;
    this.#clock = clock;
    this.#handlers = handlers;
    this.#url = new URL(url.replace(/^ws/, 'http'));
    this.#url.pathname = this.#url.pathname.replace(/\/?$/, '/link');
  }

  /** Asks for the link. @throws TypeError for a token that can't stand in a header */
  begin(as: string, token: string | undefined, down: Down): this {
    const headers = new Headers({ 'Content-Type': 'application/json' });
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    const end = () => this.end();
    this.#fetch(this.#url, { method: 'POST', headers, body: JSON.stringify({ as }) })
      .then(async (first) => (first.ok ? down(this, first) : this.#refused(await first.text())))
      .then(end, end);
    // What else is asked needs no more than the link's name.
    this.#url.search = '';
    this.#url.pathname += '/frames';
    return this;
  }

  send(data: string | Uint8Array): void {
    const line = typeof data === 'string' ? data : btoa(Array.from(data, letter).join(''));
    this.bufferedAmount += line.length;
    this.#lines.push(line);
    this.#post();
  }

  close(): void {
    this.#closing = true;
    this.#late ??= this.#clock.timer(closeMs, () => this.end());
    if (this.#id) this.#post();
    else this.end();
  }

  /** The server has named the link. */
  named(id: string): void {
    this.#id = id;
    this.#post();
  }

  /** Takes what came down, wherever it was cut: events, whose lines are told apart by how they begin (rule L5). */
  read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#closing || this.#over.signal.aborted) return;
      const at = line.indexOf(':');
      const value = line.slice(at + 1);
      const name = line.slice(0, Math.max(at, 0));
      if (name === 'data') this.#data.push(value);
      else if (name === 'link') this.named(value);
      else if (name === 'close') this.end(Number.parseInt(value, 10), value.slice(5));
      else if (line === ':') this.#post(true);
      else if (!line) this.#tell(this.#data.splice(0).join('\n'));
    }
  }

  /**
   * Asks something of the link, and again where that failed for a reason that passes.
   *
   * @returns what it is answered with; undefined when the link has ended
   */
  async ask(query: string, init?: RequestInit): Promise<string | undefined> {
    for (let failures = 0; !this.#over.signal.aborted; failures++) {
      const url = new URL(this.#url);
      url.search = query;
      const headers = { 'Syncline-Link': this.#id };
      let status = 500;
      let text = '';
      try {
        const response = await this.#fetch(url, { ...init, headers });
        text = await response.text();
        status = response.status;
      } catch {
        // It failed as one that a proxy answers, and may be repeated likewise.
      }
      if (status < 300) return text;
      if (status < 500 && status !== 429) this.#refused(text);
      else if (failures === failuresMax) this.end();
      else
        await new Promise<void>((done) => this.#clock.timer(backoff(failures, this.#clock.random()), done));
    }
    return undefined;
  }

  /** The link is over; its owner is told, unless it is over because of them. */
  end(code = 1006, reason = ''): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#late?.();
    if (!this.#closing) this.#handlers.close(code, reason);
  }

  #fetch(url: URL, init: RequestInit): Promise<Response> {
    return this.#get(url, { ...init, credentials: 'include', signal: this.#over.signal });
  }

  /** Posts what waits. @param alive also where nothing does: the server is to know that somebody is here */
  #post(alive = false): void {
    if (this.#posting || !this.#id) return;
    this.#posting = true;
    void this.#postAll(alive);
  }

  async #postAll(alive: boolean): Promise<void> {
    // What is sent in this turn goes together.
    await null;
    for (let first = alive; first || this.#closing || this.#lines.length > 0; first = false) {
      let count = 0;
      let chars = 0;
      for (const { length } of this.#lines) {
        if (count > 0 && chars + length > postCharsMax) break;
        chars += length;
        count++;
      }
      const last = this.#closing && count === this.#lines.length;
      const body = this.#lines.slice(0, count).join('\n');
      const init = { method: 'POST', body, keepalive: chars < keptCharsMax };
      const answer = await this.ask(`n=${this.#posts + 1}${last ? '&end' : ''}`, init);
      if (last || answer === undefined) return this.end();
      if (count > 0) this.#posts++;
      this.#lines.splice(0, count);
      this.bufferedAmount -= chars;
    }
    this.#posting = false;
  }

  #tell(frame: string): void {
    const text = frame.startsWith('[');
    if (frame) this.#handlers.message(text ? frame : Uint8Array.from(atob(frame), number).buffer);
  }

  /** The server says why not, as it would on a WebSocket; what somebody else on the way says counts for nothing. */
  #refused(text: string): void {
    try {
      const { code, message, detail = null } = JSON.parse(text).error;
      if (isErrorCode(code)) {
        this.#handlers.message(JSON.stringify(['error', null, code, message, detail]));
        this.end(steps[code].close, message);
      }
    } catch {
      // No word of the server's.
    }
    this.end();
  }
}

function letter(byte: number): string {
  return String.fromCharCode(byte);
}

function number(letters: string): number {
  return letters.charCodeAt(0);
}
