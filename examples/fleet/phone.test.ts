/**
 * The phone against a server that fails now and then: what wasn't taken is sent again, and only what fails twice in a row is told.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { startPhone } from './phone.ts';
import { town } from './town.ts';

/** Longer than a tunnel and some posts. */
const patience = { timeout: 30_000 };

/** A phone whose posts of fixes are answered with these statuses, then with 200. Gives what it reported, and how often it was taken. */
async function phoneAt(statuses: number[]) {
  const seen = { reported: [] as string[], taken: 0, fixes: [] as number[] };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const bytes of request) body += String(bytes);
    const isFix = request.url?.startsWith('/sync/publish/fleet/');
    const status = (isFix && statuses.shift()) || 200;
    if (isFix && status === 200) {
      seen.taken++;
      seen.fixes.push(JSON.parse(body).length);
    }
    response.writeHead(status).end();
  }).listen(0, 'localhost');
  await once(server, 'listening');
  const [tour] = (await town()).tours;
  if (!tour) throw new Error('There is no tour.');
  const stop = startPhone({
    ...{ server: `http://localhost:${(server.address() as AddressInfo).port}`, ca: undefined, tour },
    awake: () => true,
    report: (thrown) => void seen.reported.push(String(thrown)),
  });
  onTestFinished(() => {
    stop();
    server.closeAllConnections();
    server.close();
  });
  return seen;
}

it.concurrent('tells nobody of a post that fails once, as when its node is killed: it is sent again', async () => {
  const seen = await phoneAt([502, 200, 502]);
  await expect.poll(() => seen.taken, patience).toBe(2);
  expect(seen.reported).toEqual([]);
  expect(Math.max(...seen.fixes)).toBeGreaterThan(1);
}, 40_000);

it.concurrent('tells of what fails again', async () => {
  const seen = await phoneAt([502, 502, 502]);
  await expect.poll(() => seen.taken, patience).toBe(1);
  expect(seen.reported).toEqual(Array(2).fill(expect.stringMatching(/batch=1 answered 502/)));
}, 40_000);
