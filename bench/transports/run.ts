/**
 * `npm run bench:transports`: the same feeds over polling, long polling, server-sent events and WebSocket, side by side in one run. It
 * wires: plan.ts says what, crowd.ts and server.ts are measured, page.ts writes docs/reference/transports.md.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../machine.ts';
import { type Program, startProgram } from '../server.ts';
import { exchange } from './handshake.ts';
import { type Measured, renderPage } from './page.ts';
import { type Feed, feeds, type Way, ways } from './plan.ts';
import type { Figures } from './traffic.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const clients = values.quick ? 20 : 500;
const seconds = ({ seconds }: Feed): number => (values.quick ? 3 : seconds);
/** Until what was opened has settled. */
const settleMs = 1000;

function startServer(): Promise<Program<{ port: number }>> {
  return startProgram(undefined, new URL('server.ts', import.meta.url));
}

async function measure(way: Way, feed: Feed): Promise<Measured> {
  await using server = await startServer();
  const args = [way, String(server.hello.port), String(clients)];
  await using crowd = await startProgram<object>(undefined, new URL('crowd.ts', import.meta.url), { args });
  await sleep(settleMs);
  await server.ask(feed.name);
  const before = await server.ask<{ cpuMs: number }>('usage');
  await crowd.ask('begin');
  await sleep(1000 * seconds(feed));
  const figures = await crowd.ask<Figures>('end');
  const after = await server.ask<{ cpuMs: number }>('usage');
  return { feed: feed.name, way, clients, figures, serverCpuMs: after.cpuMs - before.cpuMs };
}

const all: Measured[] = [];
for (const feed of feeds) {
  for (const way of ways) {
    const one = await measure(way, feed);
    all.push(one);
    const { bytesUp, bytesDown, updates, requests } = one.figures;
    console.log(
      `${feed.name}, ${way}: ${bytesUp} bytes up, ${bytesDown} down, ${updates} updates, ${requests} requests, ${one.serverCpuMs.toFixed(0)} ms of CPU`,
    );
  }
}
await using server = await startServer();
const seen = await exchange(server.hello.port, () => server.ask('once'));
const page = renderPage(all, seen, describeMachine());
if (values.quick) console.log(page);
else writeFileSync(path.join(import.meta.dirname, '..', '..', 'docs', 'reference', 'transports.md'), page);
