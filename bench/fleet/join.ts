/**
 * Who joins a channel of very many keys: how long it takes until all of them are here. Frames are read by hand. How long the
 * server's event loop stood still meanwhile is asked of the server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { obey } from '../servers/control.ts';
import { median } from '../statistics.ts';

const JOINS = 7;
const SETTLE_MS = 2_000;
const [, port = '', text = '{}'] = process.argv.slice(2);
const { vehicles } = JSON.parse(text) as { readonly vehicles: number };

/** Resolves with how long it took until every key was told. */
function join(): Promise<number> {
  const begun = performance.now();
  const keys = new Set<string>();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, 'syncline.v1', { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () =>
      socket.send(JSON.stringify(['subscribe', 1, 'fleet/city', Number.MAX_SAFE_INTEGER])),
    );
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(String(data)) as unknown[];
      if (frame[0] === 'snapshot') for (const [key] of frame[5] as [string][]) keys.add(key);
      else if (frame[0] === 'changes') {
        const placed = frame[4] as [number, null, [string]][];
        for (let i = 1; i < placed.length; i += 2) keys.add(placed[i]?.[2][0] ?? '');
      } else if (typeof frame[0] === 'number')
        for (const [, , [key]] of frame.slice(2) as [number, null, [string]][]) keys.add(key);
      if (keys.size < vehicles) return;
      socket.close();
      resolve(performance.now() - begun);
    });
  });
}

async function measure(): Promise<object> {
  // What was set at the start is folded meanwhile.
  await sleep(SETTLE_MS);
  const times: number[] = [];
  for (let i = 0; i < JOINS; i++) times.push(await join());
  return { facts: { joinMs: median(times), longestJoinMs: Math.max(...times) } };
}

obey({}, { measure });
