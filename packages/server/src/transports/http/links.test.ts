/**
 * Who may open a link over HTTP, how many, and when who finds no room is to come again: what a handshake is asked is asked here too. Real
 * servers and sockets; what a link does once it is open is tested in its own room.
 */
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Authenticate } from '../../access.ts';
import { LinkClient } from '../../testing/link.ts';
import { gate } from '../../testing/meddle.ts';
import { everything, serve } from '../../testing/serve.ts';
import { eventually, WireClient } from '../../testing/wire.ts';

const known: Authenticate = ({ token }) => {
  if (token === null) throw new SyncError('unauthenticated');
  return { user: token, capabilities: everything };
};
const json = { 'Content-Type': 'application/json' };
const ada = { ...json, Authorization: 'Bearer ada' };

type Options = Parameters<typeof serve>[0];

async function served(options: Options = {}) {
  const running = await serve(options);
  const open = (headers: Record<string, string> = ada, as = 'long-poll') =>
    fetch(`http://localhost:${running.port}/sync/link`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ as }),
    });
  const frames = (link: string, query: string, init: RequestInit = {}) =>
    fetch(`http://localhost:${running.port}/sync/link/frames?${query}`, {
      ...init,
      headers: { 'Syncline-Link': link, ...init.headers },
    });
  const end = (link: string) => frames(link, 'n=1&end', { method: 'POST' });
  return { ...running, open, frames, end };
}

async function codeOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
}

