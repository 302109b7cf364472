/**
 * What several nodes ask of their Redis: a program that publishes, one after the other or some at a time, or holds connections that do
 * nothing. How often Redis was asked meanwhile is counted there. Frames are written by hand.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { obey } from '../servers/control.ts';
import { quantile } from '../statistics.ts';

const [, port = '', text = '{}'] = process.argv.slice(2);
const settings = JSON.parse(text) as Readonly<
  Partial<Record<'publishes' | 'together' | 'idle' | 'channels' | 'seconds', number>>
>;
/** So long that what opening asks for is over. */
const SETTLE_MS = 1_000;

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, 'syncline.v1', { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** Publishes so many to channels by turns, with so many unanswered at a time on each connection. */
async function publish(publishes: number, together: number, channels: number): Promise<object> {
  const sockets = await Promise.all(Array.from({ length: Math.min(channels, 10) }, open));
  const begun: number[] = [];
  const times: number[] = [];
  const sequences = new Map<number, number>();
  let fault: string | undefined;
  const start = performance.now();
  const send = (socket: WebSocket, nth: number): void => {
    const ref = begun.push(performance.now());
    // A connection has channels of its own, so that its producers' numbers stay in order.
    const channel = nth + sockets.length * (ref % Math.ceil(channels / sockets.length));
    const sequence = (sequences.get(channel) ?? 0) + 1;
    sequences.set(channel, sequence);
    const data = { text: 'x'.repeat(100) };
    socket.send(JSON.stringify(['publish', ref, `bench/asked-${channel}`, `p${nth}`, sequence, data]));
  };
  await new Promise<void>((resolve) => {
    for (const [nth, socket] of sockets.entries()) {
      socket.on('message', (data: Buffer) => {
        const [type, ref] = JSON.parse(String(data)) as [unknown, number];
        if (type === 'error') fault = String(data);
        if (type === 'ack') times.push(performance.now() - (begun[ref - 1] ?? Number.NaN));
        if (fault || times.length === publishes) resolve();
        else if (type === 'ack' && begun.length < publishes) send(socket, nth);
      });
      for (let i = 0; i < together; i++) send(socket, nth);
    }
  });
  const took = performance.now() - start;
  for (const socket of sockets) socket.close();
  const facts = {
    publishes,
    allDeliveries: publishes,
    appendUs: (1000 * took) / publishes,
    appendsPerSecond: (1000 * publishes) / took,
    ackMs: quantile(times, 0.5),
    ack99Ms: quantile(times, 0.99),
  };
  return { facts, ...(fault && { fault }) };
}

/** Holds connections that are there already, subscribed, for so long. */
async function rest(sockets: readonly WebSocket[], seconds: number): Promise<object> {
  await sleep(seconds * 1000);
  const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  const fault = open < sockets.length ? `${sockets.length - open} connections were lost` : undefined;
  return { facts: { idle: sockets.length, idleSeconds: seconds }, ...(fault && { fault }) };
}

const { publishes = 0, together = 1, idle = 0, channels = 1, seconds = 1 } = settings;
const sockets: WebSocket[] = [];
for (let i = 0; i < idle; i++) {
  const socket = await open();
  socket.send(JSON.stringify(['subscribe', 1, `bench/${i % channels}`, 0]));
  sockets.push(socket);
}
await sleep(SETTLE_MS);
obey({}, { measure: () => (idle > 0 ? rest(sockets, seconds) : publish(publishes, together, channels)) });
