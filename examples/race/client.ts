/**
 * The four readers of the race, each as somebody would write it who has nothing else: a timer with `fetch`, a loop with `fetch`, an
 * `EventSource`, and the SDK. They fill what the page shows; they must not know how it looks.
 */
import { createClient, type Store } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import type { channels, LaneName, News } from './channels.ts';

/** What a lane has brought so far. */
export interface Arrived {
  readonly news: number;
  readonly missing: number;
  readonly doubled: number;
  readonly last: News | undefined;
  /** How late the newest were, in ms: the middle one of the last few. */
  readonly delayMs: number | undefined;
  readonly connected: boolean;
}

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

/** The page's own connection, by which it is told what the lanes cost. */
const client = createClient<typeof channels>({ url: '/sync?page' });
export const costs = client.state('lanes').entries;
export const pace = client.state('pace').entries;

const delaysMax = 21;
/** How often the lane that polls asks. */
export const pollMs = 1000;
const retryMs = 1000;

class Lane implements Store<Arrived> {
  #arrived: Arrived = {
    news: 0,
    missing: 0,
    doubled: 0,
    last: undefined,
    delayMs: undefined,
    connected: false,
  };
  #delays: readonly number[] = [];
  readonly #listeners = new Set<() => void>();
  readonly get = (): Arrived => this.#arrived;
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly connected = (connected: boolean): void => {
    if (connected !== this.#arrived.connected) this.#set({ ...this.#arrived, connected });
  };

  readonly take = (all: readonly News[]): void => {
    let { news, missing, doubled, last } = this.#arrived;
    for (const one of all) {
      const step = last ? one.n - last.n : 1;
      if (step < 1) {
        doubled++;
        continue;
      }
      news++;
      missing += step - 1;
      last = one;
      this.#delays = [...this.#delays, Math.max(0, Date.now() - one.at)].slice(-delaysMax);
    }
    const delayMs = [...this.#delays].sort((a, b) => a - b)[this.#delays.length >> 1];
    this.#set({ news, missing, doubled, last, delayMs, connected: true });
  };

  #set(arrived: Arrived): void {
    this.#arrived = arrived;
    for (const listener of this.#listeners) listener();
  }
}

/** Each lane's store. */
export const arrived: Readonly<Record<LaneName, Lane>> = {
  polling: new Lane(),
  'long polling': new Lane(),
  SSE: new Lane(),
  WebSocket: new Lane(),
};

const readers: Readonly<Record<LaneName, (door: string, lane: Lane) => void>> = {
  polling: (door, lane) =>
    repeat(lane, async (at) => {
      const next = sleep(pollMs);
      const answer = await read(`${door}/sync/streams/news?offset=${at}`, lane);
      await next;
      return answer;
    }),
  'long polling': (door, lane) =>
    repeat(lane, (at) =>
      read(`${door}/sync/streams/news?${at === 'now' ? '' : 'live=long-poll&'}offset=${at}`, lane),
    ),
  SSE: (door, lane) => {
    const source = new EventSource(`${door}/sync/streams/news?live=sse&offset=now`);
    source.addEventListener('data', ({ data }) => lane.take(JSON.parse(data)));
    source.addEventListener('open', () => lane.connected(true));
    source.addEventListener('error', () => lane.connected(false));
  },
  WebSocket: (door, lane) => {
    const own = createClient<typeof channels>({ url: `${door}/sync` });
    own.status.subscribe(() => lane.connected(own.status.get().state === 'open'));
    own.stream('news').onMessage(({ data }) => lane.take([data]));
  },
};

/** Starts a lane, whose door is at that port. */
export function start(name: LaneName, port: number): void {
  readers[name](`http://localhost:${port}`, arrived[name]);
}

/** Reads what comes after a place; resolves with the next one. */
async function read(url: string, lane: Lane): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status}`);
  if (answer.status !== 204) lane.take(await answer.json());
  lane.connected(true);
  return answer.headers.get('Stream-Next-Offset') ?? 'now';
}

/** Reads on from place to place, and after a fault a little later from the same one. */
async function repeat(lane: Lane, next: (at: string) => Promise<string>): Promise<void> {
  for (let at = 'now'; ; ) {
    try {
      at = await next(at);
    } catch {
      lane.connected(false);
      await sleep(retryMs);
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tells the server how many news there are to be in a second. */
export function setRate(perSecond: number): void {
  void fetch(`/race/rate/${perSecond}`, { method: 'POST' });
}

/** Cuts the cable of all lanes for five seconds. */
export function cut(): void {
  void fetch('/race/cut/1', { method: 'POST' });
}