describe('who may open a link', () => {
  it('[L4] is who a handshake would let in, by the same token, cookie or ticket', async () => {
    const { open, end, server } = await served({ authenticate: known });
    expect(await codeOf(await open(json))).toEqual([401, 'unauthenticated']);
    const response = await open();
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { link } = (await response.json()) as { link: string };
    expect(server.metrics).toMatchObject({ sessionsOpen: 1, sessionsOpened: 1, sessionsRefused: 1 });
    expect(server.disconnect('ada')).toBe(1);
    await end(link);
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });

  it('[L4] [I8] comes over TLS where the server is told so, and by a ticket once', async () => {
    const secure = await served({ authenticate: known, trustProxy: true });
    expect(await codeOf(await secure.open())).toEqual([426, 'insecure']);
    const { port, end } = await served({ authenticate: known });
    const asked = await fetch(`http://localhost:${port}/sync/ticket`, { method: 'POST', headers: ada });
    const { ticket } = (await asked.json()) as { ticket: string };
    const post = () =>
      fetch(`http://localhost:${port}/sync/link?ticket=${ticket}`, {
        method: 'POST',
        headers: json,
        body: '{"as":"long-poll"}',
      });
    const first = await post();
    expect(first.status).toBe(200);
    expect((await post()).status).toBe(401);
    await end(((await first.json()) as { link: string }).link);
  });

  it('[L4] from a page elsewhere: by the same list, and it may send the name of its link', async () => {
    const Origin = 'https://app.example';
    const { port, open, end } = await served({ authenticate: known, originsAllowed: [Origin] });
    const preflight = await fetch(`http://localhost:${port}/sync/link/frames?after=0`, {
      method: 'OPTIONS',
      headers: {
        Origin,
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'syncline-link',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Syncline-Link');
    expect(preflight.headers.get('access-control-max-age')).toBe('7200');
    const response = await open({ ...ada, Origin });
    expect(response.headers.get('access-control-allow-origin')).toBe(Origin);
    await end(((await response.json()) as { link: string }).link);
    expect(await codeOf(await open({ ...ada, Origin: 'https://evil.example' }))).toEqual([403, 'forbidden']);
  });
});

describe('how many', () => {
  it('[L4] [F11] links count as sessions, for a user and for an address, and who finds no room is told when to come again', async () => {
    const { open, port, end, server } = await served({ authenticate: known, sessionsPerUserMax: 2 });
    const headers = { Authorization: 'Bearer ada' };
    await WireClient.dial(port, '/sync', { headers });
    await eventually(() => server.metrics.sessionsOpen).toBe(1);
    const { link } = (await (await open()).json()) as { link: string };
    const response = await open();
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const { error } = (await response.json()) as { error: { detail: { retryMs: number } } };
    expect(error.detail.retryMs).toBeGreaterThanOrEqual(1000);
    expect(error.detail.retryMs).toBeLessThan(5000);
    await end(link);
    await eventually(() => server.metrics.sessionsOpen).toBe(1);
    const again = await open();
    expect(again.status).toBe(200);
    await end(((await again.json()) as { link: string }).link);
    const few = await served({ sessionsPerIpMax: 1 });
    const first = await LinkClient.open(few.port, 'sse');
    expect(await codeOf(await few.open(json))).toEqual([429, 'too_many']);
    first.cut();
    await eventually(() => few.server.metrics.sessionsOpen).toBe(0);
    const next = await few.open(json);
    expect(next.status).toBe(200);
    await few.end(((await next.json()) as { link: string }).link);
  });

  it('an address may have so many waiting to be told apart', async () => {
    const held = gate();
    let asking = 0;
    const { open, server, end } = await served({
      authenticate: async (asked) => {
        asking++;
        await held.passed;
        return known(asked);
      },
      handshakesPerIpMax: 2,
    });
    const waiting = [open(), open()];
    await eventually(() => asking).toBe(2);
    expect(await codeOf(await open())).toEqual([429, 'too_many']);
    held.open();
    for (const one of waiting) await end(((await (await one).json()) as { link: string }).link);
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
  });

  it('connections of those who are in don’t count among those who wait, however many poll', async () => {
    const { server } = await served();
    const { port } = await server.listen(0);
    const clients = [];
    // More than may wait by default.
    for (let i = 0; i < 140; i++) clients.push(await LinkClient.open(port, 'long-poll'));
    for (const client of clients) await client.expect('welcome');
    expect(server.metrics.sessionsOpen).toBe(140);
  });

  it('[L1] a server that leaves opens none, and serves those that are open', async () => {
    const clock = fakeClock();
    const { open, server, port } = await served({ clock });
    const client = await LinkClient.open(port, 'sse');
    await client.expect('welcome');
    const closed = server.close({ drainMs: 10_000 });
    await client.expect('bye');
    const refused = await open(json);
    expect(await codeOf(refused)).toEqual([503, 'restart']);
    client.send({ type: 'unsubscribe', ref: 1, channel: 'chat/none' });
    await client.expect('unsubscribed');
    client.cut();
    await eventually(() => server.metrics.sessionsOpen).toBe(0);
    await clock.advance(10_000);
    await closed;
  });
});

describe.each(['sse', 'long-poll'] as const)('a server that leaves its own port, with a link as %s', (as) => {
  const publish = {
    type: 'publish',
    ref: 2,
    channel: 'chat/a',
    producer: 'p',
    sequence: 1,
    data: '1',
  } as const;

  /** A server that leaves, and a client of it which isn't gone yet. */
  async function leaving() {
    const clock = fakeClock();
    const { server } = await serve({ clock });
    const { port } = await server.listen(0);
    const client = await LinkClient.open(port, as);
    await client.expect('welcome');
    client.send({ type: 'subscribe', ref: 1, channel: 'chat/a', start: 0 });
    await client.expect('subscribed');
    let isClosed = false;
    const closed = server.close({ drainMs: 10_000 }).then(() => {
      isClosed = true;
    });
    await client.expect('bye');
    return { clock, server, port, client, closed, isClosed: () => isClosed };
  }

  it('[L1] serves it by new requests, and nobody else, until it has gone', async () => {
    const { port, client, closed, isClosed } = await leaving();
    client.send(publish);
    await client.expect('ack');
    await client.expect('entries');
    for (const path of ['ready', 'api/history?channel=chat/a', 'streams/chat/a'])
      expect((await fetch(`http://localhost:${port}/sync/${path}`)).status).toBe(503);
    await expect(WireClient.connect(port)).rejects.toThrow('503');
    const late = await client.ask('/sync/link', { method: 'POST', headers: json, body: `{"as":"${as}"}` });
    expect(late.status).toBe(503);
    expect(isClosed()).toBe(false);
    await client.frames(`n=${client.posted + 1}&end`, { method: 'POST' });
    client.cut();
    await closed;
    await expect(fetch(`http://localhost:${port}/sync/ready`)).rejects.toThrow('fetch failed');
  });

  it('[L1] and ends it once its time is over', async () => {
    const { clock, server, client, closed } = await leaving();
    await clock.advance(9_000);
    expect(await client.closed()).toBe(1012);
    await closed;
    expect(server.metrics.sessionsOpen).toBe(0);
  });
});

it('[L1] a server that leaves its own port, and has no link, is found there no more', async () => {
  const clock = fakeClock();
  const { server } = await serve({ clock });
  const { port } = await server.listen(0);
  const client = await WireClient.connect(port);
  const closed = server.close({ drainMs: 10_000 });
  await client.expect('bye');
  await expect(fetch(`http://localhost:${port}/sync/ready`)).rejects.toThrow('fetch failed');
  client.close();
  await closed;
});
