/**
 * Somebody who has a connection straight to a node, asks for nothing, and notes for how long the node says nothing: over a WebSocket
 * or as a link of server-sent events. The crowd has one of each for each node; no fault is meant for their way.
 */
import { decodeServer } from '@syncline/protocol/wire';
import { monotonicMs, type Recorder } from './history.ts';

export class Witness {
  readonly node: string;
  readonly via: 'websocket' | 'sse';
  readonly #recorder: Recorder;
  readonly #port: number;
  readonly #over = new AbortController();
  #heartbeatMs = 0;
  #since = 0;
  #last = 0;
  #worstMs = 0;
  #there = false;

  constructor(node: string, port: number, via: 'websocket' | 'sse', recorder: Recorder) {
    this.node = node;
    this.via = via;
    this.#port = port;
    this.#recorder = recorder;
    if (via === 'websocket') this.#enter();
    else
      this.#link()
        .catch(() => {})
        .finally(() => this.#ended());
  }

  /** Whether its connection is open: each is a session. */
  get open(): boolean {
    return this.#there;
  }

  close(): void {
    this.#ended();
    this.#over.abort();
  }

  #enter(): void {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/sync`, ['syncline.v1']);
    socket.onmessage = ({ data }) => this.#heard(String(data));
    socket.onclose = () => this.#ended();
    this.#over.signal.addEventListener('abort', () => socket.close());
  }

  async #link(): Promise<void> {
    const address = `http://127.0.0.1:${this.#port}/sync/link`;
    const { signal } = this.#over;
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(address, { method: 'POST', headers, body: '{"as":"sse"}', signal });
    let name = '';
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const named = /^link: ?(\S+)/m.exec(chunk)?.[1];
      if (named) this.#recorder.tell('crowd', { type: 'secret', what: 'the name of a link', text: named });
      name = named ?? name;
      this.#heard(/^data: ?(.*)$/m.exec(chunk)?.[1] ?? '');
      // A ping is a line that begins with a colon; the sign of life is a post without frames (rule L6).
      if (/^:/m.test(chunk))
        void fetch(`${address}/frames?n=1`, {
          method: 'POST',
          headers: { 'Syncline-Link': name },
          signal,
        }).catch(() => {});
    }
  }

  #heard(text: string): void {
    const now = monotonicMs();
    if (this.#since > 0) this.#worstMs = Math.max(this.#worstMs, now - this.#last);
    this.#last = now;
    const frame = this.#since > 0 ? undefined : decodeServer(text);
    if (frame?.type !== 'welcome') return;
    this.#heartbeatMs = frame.heartbeatMs;
    this.#since = now;
    this.#there = true;
  }

  #ended(): void {
    if (!this.#there) return;
    this.#there = false;
    const now = monotonicMs();
    this.#recorder.tell('crowd', {
      type: 'heard',
      node: this.node,
      via: this.via,
      heartbeatMs: this.#heartbeatMs,
      livedMs: now - this.#since,
      worstMs: Math.max(this.#worstMs, now - this.#last),
    });
  }
}
