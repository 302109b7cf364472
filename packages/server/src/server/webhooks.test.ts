/**
 * Webhooks, over real sockets: who is told what, once each, signed; how it is told again; and that nothing waits for them. What happens
 * when nodes share a broker is here too. Time passes when a test says so.
 */
import { defineChannels, doc, durable, state, stream } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import { lookup } from '@syncline/protocol/wire';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { createServer } from '../server.ts';
import { cluster } from '../testing/cluster.ts';
import { turns } from '../testing/meddle.ts';
import { leaseOf, outcomeOf } from '../testing/members.ts';
import { makeSecret, type Receiver, receiver, type Told } from '../testing/receiver.ts';
import { serveChannels } from '../testing/serve.ts';
import { eventually, passes, WireClient } from '../testing/wire.ts';
import { openapi } from '../transports/http/api/openapi.ts';
import { Webhooks, type WebhookTarget } from './webhooks.ts';

const channels = defineChannels({
  'chat/:room': stream(),
  'news/:topic': stream(),
  'fleet/:city': state({ ttl: '60s' }),
  'board/:id': doc(),
  'log/:name': durable(),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];

function hook({ url, secret }: Receiver, more: Partial<WebhookTarget> = {}): WebhookTarget {
  return { url, secret, channels: ['*'], ...more };
}

async function serve(hooks: readonly WebhookTarget[], options: Options = {}) {
  const clock = fakeClock();
  const said: unknown[] = [];
  const running = await serveChannels(channels, {
    clock,
    broker: memory({ clock }),
    webhooks: hooks,
    logger: { error: (facts, message) => said.push([message, facts]) },
    ...options,
  });
  return { ...running, clock, said };
}

const facts = ({ type, data: { channel, offset, payload } }: Told) => [type, channel, offset, payload];

describe('appended', () => {
  it('[W8] is told of each entry, signed, with the payload as it was written', async () => {
    const told = await receiver();
    const { port, clock, server } = await serve([hook(told)]);
    const client = await WireClient.connect(port);
    client.sendText('["publish",1,"chat/lobby","p",1,{ "n": 1.0, "n":2 }]');
    await client.expect('ack');
    await eventually(() => told.told.length).toBe(1);
    const [one] = told.told;
    expect(one?.signed).toBe(true);
    expect(one?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-timestamp': String(Math.floor(clock.now() / 1000)),
    });
    expect(one?.id).toMatch(/^evt_[\w-]{27}$/);
    expect(one?.text).toMatch(
      /^\{"type":"appended","timestamp":"\d{4}-[^"]+Z","data":\{"channel":"chat\/lobby","epoch":"[^"]+","offset":1,"check":\d+,"from":null,"payload":\{ "n": 1\.0, "n":2 \}\}\}$/,
    );
    await eventually(() => server.metrics.webhooksSent).toBe(1);
    expect(server.metrics).toMatchObject({ webhooksWaiting: 0, webhooksFailed: 0, webhooksDropped: 0 });
  });

  it('is told whichever way an entry came: from a session, by HTTP, from the server, because its time was over', async () => {
    const told = await receiver();
    const { port, server, clock } = await serve([hook(told)]);
    const client = await WireClient.connect(port);
    client.publish('chat/a', 1, 'p', 1);
    await client.expect('ack');
    await fetch(`http://localhost:${port}/sync/publish/chat/b`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '2',
    });
    await server.publish('chat/c', 3);
    await server.set('fleet/x', 'van', 4);
    await server.withDoc('board/x', (board) => void board.getMap('shapes').set('s', 5));
    await eventually(() => server.metrics.webhooksSent).toBe(5);
    await clock.advance(60_000);
    await eventually(() => told.told.length).toBe(6);
    expect(told.told.map(facts).sort()).toEqual([
      ['appended', 'board/x', 1, undefined],
      ['appended', 'chat/a', 1, 1],
      ['appended', 'chat/b', 1, 2],
      ['appended', 'chat/c', 1, 3],
      ['appended', 'fleet/x', 1, ['van', 4]],
      ['appended', 'fleet/x', 2, ['van', null, { expired: true }]],
    ]);
  });

  it('is told of a durable log where something was said in it: not that it began, was used, is closed or has ended', async () => {
    const told = await receiver();
    const { port, server, clock } = await serve([hook(told)]);
    const ask = async (method: string, headers: Record<string, string> = {}, body?: string) => {
      const init = { method, headers: { 'Content-Type': 'text/plain', ...headers }, ...(body && { body }) };
      return (await fetch(`http://localhost:${port}/sync/streams/log/a`, init)).status;
    };
    expect(await ask('PUT', { 'Stream-TTL': '16' })).toBe(201);
    expect(await ask('POST', {}, 'one')).toBe(204);
    await clock.advance(8000);
    // This puts its end off, which is an entry too.
    expect(await ask('GET')).toBe(200);
    expect(await ask('POST', { 'Stream-Closed': 'true' })).toBe(204);
    await clock.advance(20_000);
    expect(await ask('HEAD')).toBe(404);
    expect(await ask('PUT', {}, 'two')).toBe(201);
    expect(await ask('DELETE')).toBe(204);
    // Whatever else would be told was before this.
    await server.publish('chat/z', 'last');
    await eventually(() => told.told.some(({ data }) => data['payload'] === 'last')).toBe(true);
    // It counts until its receiver has answered.
    await eventually(() => server.metrics.webhooksWaiting).toBe(0);
    expect(told.told.map(facts)).toEqual([
      ['appended', 'log/a', 2, undefined],
      ['appended', 'log/a', 6, undefined],
      ['appended', 'chat/z', 1, 'last'],
    ]);
  });

  it('[W8] is told of a repeated publish once', async () => {
    const told = await receiver();
    const { port } = await serve([hook(told)]);
    const client = await WireClient.connect(port);
    for (const sequence of [1, 1, 2]) client.publish('chat/a', sequence, 'p', sequence);
    for (let n = 0; n < 3; n++) await client.expect('ack');
    await eventually(() => told.told.length).toBe(2);
    expect(told.told.map(({ data }) => data['payload']).sort()).toEqual([1, 2]);
  });

  it('is told of channels that fit a pattern, and of no companion', async () => {
    const told = await receiver();
    const all = await receiver();
    const { port, server } = await serve([
      hook(told, { channels: ['news/:topic', 'chat/a'] }),
      hook(all, { events: ['appended'] }),
    ]);
    const client = await WireClient.connect(port);
    await outcomeOf(client, 'enter', 'chat/a', leaseOf('a'));
    await server.publish('chat/a', 1);
    await server.publish('chat/b', 2);
    await server.publish('news/b', 3);
    await eventually(() => told.told.length).toBe(3);
    await eventually(() => all.told.length).toBe(3);
    expect(told.told.map(({ type, data }) => `${type} ${data['channel']}`).sort()).toEqual([
      'appended chat/a',
      'appended news/b',
      'joined chat/a',
    ]);
  });
});

