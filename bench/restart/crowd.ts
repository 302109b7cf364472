/**
 * The clients of a rolling restart: so many of the SDK as it is, all subscribed to one channel through the proxy, and one
 * more that publishes at a fixed rate, whatever happens. It tells what they noticed; it doesn't know who restarts when.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Client, createClient } from '@syncline/client';
import { obey } from '../servers/control.ts';
import { median } from '../statistics.ts';
import { countSockets } from './sockets.ts';
import { Tally } from './tally.ts';

/** What all of them noticed. */
export interface Noticed {
  readonly published: number;
  readonly delivered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly drained: boolean;
  readonly longestGapMs: number;
  readonly medianGapMs: number;
  readonly p99Ms: number;
  readonly longestDelayMs: number;
  readonly reconnects: number;
  readonly overlaps: number;
  readonly failedAttempts: number;
}

const CHANNEL = 'bench/restart';
const TICK_MS = 4;
/** How long what is on its way when nobody publishes any more may take. */
const DRAIN_MS = 10_000;

const [count = 0, rate = 0, ...ports] = process.argv.slice(2).map(Number);
const sockets = countSockets();
const proxy = new Worker(new URL('./proxy.ts', import.meta.url), { workerData: { ports } });
const [port] = (await once(proxy, 'message')) as [number];
const delaysMs: number[] = [];
const tallies = Array.from({ length: count }, () => new Tally());
const complaints = new Set<string>();
const stored: Promise<unknown>[] = [];
let published = 0;

function connect(name: string): Client {
  const url = `ws://127.0.0.1:${port}/sync?client=${name}`;
  return createClient({ url, onError: (error) => complaints.add(String(error)) });
}

/** Subscribes one client; resolves when it is live. */
function follow(tally: Tally, i: number): Promise<void> {
  const channel = connect(String(i)).stream(CHANNEL);
  channel.onMessage(({ data }) => {
    const { n, due } = data as { n: number; due: number };
    const now = performance.now();
    if (tally.take(n, now)) delaysMs.push(now - due);
  });
  return new Promise((resolve) => {
    const look = (): void => {
      if (channel.freshness.get().state !== 'live') return;
      stop();
      resolve();
    };
    const stop = channel.freshness.subscribe(look);
    look();
  });
}

/** Publishes what is due, each with the time it was due. */
const author = connect('author').stream(CHANNEL);
let timer: NodeJS.Timeout | undefined;
async function begin(): Promise<object> {
  const from = performance.now();
  const publishDue = (): void => {
    const due = from + (published * 1000) / rate;
    if (due > performance.now()) return;
    stored.push(
      author.publish({ n: ++published, due }).catch((error) => complaints.add(`publish: ${error}`)),
    );
    publishDue();
  };
  timer = setInterval(publishDue, TICK_MS);
  return {};
}

async function finish(): Promise<Noticed> {
  clearInterval(timer);
  const until = performance.now() + DRAIN_MS;
  const missing = (): number => tallies.reduce((sum, tally) => sum + tally.lost(published), 0);
  await Promise.race([Promise.all(stored), sleep(DRAIN_MS)]);
  while (missing() > 0 && performance.now() < until) await sleep(20);
  if (complaints.size > 0) console.error(`    clients said: ${[...complaints].join('; ')}`);
  const sum = (pick: (tally: Tally) => number): number =>
    tallies.reduce((all, tally) => all + pick(tally), 0);
  const gaps = tallies.map((tally) => tally.longestGapMs);
  const delays = delaysMs.sort((a, b) => a - b);
  return {
    published,
    delivered: sum((tally) => tally.delivered),
    lost: missing(),
    doubled: sum((tally) => tally.doubled),
    drained: missing() === 0,
    longestGapMs: Math.max(...gaps),
    medianGapMs: median(gaps),
    p99Ms: delays[Math.floor(delays.length * 0.99)] ?? Number.NaN,
    longestDelayMs: delays.at(-1) ?? Number.NaN,
    reconnects: sockets.opened - first,
    overlaps: sockets.overlaps,
    failedAttempts: sockets.failed,
  };
}

await Promise.all(tallies.map(follow));
await author.history();
const first = sockets.opened;
obey({}, { begin, finish });
