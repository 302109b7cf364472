/**
 * Clients by hand that have a token and none of the SDK's manners: they ask for more than they may, keep what they were let into for as
 * long as it lets them, and come back whatever they were told. Whatever comes they put down; the crowd has some of them.
 */
import { decodeServer, encodeClient } from '@syncline/protocol/wire';
import type { Recorder, Told } from './history.ts';

export interface StrangerPlan {
  readonly name: string;
  readonly port: number;
  readonly token: string;
  /** What it asks for, and which of that it may read. */
  readonly wants: readonly string[];
  readonly may: readonly string[];
  /** By frames over a WebSocket, or by events of plain HTTP: then it reads the first channel that it wants. */
  readonly by: 'frames' | 'events';
}

/** How soon after the end of a connection comes another. */
const againMs = 500;
const ids = /"id":"([^"]+)"/g;

export class Stranger {
  readonly plan: StrangerPlan;
  /** Channels of which it knows whether it gets them. */
  readonly #known = new Set<string>();
  readonly #recorder: Recorder;
  readonly #over = new AbortController();
  /** Subscriptions that are open now. */
  #open = new Set<string>();
  #there = false;
  #got = 0;
  #loses: 'waits' | 'told' | undefined;
  #socket: WebSocket | undefined;

  constructor(plan: StrangerPlan, recorder: Recorder) {
    this.plan = plan;
    this.#recorder = recorder;
    this.#tell({ type: 'may', channels: plan.may });
    this.#dial();
  }

  /** Whether anything came. */
  get got(): boolean {
    return this.#got > 0;
  }

  /** Its rights were withdrawn. */
  loses(): void {
    this.#loses ??= 'waits';
  }

  /** What is still to come right: all it asked for has to be answered, once, and where that counts its rights to end once they were withdrawn. */
  left(counts: boolean): string[] {
    const { name, wants } = this.plan;
    const open = wants
      .filter((channel) => !this.#known.has(channel))
      .map((channel) => `${name} asks for ${channel}`);
    return counts && this.#loses === 'waits'
      ? [...open, `${name} was not told that its rights are withdrawn`]
      : open;
  }

  get open(): { readonly sessions: number; readonly subscriptions: number } {
    return { sessions: this.#there ? 1 : 0, subscriptions: this.#open.size };
  }

  close(): void {
    this.#over.abort();
    this.#socket?.close();
  }

  #dial(): void {
    if (this.#over.signal.aborted) return;
    if (this.plan.by === 'frames') return this.#enter();
    this.#read()
      .catch(() => {})
      .finally(() => this.#ended());
  }

  #ended(): void {
    this.#there = false;
    this.#open = new Set();
    setTimeout(() => this.#dial(), againMs);
  }

  #enter(): void {
    const { port, token, wants } = this.plan;
    const offers = ['syncline.v1', 'syncline.v1.tell', `bearer.${token}`];
    const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, offers);
    const names = new Map<number, string>();
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const frame = decodeServer(String(data));
      if (frame?.type === 'welcome') {
        this.#there = true;
        for (const [i, channel] of wants.entries())
          socket.send(encodeClient({ type: 'subscribe', ref: i + 1, channel, start: 0 }));
      }
      if (frame?.type === 'subscribed') this.#begins(names, frame.id, wants[frame.ref - 1] ?? '');
      if (frame?.type === 'error') this.#denied(wants[(frame.ref ?? 0) - 1], frame.code, frame.message);
      if (frame?.type === 'revoked') {
        this.#denied(names.get(frame.id), frame.code, frame.message);
        this.#open.delete(names.get(frame.id) ?? '');
      }
      if (frame?.type === 'entries')
        for (const entry of frame.entries) this.#take(names.get(frame.id) ?? '?', String(entry));
    };
    socket.onclose = ({ code, reason }) => {
      if (code >= 4000) this.#denied(undefined, `close ${code}`, reason);
      this.#ended();
    };
  }

  #begins(names: Map<number, string>, id: number, channel: string): void {
    names.set(id, channel);
    this.#open.add(channel);
    this.#known.add(channel);
  }

  /** Server-sent events of a channel, until they end. */
  async #read(): Promise<void> {
    const { port, token, wants } = this.plan;
    const [channel = ''] = wants;
    const answer = await fetch(`http://127.0.0.1:${port}/sync/streams/${channel}?offset=now&live=sse`, {
      headers: { Authorization: `Bearer ${token}` },
      signal: this.#over.signal,
    });
    if (!answer.ok || !answer.body) {
      const says = await answer.text();
      return this.#denied(channel, /"code":"(\w+)"/.exec(says)?.[1] ?? String(answer.status), says);
    }
    this.#there = true;
    this.#open.add(channel);
    this.#known.add(channel);
    let kept = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (kept + chunk).split('\n');
      kept = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data:')) this.#take(channel, line);
    }
  }

  #take(channel: string, text: string): void {
    for (const [, id = ''] of text.matchAll(ids)) {
      this.#got++;
      this.#tell({ type: 'got', channel, id });
    }
  }

  #denied(channel: string | undefined, code: string, says: string): void {
    if (channel !== undefined) this.#known.add(channel);
    if (code === 'revoked') this.#loses = 'told';
    this.#tell({ type: 'denied', of: channel ?? 'the connection', code, says });
  }

  #tell(told: Told): void {
    this.#recorder.tell(this.plan.name, told);
  }
}
