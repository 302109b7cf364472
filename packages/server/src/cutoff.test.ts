/**
 * A node that is cut off from the logs that it shares with others, as whoever comes sees it, and a load balancer before it: for a while
 * they are let in and told, then they are sent on to another node. Real servers and sockets; time passes on command.
 */
import { createServer as createHttpServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HttpAnswer } from './testing/bytes.ts';
import { cluster } from './testing/cluster.ts';
import { handshake, RawClient } from './testing/raw.ts';
import { WireClient } from './testing/wire.ts';

const cutOffMs = 10_000;
const seconds = expect.stringMatching(/^[1-5]$/);

/** What a handshake is answered with; those of the SDK ask to be told why (rule F13). */
async function knock(port: number): Promise<HttpAnswer> {
  const client = await RawClient.connect(port);
  const offered = { 'Sec-WebSocket-Protocol': 'syncline.v1, syncline.v1.tell' };
  client.socket.write(handshake(port, offered));
  const answer = await client.answer();
  client.socket.destroy();
  return answer;
}

async function link(port: number): Promise<Response> {
  const answer = await fetch(`http://localhost:${port}/sync/link`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"as":"sse"}',
  });
  await answer.body?.cancel();
  return answer;
}

const read = (port: number, query: string) =>
  fetch(`http://localhost:${port}/sync/streams/chat/lobby?${query}`);

/** Takes handshakes to the first of the ports that doesn't answer 503, as a load balancer does. */
async function balancer(ports: readonly number[]): Promise<number> {
  const http = createHttpServer();
  http.on('upgrade', (asked, socket) => {
    const attempt = (index: number): void => {
      const next = request({ port: ports[index], host: 'localhost', path: '/sync', headers: asked.headers });
      next.on('response', () => (index + 1 < ports.length ? attempt(index + 1) : socket.destroy()));
      next.on('upgrade', ({ rawHeaders }, upstream, head) => {
        const lines = rawHeaders.flatMap((name, i) => (i % 2 ? [] : [`${name}: ${rawHeaders[i + 1]}`]));
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
        socket.write(head);
        socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
        upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
        socket.pipe(upstream).pipe(socket);
      });
      next.on('error', () => socket.destroy());
      next.end();
    };
    attempt(0);
  });
  await new Promise<void>((resolve) => http.listen(0, 'localhost', resolve));
  onTestFinished(() => void http.close());
  return (http.address() as AddressInfo).port;
}

describe('a node that alone is cut off', () => {
  it('[H5] lets nobody in after a while, and says so to a load balancer, until it is over', async () => {
    const { at, clock } = await cluster(2, { cutOffMs });
    const { port, health } = at(0);
    health.break();
    await clock.advance(cutOffMs - 1);
    expect(await knock(port)).toMatchObject({ status: 101 });
    expect((await link(port)).status).toBe(200);
    await clock.advance(1);
    const refused = await knock(port);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, seconds]);
    expect(JSON.parse(refused.body).error).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/another one may/),
    });
    const refusedLink = await link(port);
    expect([refusedLink.status, refusedLink.headers.get('retry-after')]).toEqual([503, seconds]);
    expect((await read(port, 'offset=-1')).status).toBe(503);
    expect(at(0).server.metrics.sessionsRefused).toBe(2);
    expect(await knock(at(1).port)).toMatchObject({ status: 101 });
    health.mend();
    expect(await knock(port)).toMatchObject({ status: 101 });
    expect((await link(port)).status).toBe(200);
  });

  it('sends a browser’s reader of events away for a while: at a 503 it would give up for good', async () => {
    const { at, clock } = await cluster(1, { cutOffMs });
    at(0).health.break();
    await clock.advance(cutOffMs);
    const events = await read(at(0).port, 'offset=-1&live=sse');
    expect([events.status, events.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(await events.text()).toMatch(/^retry: ?\d+/m);
  });

  it('keeps whom it has, and who comes by a load balancer lands on another node, and publishes', async () => {
    const { at, clock } = await cluster(2, { cutOffMs });
    const stays = await WireClient.connect(at(0).port);
    at(0).health.break();
    await stays.expect('heartbeat');
    await clock.advance(cutOffMs);
    const comes = await WireClient.connect(await balancer([at(0).port, at(1).port]));
    expect(at(0).server.metrics.sessionsOpen).toBe(1);
    expect(at(1).server.metrics.sessionsOpen).toBe(1);
    comes.send({
      type: 'publish',
      ref: 1,
      channel: 'chat/lobby',
      producer: 'p'.repeat(22),
      sequence: 1,
      data: '"hello"',
    });
    expect(await comes.expect('ack')).toMatchObject({ ref: 1, position: { offset: 1 } });
    stays.send({ type: 'heartbeat' });
    expect(await stays.expect('heartbeat')).toMatchObject({ staleMs: expect.any(Number) });
  });
});
