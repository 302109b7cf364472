/**
 * The clients of a document scenario, all of one SDK: they edit at a fixed rate, open many documents, or join a large one,
 * and tell what they noticed. What is measured at the server is the runner's business.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as Y from 'yjs';
import { obey } from '../servers/control.ts';
import { median, quantile } from '../statistics.ts';
import { type Opened, opens } from './provider.ts';

/** What a scenario says of its crowd; each mode reads what it needs. */
interface Settings {
  readonly mode: 'edit' | 'open' | 'join';
  /** Clients; with `edit` the first `writers` of them write. */
  readonly clients: number;
  readonly writers: number;
  /** Edits per second of each writer. */
  readonly rate: number;
  readonly seconds: number;
  readonly documents: number;
  /** Text in the document that is joined, in bytes. */
  readonly bytes: number;
}

const TICK_MS = 4;
const DRAIN_MS = 10_000;
const WARMUP_MS = 1_000;
const JOINS = 9;
const SHAPES = 200;
const PIECE = 1024;

const [contender = '', port = '', text = '{}'] = process.argv.slice(2);
const settings = JSON.parse(text) as Settings;
const open = (name: string): Opened => {
  const how = opens[contender];
  if (!how) throw new Error(`nobody here speaks to ${contender}`);
  return how(Number(port), name);
};

/** Everyone has one document open; writers push what is due with the time it was due, and everyone notes what comes. */
async function edit(): Promise<object> {
  const { clients, writers, rate, seconds } = settings;
  const everyone = Array.from({ length: clients }, () => open('shared'));
  await Promise.all(everyone.map((one) => one.synced()));
  const delays: number[] = [];
  let delivered = 0;
  let measuring = false;
  for (const { doc } of everyone) {
    doc.getArray<number>('log').observe(({ changes, transaction }) => {
      if (transaction.local) return;
      const now = performance.now();
      for (const { insert = [] } of changes.delta)
        for (const due of insert as number[]) {
          delivered++;
          if (measuring) delays.push(now - due);
        }
    });
  }
  const from = performance.now();
  let published = 0;
  const timer = setInterval(() => {
    for (;;) {
      const due = from + (published * 1000) / (rate * writers);
      if (due > performance.now()) return;
      everyone[published++ % writers]?.doc.getArray<number>('log').push([due]);
    }
  }, TICK_MS);
  await sleep(WARMUP_MS);
  measuring = true;
  await sleep(seconds * 1000);
  measuring = false;
  clearInterval(timer);
  const expected = published * (clients - 1);
  const until = performance.now() + DRAIN_MS;
  while (delivered < expected && performance.now() < until) await sleep(20);
  const edits = everyone.map(({ doc }) => doc.getArray('log').length);
  const fault =
    delivered === expected && edits.every((length) => length === published)
      ? undefined
      : `delivered ${delivered} of ${expected}`;
  return {
    facts: { allDeliveries: delivered, p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) },
    fault,
  };
}

/** One client for each document, which stays open; the runner weighs the server meanwhile. */
async function openMany(): Promise<object> {
  const all = Array.from({ length: settings.documents }, (_, i) => open(`many-${i}`));
  for (const { doc } of all) {
    const shapes = doc.getMap('shapes');
    for (let i = 0; i < SHAPES; i++) shapes.set(`s${i}`, { kind: 'box', x: i, y: i * 2, w: 120, h: 80 });
  }
  await Promise.all(all.map((one) => one.synced()));
  await sleep(2 * WARMUP_MS);
  return { facts: {} };
}

/** A document is written by one client, piece by piece; then others join it, one after the other. */
async function join(): Promise<object> {
  const author = open('large');
  const words = author.doc.getText('text');
  for (let i = 0; i < settings.bytes / PIECE; i++) {
    words.insert(words.length, String(i).padEnd(PIECE, 'lorem ipsum '));
    if (i % 16 === 0) await sleep(1);
  }
  await author.synced();
  await sleep(2 * WARMUP_MS);
  const times: number[] = [];
  for (let i = 0; i < JOINS; i++) {
    const from = performance.now();
    const one = open('large');
    await one.synced();
    while (one.doc.getText('text').length < words.length) await sleep(1);
    times.push(performance.now() - from);
    one.close();
  }
  const bytes = Y.encodeStateAsUpdate(author.doc).length;
  return { facts: { joinMs: median(times), longestJoinMs: Math.max(...times), bytes } };
}

obey({}, { measure: { edit, open: openMany, join }[settings.mode] });