describe('joined and left', () => {
  it('[W8] are told of members as they come and go, once each, whatever they say of themselves meanwhile', async () => {
    const told = await receiver();
    const { port, clock, server } = await serve([hook(told, { events: ['joined', 'left'] })]);
    const [ada, bob] = [await WireClient.connect(port), await WireClient.connect(port)];
    const key = await outcomeOf(ada, 'enter', 'chat/a', leaseOf('a'), { name: 'Ada' });
    await outcomeOf(ada, 'enter', 'chat/a', leaseOf('a'), { name: 'Ada L.' });
    await outcomeOf(bob, 'enter', 'chat/a', leaseOf('b'), { name: 'Bob' });
    await outcomeOf(ada, 'leave', 'chat/a', leaseOf('a'));
    bob.close();
    await eventually(() => server.metrics.sessionsOpen).toBe(1);
    await eventually(() => server.metrics.webhooksSent).toBe(3);
    await clock.advance(10_000);
    await eventually(() => told.told.length).toBe(4);
    const seen = [...told.told].sort((a, b) => Number(a.data['offset']) - Number(b.data['offset']));
    expect(seen.map(facts)).toEqual([
      ['joined', 'chat/a', 1, { name: 'Ada' }],
      ['joined', 'chat/a', 3, { name: 'Bob' }],
      ['left', 'chat/a', 4, undefined],
      ['left', 'chat/a', 5, undefined],
    ]);
    expect(seen[0]?.data).toMatchObject({ key, user: null });
    expect(seen[2]?.data['key']).toBe(key);
  });

  it('are not told of a reconnect within the time of grace', async () => {
    const told = await receiver();
    const { port, clock, server } = await serve([hook(told)]);
    for (let n = 0; n < 3; n++) {
      const ada = await WireClient.connect(port);
      await outcomeOf(ada, 'enter', 'chat/a', leaseOf('a'));
      ada.close();
      await eventually(() => server.metrics.sessionsOpen).toBe(0);
      await eventually(() => server.metrics.webhooksWaiting).toBe(0);
      await clock.advance(5000);
    }
    await clock.advance(10_000);
    await eventually(() => told.told.length).toBe(2);
    expect(told.told.map(({ type }) => type)).toEqual(['joined', 'left']);
  });
});

