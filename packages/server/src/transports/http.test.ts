/**
 * What a server answers over plain HTTP: tickets, readiness, and nothing that isn't its own. Real servers and sockets; what
 * `authenticate` makes of credentials is another test's.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memory } from '../broker/memory.ts';
import { createServer } from '../server.ts';
import { gate } from '../testing/meddle.ts';
import { RawClient } from '../testing/raw.ts';
import { everything, serve } from '../testing/serve.ts';
import { dial, WireClient, within } from '../testing/wire.ts';

const canary = 'canary-7c1e';
const authenticate = ({ token }: { readonly token: string | null }) => {
  if (token !== canary) throw new SyncError('unauthenticated');
  return { user: 'ada', capabilities: everything };
};
const bearer = { Authorization: `Bearer ${canary}` };

function ask(port: number, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://localhost:${port}${path}`, init);
}

async function ticketOf(port: number, headers: Record<string, string> = bearer): Promise<string> {
  const { ticket } = (await (await ask(port, '/sync/ticket', { method: 'POST', headers })).json()) as {
    ticket: string;
  };
  return ticket;
}

describe('tickets', () => {
  it('[F12] open one connection as whoever asked, and no second one', async () => {
    const { port, server } = await serve({ authenticate });
    const response = await ask(port, '/sync/ticket', { method: 'POST', headers: bearer });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { ticket, expiresMs } = (await response.json()) as { ticket: string; expiresMs: number };
    expect(expiresMs).toBe(30_000);
    const client = await WireClient.connect(port, `/sync?ticket=${ticket}`);
    await client.subscribe('stamped/x');
    client.publish('stamped/x', 1, 'p', 1);
    await client.expect('ack');
    expect((await client.entries(0, 1))[0]).toContain('"ada"');
    await expect(WireClient.dial(port, `/sync?ticket=${ticket}`)).rejects.toThrow('401');
    expect(server.metrics.sessionsRefused).toBe(1);
  });

  it('[F12] have one winner, of however many who come at once', async () => {
    const { port } = await serve({ authenticate });
    const ticket = await ticketOf(port);
    const tries = Array.from({ length: 20 }, () => WireClient.dial(port, `/sync?ticket=${ticket}`));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('[F12] are good for 30 seconds', async () => {
    const clock = fakeClock();
    const { port } = await serve({ clock, authenticate });
    const [early, late] = [await ticketOf(port), await ticketOf(port)];
    await clock.advance(29_999);
    await WireClient.dial(port, `/sync?ticket=${early}`);
    await clock.advance(1);
    await expect(WireClient.dial(port, `/sync?ticket=${late}`)).rejects.toThrow('401');
  });

  it('[F12] buy no other ticket', async () => {
    const { port } = await serve({ authenticate });
    const path = `/sync/ticket?ticket=${await ticketOf(port)}`;
    expect((await ask(port, path, { method: 'POST' })).status).toBe(401);
  });

  it('[F12] of a user who was disconnected open nothing', async () => {
    const { port, server } = await serve({ authenticate });
    const ticket = await ticketOf(port);
    server.disconnect('ada');
    await expect(WireClient.dial(port, `/sync?ticket=${ticket}`)).rejects.toThrow('401');
  });

  it('count as handshakes while they are asked for, however many come on one connection', async () => {
    const held = gate();
    let asked = 0;
    const { port } = await serve({
      handshakesPerIpMax: 2,
      authenticate: async () => {
        asked++;
        await held.passed;
        return { user: 'ada' };
      },
    });
    const { socket } = await RawClient.connect(port);
    const answers: Buffer[] = [];
    socket.on('data', (chunk) => answers.push(chunk));
    socket.write(`POST /sync/ticket HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`.repeat(5));
    const flooded = await ask(port, '/sync/ticket', { method: 'POST' });
    expect([flooded.status, asked]).toEqual([429, 2]);
    held.open();
    const statuses = () =>
      [...String(Buffer.concat(answers)).matchAll(/HTTP\/1\.1 (\d+)/g)].map((one) => one[1]);
    await expect.poll(statuses).toEqual(['200', '200', '429', '429', '429']);
  });

  it.each([
    ['guessed', '/sync?ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['empty', '/sync?ticket='],
    ['given twice', '/sync?ticket=a&ticket=b'],
    ['__proto__', '/sync?ticket=__proto__'],
  ])('a ticket that is %s opens nothing', async (_, path) => {
    const { port } = await serve({ authenticate });
    await expect(WireClient.dial(port, path)).rejects.toThrow('401');
  });

  it('a ticket and a token together open nothing, and the ticket is still good', async () => {
    const { port } = await serve({ authenticate });
    const ticket = await ticketOf(port);
    const path = `ws://localhost:${port}/sync?ticket=${ticket}`;
    await expect(dial(path, ['syncline.v1', `bearer.${canary}`])).rejects.toThrow('401');
    await dial(path, ['syncline.v1']);
  });

  it.each<[number, string, RequestInit]>([
    [401, 'no credentials', { method: 'POST' }],
    [401, 'bad credentials', { method: 'POST', headers: { Authorization: 'Bearer nobody' } }],
    [403, 'a foreign origin', { method: 'POST', headers: { ...bearer, Origin: 'https://evil.example' } }],
    [403, 'the origin null', { method: 'POST', headers: { ...bearer, Origin: 'null' } }],
    [405, 'GET', { method: 'GET', headers: bearer }],
    [
      403,
      'a preflight of a foreign origin',
      { method: 'OPTIONS', headers: { Origin: 'https://evil.example' } },
    ],
  ])('are refused with %i for %s, and nothing is repeated', async (status, _, init) => {
    const { port } = await serve({ authenticate });
    const response = await ask(port, '/sync/ticket', init);
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(await response.text()).not.toContain(canary);
  });

  it('a page of a listed origin may ask, by the same list as for sockets', async () => {
    const Origin = 'https://app.example';
    const { port } = await serve({ authenticate, originsAllowed: [Origin] });
    const preflight = await ask(port, '/sync/ticket', { method: 'OPTIONS', headers: { Origin } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Authorization');
    const response = await ask(port, '/sync/ticket', { method: 'POST', headers: { ...bearer, Origin } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(Origin);
    expect(response.headers.get('vary')).toBe('Origin');
  });
});

describe('asking for a ticket', () => {
  it('in the clear, from where it may not be, is refused with 426', async () => {
    const { port } = await serve({ authenticate, trustProxy: true });
    const response = await ask(port, '/sync/ticket', { method: 'POST', headers: bearer });
    expect(response.status).toBe(426);
  });

  it('is refused from the moment the server leaves', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ authenticate, clock });
    const ticket = await ticketOf(port);
    await WireClient.connect(port, `/sync?ticket=${ticket}`);
    const closing = server.close({ drainMs: 1000 });
    expect((await ask(port, '/sync/ticket', { method: 'POST', headers: bearer })).status).toBe(503);
    await clock.advance(1000);
    await closing;
  });

  it('shows `authenticate` the client’s address, not the proxy’s', async () => {
    const seen: string[] = [];
    const { port } = await serve({
      trustProxy: true,
      authenticate: ({ remoteAddress }) => {
        seen.push(remoteAddress);
        return { user: 'ada' };
      },
    });
    const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '203.0.113.7' };
    expect((await ask(port, '/sync/ticket', { method: 'POST', headers })).status).toBe(200);
    expect(seen).toEqual(['203.0.113.7']);
  });

  it('with a body that never ends is answered, and the rest of it is not taken', async () => {
    const { port } = await serve({ authenticate });
    const { socket } = await RawClient.connect(port);
    socket.write(
      `POST /sync/ticket HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: 100000000\r\n\r\n`,
    );
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await within(ended, 'the connection to close');
  });
});

describe('tokens in the address', () => {
  it('are taken where the option names them, once, and not beside another', async () => {
    const { port } = await serve({ authenticate, tokenParameter: 'token' });
    await WireClient.dial(port, `/sync?token=${canary}`);
    await expect(WireClient.dial(port, `/sync?token=${canary}&token=${canary}`)).rejects.toThrow('401');
    const both = dial(`ws://localhost:${port}/sync?token=${canary}`, ['syncline.v1', `bearer.${canary}`]);
    await expect(both).rejects.toThrow('401');
  });

  it('are nothing otherwise', async () => {
    const { port } = await serve({ authenticate });
    await expect(WireClient.dial(port, `/sync?token=${canary}`)).rejects.toThrow('401');
  });
});

describe('readiness', () => {
  it('is told while the server serves, and refused from the moment it leaves', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock });
    expect((await ask(port, '/sync/ready')).status).toBe(200);
    await WireClient.connect(port);
    const closing = server.close({ drainMs: 1000 });
    const response = await ask(port, '/sync/ready');
    expect([response.status, await response.json()]).toEqual([503, { ready: false }]);
    await clock.advance(1000);
    await closing;
    expect((await ask(port, '/sync/ready')).status).toBe(404);
  });
});

describe('beside an application', () => {
  it('leaves every other path to it, whenever its listener was added, and is gone when the server is', async () => {
    const http = createHttpServer((_request, response) => response.end('first'));
    const server = createServer({ channels: defineChannels({ 'chat/:room': stream() }), broker: memory() });
    server.attach(http);
    const told: string[] = [];
    http.on('request', ({ url = '' }) => told.push(url));
    http.listen(0, 'localhost');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const { port } = http.address() as AddressInfo;
    expect(await (await ask(port, '/sync/other')).text()).toBe('first');
    expect(await (await ask(port, '/sync/ready?x=1')).json()).toEqual({ ready: true });
    expect(told).toEqual(['/sync/other']);
    await server.close();
    expect(await (await ask(port, '/sync/ready')).text()).toBe('first');
  });
});

describe('hostsAllowed', () => {
  it('names what the server may be called, at each door', async () => {
    const { port } = await serve({ authenticate, hostsAllowed: ['app.example'] });
    expect((await ask(port, '/sync/ticket', { method: 'POST', headers: bearer })).status).toBe(421);
    await expect(dial(`ws://localhost:${port}/sync`, ['syncline.v1', `bearer.${canary}`])).rejects.toThrow(
      '421',
    );
    const headers = { Host: 'app.example' };
    await dial(`ws://localhost:${port}/sync`, ['syncline.v1', `bearer.${canary}`], { headers });
  });
});
