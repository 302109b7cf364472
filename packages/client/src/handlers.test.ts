/**
 * What applications do in handlers: throw, and call back into the SDK. Neither may break the SDK, other handlers, or the order
 * of what they are told (faults F68 and F69 of the list that the tests are drawn from).
 */
import { describe, expect, test } from 'vitest';
import { type Scene, scene } from './testing/scripted.ts';

const fail = () => {
  throw new Error('from a handler');
};

function open(here: Scene) {
  const link = here.server.link.welcome();
  link.subscribed();
  return link;
}

describe('handlers that throw', () => {
  test('are reported, and nobody else notices', async () => {
    const here = scene();
    const { client, server, clock, errors } = here;
    const room = client.stream('chat/a');
    const got: unknown[] = [];
    client.status.subscribe(fail);
    client.unsent.subscribe(fail);
    room.freshness.subscribe(fail);
    room.onRecover(fail);
    room.onMessage(fail);
    room.onMessage(({ data }) => got.push(data));
    const list = room.timeline();
    list.subscribe(fail);
    const stored = room.publish('p');
    const link = open(here);
    link.ack(link.take('publish'), 1);
    link.entries(1, 1, 'p', 'b');
    await expect(stored).resolves.toMatchObject({ offset: 1 });
    expect(got).toEqual(['p', 'b']);
    expect(list.get().items).toHaveLength(2);
    expect(errors.length).toBeGreaterThan(7);
    server.link.break();
    await clock.advance(250);
    server.link.welcome();
    expect(server.link.take('subscribe').start).toMatchObject({ offset: 2 });
  });

  test('an error hook that throws ends there', async () => {
    const here = scene({ onError: fail });
    const got: unknown[] = [];
    here.client.stream('chat/a').onMessage(fail);
    here.client.stream('chat/a').onMessage(({ data }) => got.push(data));
    open(here).entries(1, 1, 'a');
    await here.settle();
    expect(got).toEqual(['a']);
  });
});

describe('handlers that call back', () => {
  test('one that stops listening gets nothing more, not even of the same batch; others do', () => {
    const here = scene();
    const room = here.client.stream('chat/a');
    const once: unknown[] = [];
    const all: unknown[] = [];
    const stop = room.onMessage(({ data }) => {
      once.push(data);
      stop();
    });
    room.onMessage(({ data }) => all.push(data));
    open(here).entries(1, 1, 'a', 'b');
    expect([once, all]).toEqual([['a'], ['a', 'b']]);
  });

  test('one that stops a later one keeps it from being called', () => {
    const here = scene();
    const room = here.client.stream('chat/a');
    const got: unknown[] = [];
    let stop = () => {};
    room.onMessage(() => stop());
    stop = room.onMessage(({ data }) => got.push(data));
    open(here).entries(1, 1, 'a');
    expect(got).toEqual([]);
  });

  test('[S6] leaving and listening anew in a handler, at every message, doubles and loses nothing', async () => {
    const here = scene();
    const room = here.client.stream('chat/a');
    const got: unknown[] = [];
    const listen = () => {
      const stop = room.onMessage(({ data }) => {
        got.push(data);
        stop();
        listen();
      });
    };
    listen();
    const link = open(here);
    link.entries(1, 1, 'a');
    link.entries(1, 2, 'b');
    await here.settle();
    link.entries(1, 3, 'c');
    expect(got).toEqual(['a', 'b', 'c']);
    expect(link.inbox).toEqual([]);
  });

  test('publishing in a handler keeps the order', () => {
    const here = scene();
    const room = here.client.stream('chat/a');
    room.onMessage(({ data }) => void room.publish(`re ${data}`).catch(fail));
    const link = open(here);
    link.entries(1, 1, 'a', 'b');
    link.entries(1, 3, 'c');
    expect(link.takePublishes().map(({ sequence, data }) => [sequence, data])).toEqual([
      [1, '"re a"'],
      [2, '"re b"'],
      [3, '"re c"'],
    ]);
  });

  test('publishing when one failed, and closing when another is stored', async () => {
    const here = scene();
    const room = here.client.stream('chat/a');
    const list = room.timeline();
    list.subscribe(() => {
      const { items } = list.get();
      if (items.some(({ status }) => status === 'failed') && items.length === 1) void list.publish('instead');
      if (items.some(({ data, status }) => data === 'instead' && status === 'sent')) here.client.close();
    });
    void list.publish('bad');
    const link = open(here);
    link.refuse(link.take('publish'), 'forbidden');
    link.ack(link.take('publish'), 1);
    await here.settle();
    expect(here.client.status.get().state).toBe('closed');
    expect(here.client.unsent.get()).toBe(0);
  });

  test.each(['onMessage', 'onRecover', 'freshness', 'status'] as const)(
    'closing in %s ends everything there',
    async (place) => {
      const here = scene();
      const { client, clock } = here;
      const room = client.stream('chat/a');
      const got: unknown[] = [];
      const close = () => client.close();
      if (place === 'onMessage') room.onMessage(close);
      if (place === 'onRecover') room.onRecover(close);
      if (place === 'freshness')
        room.freshness.subscribe(() => room.freshness.get().state === 'live' && close());
      if (place === 'status') client.status.subscribe(() => client.status.get().state === 'open' && close());
      room.onMessage(({ data }) => got.push(data));
      const stored = room.publish('p');
      const link = here.server.link.welcome();
      if (link.inbox[0]?.type === 'subscribe') link.subscribed();
      link.entries(1, 1, 'a', 'b');
      await expect(stored).rejects.toMatchObject({ code: 'closed' });
      expect(got).toEqual([]);
      expect(room.freshness.get().state).toBe('stale');
      expect([client.status.get().state, clock.timers]).toEqual(['closed', 0]);
    },
  );

  test('subscribing to other channels while coming back sends each subscription once', async () => {
    const here = scene();
    const { client, server, clock } = here;
    client.stream('chat/a').onMessage(() => {});
    client.status.subscribe(() => {
      if (client.status.get().state === 'open') client.stream('chat/b').onMessage(() => {});
    });
    open(here);
    expect(server.link.subscribed({ id: 2 })).toMatchObject({ channel: 'chat/b' });
    server.link.break();
    await clock.advance(250);
    server.link.welcome();
    expect(server.link.inbox.map((frame) => 'channel' in frame && frame.channel)).toEqual([
      'chat/a',
      'chat/b',
    ]);
  });
});
