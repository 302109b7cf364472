/**
 * The clients of an outage, each with the contender's own SDK and its defaults: they listen, and note when they lose their connection,
 * when they are back, and what came when. Socket.IO has WebSocket as its only transport, as everywhere in this benchmark.
 */
import { createClient } from '@syncline/client';
import { io } from 'socket.io-client';
import { Tally } from '../restart/tally.ts';
import type { CrowdCommand, CrowdPlan, Noticed } from './plan.ts';

const plan = JSON.parse(process.argv[2] ?? '') as CrowdPlan;

/** One client, as it is since it was watched. */
class Listener {
  tally = new Tally();
  there = false;
  /** When it lost its connection first, and when it was back the last time. */
  cutAt: number | undefined;
  backAt: number | undefined;
  /** The last message before it was watched: what follows it is expected. */
  #before = 0;
  #last = 0;

  watch(): void {
    this.tally = new Tally();
    this.cutAt = undefined;
    this.backAt = undefined;
    this.#before = this.#last;
  }

  /** @param n counts from 1 over the whole run. Returns how long it took, of one that is news */
  take(n: number, t: number): number | undefined {
    const now = nowMs();
    this.#last = Math.max(this.#last, n);
    return this.tally.take(n - this.#before, now) ? now - t : undefined;
  }

  lost(published: number): number {
    return this.tally.lost(published - this.#before);
  }

  change(there: boolean): void {
    if (this.there === there) return;
    this.there = there;
    if (!there) this.cutAt ??= nowMs();
    else if (this.cutAt !== undefined) this.backAt = nowMs();
  }
}

const listeners = Array.from({ length: plan.clients }, () => new Listener());
/** Of those who weren't cut off when it came. */
let delays: { readonly who: Listener; readonly ms: number }[] = [];
let watchedAt = 0;

function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

function came(who: Listener, message: unknown): void {
  const { n, t } = message as { readonly n: number; readonly t: number };
  const ms = who.take(n, t);
  if (ms !== undefined && who.cutAt === undefined) delays.push({ who, ms });
}

function connect(who: Listener): void {
  if (plan.contender === 'syncline') {
    const client = createClient({ url: `ws://127.0.0.1:${plan.port}/sync`, onError: () => {} });
    const channel = client.stream('bench/outage');
    channel.onMessage(({ data }) => came(who, data));
    const look = () => who.change(channel.freshness.get().state === 'live');
    channel.freshness.subscribe(look);
    return;
  }
  const socket = io(`http://127.0.0.1:${plan.port}`, { transports: ['websocket'], forceNew: true });
  socket.on('connect', () => who.change(true));
  socket.on('disconnect', () => who.change(false));
  socket.on('m', (message) => came(who, message));
}

function tell(published: number): Noticed {
  const sum = (pick: (one: Listener) => number): number => listeners.reduce((all, one) => all + pick(one), 0);
  const cut = listeners.filter(({ cutAt }) => cutAt !== undefined);
  const others = listeners.filter(({ cutAt }) => cutAt === undefined);
  const back = cut.map(({ there, backAt }) =>
    there ? (backAt ?? Number.NaN) - watchedAt : Number.POSITIVE_INFINITY,
  );
  back.sort((a, b) => a - b);
  const othersMs = delays.filter(({ who }) => who.cutAt === undefined).map(({ ms }) => ms);
  othersMs.sort((a, b) => a - b);
  const gap = (list: readonly Listener[]): number =>
    Math.max(0, ...list.map(({ tally }) => tally.longestGapMs));
  const delivered = sum(({ tally }) => tally.delivered);
  const lost = sum((one) => one.lost(published));
  return {
    expected: delivered + lost,
    delivered,
    lost,
    doubled: sum(({ tally }) => tally.doubled),
    cut: cut.length,
    there: listeners.filter(({ there }) => there).length,
    allBackMs: back.at(-1) ?? 0,
    halfBackMs: back[Math.floor(back.length / 2)] ?? 0,
    longestGapMs: gap(listeners),
    othersLongestGapMs: gap(others),
    othersP99Ms: othersMs[Math.floor(othersMs.length * 0.99)] ?? 0,
  };
}

function obey(command: CrowdCommand): unknown {
  if (command.do === 'there') return listeners.filter(({ there }) => there).length;
  if (command.do === 'tell') return tell(command.published);
  watchedAt = nowMs();
  delays = [];
  for (const listener of listeners) listener.watch();
  return {};
}

process.on('message', (command: CrowdCommand) => process.send?.({ answer: obey(command) }));
process.on('disconnect', () => process.exit());
for (const [i, listener] of listeners.entries()) setTimeout(() => connect(listener), i);
process.send?.({ answer: {} });
