/**
 * Links whose requests reach any of several nodes: what is passed on, what becomes of it where that is lost, told twice or late, and
 * when a node is gone. Nodes in one process, by a clock that stands still; real sockets.
 */
import { describe, expect, it } from 'vitest';
import { cluster } from '../../../testing/cluster.ts';
import { LinkClient } from '../../../testing/link.ts';
import { turns } from '../../../testing/meddle.ts';
import { eventually } from '../../../testing/wire.ts';
import { room } from '../../transport.suite.ts';
import { Pieces, readSent, split } from './pieces.ts';

const body = (ref: number) => JSON.stringify(['unsubscribe', ref, 'chat/none']);
const publish = (sequence: number, data: string) =>
  ({ type: 'publish', ref: 1000 + sequence, channel: room, producer: 'p', sequence, data }) as const;

describe.each(['sse', 'long-poll'] as const)('a link as %s', (as) => {
  it('[L9] goes on by whichever node its requests reach, each entry once and in order', async () => {
    const { nodes, at } = await cluster(3);
    const client = await LinkClient.open(
      nodes.map(({ port }) => port),
      as,
    );
    await client.expect('welcome');
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    await client.expect('subscribed');
    const acks: number[] = [];
    const entries: string[] = [];
    for (let i = 1; i <= 60; i++) {
      if (i % 2) client.send(publish((i + 1) / 2, String(i)));
      else await at(i % 3).server.publish(room, i);
    }
    while (acks.length < 30 || entries.length < 60) {
      const frame = await client.frame();
      if (frame.type === 'ack') acks.push(frame.ref);
      if (frame.type === 'entries') entries.push(...frame.entries.map(String));
    }
    expect(acks).toEqual(Array.from({ length: 30 }, (_, i) => 1001 + i));
    expect([...entries].map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    // The session is on one node, whoever is asked.
    expect(nodes.map(({ server }) => server.metrics.sessionsOpen).sort()).toEqual([0, 0, 1]);
  });

  it('[L9] carries frames larger than what nodes tell at once, both ways', async () => {
    const { nodes } = await cluster(3, { payloadBytesMax: 3_000_000, frameBytesMax: 3_100_000 });
    const client = await LinkClient.open(
      nodes.map(({ port }) => port),
      as,
    );
    await client.expect('welcome');
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    await client.expect('subscribed');
    const large = `"${'€'.repeat(900_000)}"`;
    for (let i = 1; i <= 3; i++) {
      client.send(publish(i, large));
      await client.expect('ack');
      expect((await client.expect('entries')).entries.map((entry) => entry === large)).toEqual([true]);
    }
  });
});

/** A link that the first node has, and whose requests go to the second. */
async function apart() {
  const made = await cluster(2);
  const [one, two] = [made.at(0), made.at(1)];
  const client = await LinkClient.open(one.port, 'long-poll', { idle: true });
  const elsewhere = await LinkClient.open(two.port, 'long-poll', { idle: true });
  await elsewhere.frames('n=1&end', { method: 'POST' });
  elsewhere.id = client.id;
  expect((await client.frames('after=0')).text).toMatch(/^data:\["welcome"/);
  let told = 0;
  two.node.hear(`?link/${two.node.id}`, () => told++);
  /** A poll that the first node has and the second waits for. */
  const waiting = async () => {
    const before = told;
    const answer = elsewhere.frames('after=1');
    answer.catch(() => {});
    await eventually(() => told).toBe(before + 1);
    return { answer };
  };
  /** Time passes, and what nodes tell each other arrives meanwhile. */
  const passes = async (ms: number) => {
    for (let i = 0; i < ms; i += 500) {
      await made.clock.advance(500);
      await turns(5);
    }
  };
  return { ...made, one, two, client, elsewhere, told: () => told, waiting, passes };
}

describe('a request that is passed on', () => {
  it('[L9] is answered with 404 where its node has no such link, or there is no such node', async () => {
    const { clock, elsewhere, client, two } = await apart();
    const nobody = `${client.id.split('.')[0]}.${'x'.repeat(22)}`;
    for (const id of [nobody, `${two.node.id}.${'x'.repeat(22)}`, 'x', 'a.b', '../../etc']) {
      elsewhere.id = id;
      expect((await elsewhere.frames('after=1')).status).toBe(404);
    }
    elsewhere.id = `nowhere.${'x'.repeat(22)}`;
    const asked = elsewhere.frames('n=1', { method: 'POST', body: body(1) });
    for (let i = 0; i < 8; i++) {
      await turns(20);
      await clock.advance(500);
    }
    expect((await asked).status).toBe(404);
    elsewhere.id = '';
  });

  it('[L9] that is lost is answered with 503, and does nothing twice when it is asked again', async () => {
    const { clock, one, elsewhere, client } = await apart();
    one.node.freeze();
    const asked = elsewhere.frames('n=1', { method: 'POST', body: body(1) });
    for (let i = 0; i < 8; i++) {
      await turns(20);
      await clock.advance(500);
    }
    const { status, text } = await asked;
    expect([status, JSON.parse(text).error.code]).toEqual([503, 'unavailable']);
    one.node.thaw();
    for (let i = 0; i < 3; i++)
      expect((await elsewhere.frames('n=1', { method: 'POST', body: body(1) })).status).toBe(204);
    expect((await client.frames('after=1')).text).toBe('data:["unsubscribed",1]\n\n');
    expect(one.server.metrics.framesReceived).toBe(1);
  });

  it.each(['ask', 'held', 'reply'])('[L9] survives that one "%s" is lost, and is done once', async (type) => {
    const { one, two, elsewhere, client, passes } = await apart();
    let lost = 0;
    const lose = (node: typeof one.node) => {
      const { tell } = node;
      node.tell = (topic, text) => {
        if (text.startsWith(`["${type}"`) && lost === 0) lost++;
        else tell.call(node, topic, text);
      };
    };
    for (const { node } of [one, two]) lose(node);
    // A poll, whose waiting is told, or a post, which is done at once.
    const poll = type === 'held' ? elsewhere.frames('after=1') : undefined;
    poll?.catch(() => {});
    const post = poll ?? elsewhere.frames('n=1', { method: 'POST', body: body(1) });
    await eventually(() => lost).toBe(1);
    await passes(500);
    if (poll) await client.frames('n=1', { method: 'POST', body: body(1) });
    expect((await post).status).toBe(poll ? 200 : 204);
    expect(one.server.metrics.framesReceived).toBe(1);
  });

  it('[L9] [L7] and waits gives nothing away when its client leaves', async () => {
    const { clock, one, two, elsewhere, client, told } = await apart();
    elsewhere.frames('after=1').catch(() => {});
    await eventually(told).toBe(1);
    elsewhere.cut();
    let dropped = 0;
    one.node.hear(`?link/${one.node.id}`, (text) => void (text.startsWith('["drop"') && dropped++));
    await eventually(() => dropped).toBe(1);
    expect((await client.frames('n=1', { method: 'POST', body: body(1) })).status).toBe(204);
    expect((await client.frames('after=1')).text).toBe('data:["unsubscribed",1]\n\n');
    expect(two.server.metrics.sessionsOpen).toBe(0);
    expect(clock.timers).toBeGreaterThan(0);
  });

  it('[L9] and waits is answered with 503 when the node that has the link says nothing, and with 404 when it is gone', async () => {
    const { one, elsewhere, waiting, passes } = await apart();
    const { answer } = await waiting();
    one.node.freeze();
    await passes(5_000);
    expect((await answer).status).toBe(503);
    const again = elsewhere.frames('after=1');
    await passes(9_000);
    expect((await again).status).toBe(503);
    const last = elsewhere.frames('after=1');
    await passes(2_000);
    expect((await last).status).toBe(404);
    elsewhere.id = '';
  });

  it('[L9] [L7] and whose reply is lost is asked again in time, and nothing with it is lost', async () => {
    const { one, client, elsewhere, waiting, passes } = await apart();
    const { tell } = one.node;
    const { answer } = await waiting();
    let lost = 0;
    one.node.tell = (topic, text) => {
      if (text.startsWith('["reply"') && lost === 0) lost++;
      else tell.call(one.node, topic, text);
    };
    expect((await client.frames('n=1', { method: 'POST', body: body(1) })).status).toBe(204);
    expect(lost).toBe(1);
    await passes(3_000);
    expect((await answer).status).toBe(503);
    expect((await elsewhere.frames('after=1')).text).toBe('data:["unsubscribed",1]\n\n');
    // For as long as a link is kept for its next poll: by then it would be gone, had nobody asked.
    await passes(9_000);
    expect(one.server.metrics.sessionsOpen).toBe(1);
  });

  it('[L9] and waits at a node that hears nothing any more is answered with 503 well before its link is given up', async () => {
    const { two, waiting, passes } = await apart();
    const { answer } = await waiting();
    two.node.freeze();
    await passes(5_000);
    expect((await answer).status).toBe(503);
    two.node.thaw();
  });

  it('[L9] and waits is looked after at once when the way between the nodes was broken', async () => {
    const { one, two, client, waiting } = await apart();
    const { answer } = await waiting();
    two.node.freeze();
    expect((await client.frames('n=1', { method: 'POST', body: body(1) })).status).toBe(204);
    await turns(5);
    two.node.thaw();
    two.health.break();
    two.health.mend();
    expect((await answer).status).toBe(503);
    expect((await client.frames('after=1')).text).toBe('data:["unsubscribed",1]\n\n');
    expect(one.server.metrics.sessionsOpen).toBe(1);
  });

  it('[L9] [L7] and waits is left alone while nothing is lost, for as long as the server waits', async () => {
    const { clock, waiting, passes } = await apart();
    const { answer } = await waiting();
    let answered = false;
    void answer.then(() => {
      answered = true;
    });
    await passes(24_000);
    expect(answered).toBe(false);
    await clock.advance(1_000);
    expect((await answer).status).toBe(204);
  });

  it('[L9] and waits when its node leaves is answered with 503, once nobody is left there', async () => {
    const { two, waiting } = await apart();
    const { answer } = await waiting();
    const closed = two.server.close({ drainMs: 1000 });
    expect((await answer).status).toBe(503);
    await closed;
  });

  it('[L9] is done once, told once or twice', async () => {
    const { one, two, elsewhere, client } = await apart();
    const { tell } = two.node;
    two.node.tell = (topic, text) => {
      tell.call(two.node, topic, text);
      tell.call(two.node, topic, text);
    };
    for (let i = 1; i <= 5; i++)
      expect((await elsewhere.frames(`n=${i}`, { method: 'POST', body: body(i) })).status).toBe(204);
    expect(one.server.metrics.framesReceived).toBe(5);
    expect((await client.frames('after=1')).text.match(/unsubscribed/g)).toHaveLength(5);
  });
});

describe('what nodes tell', () => {
  const sent = { type: 'ask', from: 'a', ref: '1', head: ['link', 'frames', 1] } as const;
  const clock = { now: () => 0 } as never;

  it('is put together again in whatever order, and however often, its pieces come', () => {
    const bytes = Buffer.from('€'.repeat(700_000));
    const texts = [...split(sent, bytes)];
    expect(texts.length).toBeGreaterThan(2);
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThan(1_048_576 - 100);
    const pieces = new Pieces(clock);
    const order = [...texts.slice(1), ...texts.slice(1), texts[0] ?? ''];
    const whole = order.map((text) => {
      const one = readSent(text);
      return one && pieces.add(one);
    });
    expect(whole.slice(0, -1).every((one) => one === undefined)).toBe(true);
    expect(whole.at(-1)?.equals(bytes)).toBe(true);
  });

  it('is forgotten when it is never whole, and what is none of it is passed over', () => {
    let now = 0;
    const pieces = new Pieces({ now: () => now } as never);
    const [first = '', second = ''] = split(sent, Buffer.alloc(500_000));
    const add = (text: string) => pieces.add(readSent(text) as never);
    expect(add(first)).toBeUndefined();
    now = 20_000;
    expect(add(second)).toBeUndefined();
    expect(add(first)?.length).toBe(500_000);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '["ask"]',
      '["ask","a","1",2,2,[],""]',
      '["ask","a","1",0,1e9,[],""]',
    ])
      expect(readSent(text)).toBeUndefined();
  });
});
