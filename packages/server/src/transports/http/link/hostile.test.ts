/**
 * Links by names that somebody makes up: what such requests make the nodes do for them. Nodes in one process, by a clock that stands
 * still; real sockets.
 */
import { expect, it } from 'vitest';
import { request } from '../../../testing/bytes.ts';
import { cluster } from '../../../testing/cluster.ts';
import { LinkClient } from '../../../testing/link.ts';
import { RawClient } from '../../../testing/raw.ts';

/** A post to a link that says how large its body is, and sends none of it. */
async function begin(port: number, link: string, bytes: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  const fields = { Host: `localhost:${port}`, 'Syncline-Link': link, 'Content-Length': String(bytes) };
  client.socket.write(request('POST /sync/link/frames?n=1 HTTP/1.1', fields));
  return client;
}

it('[L9] no body is read for a link that no node has, and the nodes tell each other next to nothing of it', async () => {
  const { at } = await cluster(2);
  const [one, two] = [at(0), at(1)];
  const told: string[] = [];
  one.node.hear(`?link/${one.node.id}`, (text) => told.push(text));
  for (let i = 0; i < 3; i++) {
    const client = await begin(two.port, `${one.node.id}.${'x'.repeat(22)}`, 60_000);
    expect((await client.answer()).status).toBe(404);
  }
  expect(told).toHaveLength(3);
  expect(told.join('').length).toBeLessThan(1000);
  // A link that is there is found first, and then has its body read; from then on it is known.
  const link = await LinkClient.open(one.port, 'long-poll', { idle: true });
  const body = JSON.stringify(['unsubscribe', 1, 'chat/none']).padEnd(10_000);
  const client = await begin(two.port, link.id, body.length);
  client.socket.write(body);
  expect((await client.answer()).status).toBe(204);
  expect(told).toHaveLength(5);
  expect(one.server.metrics.framesReceived).toBe(1);
  const again = await begin(two.port, link.id, body.length);
  again.socket.write(body);
  expect((await again.answer()).status).toBe(204);
  expect(told).toHaveLength(6);
  expect(one.server.metrics.framesReceived).toBe(1);
});
