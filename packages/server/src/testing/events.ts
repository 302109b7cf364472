/**
 * Reads server-sent events as a browser would, for tests: what came is waited for, never slept for. It is no part of what the package
 * exports.
 */
import { onTestFinished } from 'vitest';
import { within } from './wire.ts';

export interface ServerEvent {
  readonly event: string;
  /** The last id that came, with this event or before it. */
  readonly id: string;
  readonly data: string;
}

export class EventReader {
  readonly response: Response;
  /** What came between events: lines that are none. */
  comments = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #abort: AbortController;
  #text = '';
  #id = '';

  private constructor(
    response: Response,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    abort: AbortController,
  ) {
    this.response = response;
    this.#reader = reader;
    this.#abort = abort;
  }

  /** Asks for events. @throws what the server answered, where that is none */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const response = await within(fetch(url, { headers, signal: abort.signal }), 'the head of an answer');
    if (response.status !== 200 || !response.body)
      throw new Error(`${response.status} ${await response.text()}`);
    return new EventReader(response, response.body.getReader(), abort);
  }

  /** The next event; undefined when the stream has ended. */
  async next(): Promise<ServerEvent | undefined> {
    for (;;) {
      const found = this.#take();
      if (found) return found;
      const { done, value } = await within(this.#reader.read(), 'an event');
      if (done) {
        this.comments += this.#text.split('\n').filter((line) => line.startsWith(':')).length;
        return undefined;
      }
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** What comes as data until the reader is up to date, and the place where it stands then. */
  async upToDate(): Promise<{ readonly data: readonly string[]; readonly next: string }> {
    const data: string[] = [];
    for (;;) {
      const event = await this.next();
      if (!event) throw new Error(`The stream ended after ${JSON.stringify(data)}.`);
      if (event.event === 'data') data.push(event.data);
      const told = event.event === 'control' ? JSON.parse(event.data) : {};
      if (told.upToDate === true || told.streamClosed === true) return { data, next: told.streamNextOffset };
    }
  }

  close(): void {
    this.#abort.abort();
  }

  #take(): ServerEvent | undefined {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end < 0) return undefined;
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      let event = 'message';
      const data: string[] = [];
      for (const line of lines) {
        const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (name === '') this.comments++;
        else if (name === 'event') event = value;
        else if (name === 'id') this.#id = value;
        else if (name === 'data') data.push(value);
      }
      if (data.length > 0) return { event, id: this.#id, data: data.join('\n') };
    }
  }
}