describe('what is told', () => {
  it('[W8] is as the description of the API has it', async () => {
    const told = await receiver();
    const { port, server } = await serve([hook(told)]);
    const client = await WireClient.connect(port);
    await outcomeOf(client, 'enter', 'chat/a', leaseOf('a'), { name: 'Ada' });
    await outcomeOf(client, 'leave', 'chat/a', leaseOf('a'));
    await server.publish('chat/a', { text: 'hello' });
    await server.withDoc('board/x', (board) => void board.getMap('shapes').set('s', 5));
    await eventually(() => told.told.length).toBe(4);
    const { webhooks } = openapi('/sync') as unknown as {
      webhooks: Readonly<
        Record<string, { post: { requestBody: { content: Record<string, { schema: object }> } } }>
      >;
    };
    const ajv = new Ajv2020({ formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } });
    for (const { type, text } of told.told) {
      const schema = webhooks[type]?.post.requestBody.content['application/json']?.schema ?? false;
      ajv.validate(schema, JSON.parse(text));
      expect([type, ajv.errorsText()]).toEqual([type, 'No errors']);
    }
    expect(Object.keys(webhooks).sort()).toEqual([...new Set(told.told.map(({ type }) => type))].sort());
  });
});

describe('nodes that share a broker', () => {
  it('[W8] tell each event by one of them: the one that appended, or that removed the members of one that is gone', async () => {
    const told = await receiver();
    const { at, nodes, clock } = await cluster(3, { webhooks: [hook(told)] });
    const clients = await Promise.all([0, 1, 2].map((n) => WireClient.connect(at(n).port)));
    for (const [n, client] of clients.entries()) {
      client.publish('chat/x', n, `p${n}`, 1);
      await client.expect('ack');
      await outcomeOf(client, 'enter', 'chat/x', leaseOf(`l${n}`), n);
    }
    await eventually(() => told.told.length).toBe(6);
    for (const { server } of nodes) await eventually(() => server.metrics.webhooksWaiting).toBe(0);
    at(2).node.close();
    clients[2]?.inbox.socket.terminate();
    await clock.advance(20_000);
    await eventually(() => told.told.filter(({ type }) => type === 'left').length).toBe(1);
    const ids = told.told.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('[W8] tell that somebody is in when they change over to another node, and that they left when they leave there', async () => {
    const told = await receiver();
    const { at, nodes, clock } = await cluster(2, { webhooks: [hook(told)] });
    const one = await WireClient.connect(at(0).port);
    const key = await outcomeOf(one, 'enter', 'chat/x', leaseOf('l'));
    one.close();
    const other = await WireClient.connect(at(1).port);
    expect(await outcomeOf(other, 'enter', 'chat/x', leaseOf('l'))).toBe(key);
    await eventually(() => told.told.length).toBe(2);
    for (const { server } of nodes) await eventually(() => server.metrics.webhooksWaiting).toBe(0);
    await clock.advance(20_000);
    await outcomeOf(other, 'leave', 'chat/x', leaseOf('l'));
    await eventually(() => told.told.length).toBe(3);
    expect(told.told.map(({ type, data }) => [type, data['key']])).toEqual([
      ['joined', key],
      ['joined', key],
      ['left', key],
    ]);
  });

  it('[W8] tell again that somebody is in whom the others took for gone', async () => {
    const told = await receiver();
    const { at, nodes, clock } = await cluster(2, { webhooks: [hook(told)] });
    const [ada, bob] = [await WireClient.connect(at(0).port), await WireClient.connect(at(1).port)];
    await outcomeOf(ada, 'enter', 'chat/x', leaseOf('a'));
    await outcomeOf(bob, 'enter', 'chat/x', leaseOf('b'));
    await eventually(() => told.told.length).toBe(2);
    for (const { server } of nodes) await eventually(() => server.metrics.webhooksWaiting).toBe(0);
    at(0).node.freeze();
    await clock.advance(12_000);
    await eventually(() => told.told.map(({ type }) => type)).toEqual(['joined', 'joined', 'left']);
    await eventually(() => at(1).server.metrics.webhooksWaiting).toBe(0);
    at(0).node.thaw();
    await clock.advance(3000);
    await eventually(() => told.told.map(({ type }) => type)).toEqual(['joined', 'joined', 'left', 'joined']);
    expect(told.told[3]?.data['key']).toBe(told.told[2]?.data['key']);
  });
});

describe('a webhook that does not take what it is told', () => {
  it('is told again, the same under the same id, more and more rarely', async () => {
    const told = await receiver();
    told.answer = 500;
    const { server, clock, said } = await serve([hook(told)]);
    await server.publish('chat/a', 1);
    const gaps: number[] = [];
    for (let n = 1; n <= 6; n++) {
      await eventually(() => server.metrics.webhooksFailed).toBe(n);
      gaps.push(await waited(clock, () => told.told.length > n));
    }
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(500 * 2 ** i);
    expect(gaps.at(-1)).toBeLessThanOrEqual(300_000);
    told.answer = 200;
    await eventually(() => server.metrics.webhooksFailed).toBe(7);
    await waited(clock, () => server.metrics.webhooksSent === 1);
    expect(new Set(told.told.map(({ id }) => id)).size).toBe(1);
    const [first, ...later] = told.told.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect(later.at(-1)).toBeGreaterThan(Number(first));
    expect(told.told.every(({ signed }) => signed)).toBe(true);
    expect(said[0]).toEqual([
      'A webhook could not be told; it is tried again.',
      { webhook: new URL(told.url).origin, reason: 'it answered 500' },
    ]);
  });

  it('is given up after `webhookRetryMs`, which is counted and logged', async () => {
    const told = await receiver();
    told.answer = 503;
    const { server, clock, said } = await serve([hook(told)], { webhookRetryMs: 10_000 });
    await server.publish('chat/a', 1);
    await waited(clock, () => server.metrics.webhooksDropped === 1);
    expect(server.metrics).toMatchObject({ webhooksWaiting: 0, webhooksSent: 0 });
    expect(JSON.stringify(said.at(-1))).toContain('it failed for too long: it answered 503');
  });

  it('is asked nothing for as long as its Retry-After says', async () => {
    const told = await receiver();
    told.answer = (response) => void response.writeHead(429, { 'Retry-After': '30' }).end();
    const { server, clock } = await serve([hook(told)]);
    await server.publish('chat/a', 1);
    await eventually(() => server.metrics.webhooksFailed).toBe(1);
    await server.publish('chat/a', 2);
    await clock.advance(29_000);
    expect(told.told).toHaveLength(1);
    told.answer = 200;
    await waited(clock, () => server.metrics.webhooksSent === 2);
  });

  it.each<[string, Receiver['answer'], string]>([
    [
      'redirects',
      (response) => void response.writeHead(307, { Location: '/other' }).end(),
      'it answered 307',
    ],
    ['breaks off', (response) => void response.destroy(), 'could not be reached'],
    ['says it is gone', 410, 'it answered 410'],
  ])('is told again where it %s', async (_, answer, why) => {
    const told = await receiver();
    told.answer = answer;
    const { server, clock, said } = await serve([hook(told)]);
    await server.publish('chat/a', 1);
    await eventually(() => server.metrics.webhooksFailed).toBe(1);
    expect(JSON.stringify(said[0])).toContain(why);
    // Addresses may hold a key.
    expect(JSON.stringify(said)).not.toContain('canary');
    told.answer = 204;
    await waited(clock, () => server.metrics.webhooksSent === 1);
    expect(told.told.every(({ headers }) => headers.host === new URL(told.url).host)).toBe(true);
  });

  it('is given 15 s to answer, and then told again', async () => {
    const told = await receiver();
    told.answer = 'wait';
    const { server, clock } = await serve([hook(told)]);
    await server.publish('chat/a', 1);
    await eventually(() => told.told.length).toBe(1);
    await clock.advance(14_999);
    expect(server.metrics.webhooksFailed).toBe(0);
    await clock.advance(1);
    await eventually(() => server.metrics.webhooksFailed).toBe(1);
  });

  it('is not overrun once it fails: one attempt goes ahead of the others', async () => {
    const told = await receiver();
    told.answer = 500;
    const { server, clock } = await serve([hook(told)]);
    for (let n = 0; n < 200; n++) await server.publish('chat/a', n);
    // Four at first, and then one for each rest, which are longer and longer.
    await eventually(() => server.metrics.webhooksFailed).toBe(4);
    for (const failed of [5, 6, 7]) await waited(clock, () => server.metrics.webhooksFailed >= failed);
    expect(told.told.length).toBeLessThan(10);
    told.answer = 'wait';
    const before = told.told.length;
    await waited(clock, () => told.told.length > before);
    await clock.advance(1000);
    await turns(50);
    expect(told.open.size).toBe(1);
    // Once that goes well, several are told at once again.
    for (const response of told.open) response.writeHead(200).end();
    await openAre(told, 4);
    told.answer = 200;
    for (const response of told.open) response.writeHead(200).end();
    await waited(clock, () => server.metrics.webhooksSent === 200);
    expect(new Set(told.told.map(({ id }) => id)).size).toBe(200);
  });
});

describe('what waits for a webhook', () => {
  it.each([
    ['webhookEventsMax', { webhookEventsMax: 10 }, 10],
    ['webhookBytesMax', { webhookBytesMax: 65_536 }, 6],
  ])(
    'is bounded by `%s`: what is too much is dropped, counted and logged, and nobody waits',
    async (_, bounds, most) => {
      const told = await receiver();
      told.answer = 'wait';
      const { server, said } = await serve([hook(told)], bounds);
      for (let n = 0; n < 20; n++) await server.publish('chat/a', 'x'.repeat(10_000));
      expect(server.metrics).toMatchObject({
        webhooksWaiting: most,
        webhooksDropped: 20 - most,
        entriesAppended: 20,
      });
      expect(said).toContainEqual([
        'Events for a webhook were dropped.',
        { webhook: new URL(told.url).origin, events: 1, why: 'too many wait already' },
      ]);
      // What was told leaves its room to others.
      told.answer = 200;
      for (const response of told.open) response.writeHead(200).end();
      await eventually(() => server.metrics.webhooksWaiting).toBe(0);
      for (let n = 0; n < most; n++) await server.publish('chat/a', 'x'.repeat(10_000));
      await eventually(() => server.metrics.webhooksSent).toBe(2 * most);
      expect(server.metrics.webhooksDropped).toBe(20 - most);
    },
  );

  it('is told on a few connections, which are used again', async () => {
    const told = await receiver();
    const { server } = await serve([hook(told)]);
    for (let n = 0; n < 100; n++) await server.publish('chat/a', n);
    await eventually(() => server.metrics.webhooksSent).toBe(100);
    expect(told.connections).toBeLessThan(20);
  });

  it('keeps no other webhook waiting', async () => {
    const [stuck, fine] = [await receiver(), await receiver()];
    stuck.answer = 'wait';
    const { server } = await serve([hook(stuck), hook(fine)]);
    for (let n = 0; n < 20; n++) await server.publish('chat/a', n);
    await eventually(() => fine.told.length).toBe(20);
  });

  it('that comes when the server has left is dropped, and counted', async () => {
    const told = await receiver();
    const metrics = newMetrics();
    const options = resolveNumbers({ channels });
    const webhooks = new Webhooks([hook(told)], {
      ...options,
      clock: fakeClock(),
      metrics,
      logger: silentLogger,
    });
    await webhooks.close(0);
    const watched = webhooks.watch(memory(), lookup(channels));
    await watched.append('chat/a', { data: '1', from: null, keep: null });
    expect(metrics).toMatchObject({ webhooksDropped: 1, webhooksWaiting: 0 });
    expect(told.told).toEqual([]);
  });

  it('is told before the server is closed, where there is time; what is left is counted and logged', async () => {
    const [fine, stuck] = [await receiver(), await receiver()];
    stuck.answer = 'wait';
    const { server, clock, said } = await serve([hook(fine), hook(stuck)]);
    for (let n = 0; n < 20; n++) await server.publish('chat/a', n);
    const closing = server.close({ drainMs: 2000 });
    await eventually(() => server.metrics.webhooksSent).toBe(20);
    await clock.advance(2000);
    await closing;
    expect(server.metrics).toMatchObject({ webhooksSent: 20, webhooksDropped: 20, webhooksWaiting: 0 });
    expect(JSON.stringify(said)).toContain('the server left before they were told');
    // Nothing of it goes on, so that the process may end.
    await openAre(stuck, 0);
  });
});

describe('the option', () => {
  const secret = makeSecret();
  const good: WebhookTarget = { url: 'https://app.example/hook', secret, channels: ['*'] };

  it.each<[string, unknown, string]>([
    ['no list', {}, '`webhooks`'],
    ['no object in it', [null], '`webhooks[0]`'],
    ['a member that there is not', [{ ...good, event: [] }], 'a member that there isn’t'.replace('’', "'")],
    ['http to another machine', [{ ...good, url: 'http://app.example/hook' }], '`webhooks[0].url`'],
    ['a user in the address', [{ ...good, url: 'https://a:b@app.example/' }], '`webhooks[0].url`'],
    ['no secret', [{ ...good, secret: undefined }], '`webhooks[0].secret`'],
    ['a secret of another kind', [good, { ...good, secret: 'x'.repeat(40) }], '`webhooks[1].secret`'],
    ['a short secret', [{ ...good, secret: 'whsec_c2hvcnQ=' }], '`webhooks[0].secret`'],
    ['a secret that is no base64', [{ ...good, secret: `whsec_${'*'.repeat(44)}` }], '`webhooks[0].secret`'],
    ['no event', [{ ...good, events: [] }], '`webhooks[0].events`'],
    ['an event that there is not', [{ ...good, events: ['gone'] }], '`webhooks[0].events`'],
    ['no channel', [{ ...good, channels: [] }], '`webhooks[0].channels`'],
    ['a pattern that is none', [{ ...good, channels: ['a//b'] }], '`webhooks[0].channels`'],
  ])('that holds %s is refused with its name, and repeats no secret', (_, webhooks, name) => {
    const make = () => createServer({ channels, broker: memory(), webhooks: webhooks as [] });
    expect(make).toThrow(expect.objectContaining({ code: 'bad_option' }));
    expect(make).toThrow(name);
    for (const hidden of [secret.slice(6), 'app.example', 'c2hvcnQ']) expect(make).not.toThrow(hidden);
  });

  it('takes several secrets while one is being changed: it is signed with each', async () => {
    const told = await receiver();
    const { server } = await serve([hook(told, { secret: [makeSecret(), told.secret] })]);
    await server.publish('chat/a', 1);
    await eventually(() => told.told.length).toBe(1);
    expect(told.told[0]?.signed).toBe(true);
    expect(String(told.told[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  });
});

function openAre({ open }: Receiver, count: number) {
  return eventually(() => open.size).toBe(count);
}

/** Lets time pass, a little at a time, until something holds; returns how much. */
async function waited(clock: FakeClock, holds: () => boolean): Promise<number> {
  const from = clock.now();
  await passes(async () => {
    if (!holds()) await clock.advance(500);
    // What is sent now arrives before time goes on.
    await turns(20);
    expect(holds()).toBe(true);
  });
  return clock.now() - from;
}
