/**
 * How much a user's sessions may ask for, over real sockets: what a request costs, when it is refused and until when, and
 * how many sessions there may be.
 */
import { errors } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import type { ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import { named, refusalOf } from './testing/identities.ts';
import { everything, serve } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
describe('how much a session may ask for', () => {
  it('[F11] is a burst, and then a rate: what is too much is refused with when to go on, others notice nothing', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, requestsBurstMax: 10, requestsPerSecondMax: 2 });
    const eager = await WireClient.connect(port);
    const calm = await WireClient.connect(port);
    await server.publish(room, 'the channel is open');
    for (let i = 1; i <= 12; i++) eager.publish(room, i, 'p', i);
    const answers: ServerFrame[] = [];
    for (let i = 1; i <= 12; i++) answers.push(await eager.frame());
    const refused = { type: 'error', code: 'too_many', detail: { retryMs: 500 } };
    const stored = Array.from({ length: 10 }, (_, i) => ({ type: 'ack', position: { offset: i + 2 } }));
    // What is refused is answered at once, and so before what has to be stored first.
    expect(answers.filter((one) => one.type === 'ack')).toMatchObject(stored);
    expect(answers.filter((one) => one.type === 'error')).toMatchObject([refused, refused]);
    calm.publish(room, 'calm', 'q', 1);
    expect(await calm.expect('ack')).toMatchObject({ position: { offset: 12 } });
    await clock.advance(500);
    eager.publish(room, 11, 'p', 11);
    expect(await eager.expect('ack')).toMatchObject({ position: { offset: 13 } });
    expect(server.metrics.requestsLimited).toBe(2);
  });

  it.each<[string, string]>([
    [
      'a publish, also when its size is not its payload’s',
      `["publish",1,"chat/x","p",1,1,"${'x'.repeat(40_000)}"]`,
    ],
    ['an unsubscribe', `["unsubscribe",1,"chat/x","${'x'.repeat(40_000)}"]`],
    ['a heartbeat', `["heartbeat","${'x'.repeat(40_000)}"]`],
    ['a frame that can’t be read', `["nothing",1,"${'x'.repeat(40_000)}"]`],
  ])('counts the bytes of %s', async (_, text) => {
    const { port, server } = await serve({
      clock: fakeClock(),
      requestsBurstMax: 14,
      requestsPerSecondMax: 1,
    });
    await server.publish(room, 'the channel is open');
    const client = await WireClient.connect(port);
    client.sendText(text);
    await client.frame();
    client.sendText('["subscribe",2,"chat/x",0]');
    client.sendText('["subscribe",3,"chat/x",0]');
    client.sendText('["subscribe",4,"chat/x",0]');
    const answers = [await client.frame(), await client.frame(), await client.frame()];
    expect(answers.some((one) => one.type === 'error' && one.code === 'too_many')).toBe(true);
  });

  it('is what all sessions of a user have together, those that came and went included', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({
      clock,
      requestsBurstMax: 4,
      requestsPerSecondMax: 1,
      authenticate: named({
        ada: { user: 'ada', capabilities: everything },
        bob: { user: 'bob', capabilities: everything },
      }),
    });
    await server.publish(room, 'the channel is open');
    for (let i = 0; i < 2; i++) {
      const client = await WireClient.connect(port, '/sync?ada');
      expect(await refusalOf(client, 'subscribe', room)).toBeUndefined();
      client.inbox.socket.terminate();
      await expect.poll(() => server.metrics.sessionsOpen).toBe(0);
    }
    const again = await WireClient.connect(port, '/sync?ada');
    expect(await refusalOf(again, 'subscribe', room)).toBe('too_many');
    const bob = await WireClient.connect(port, '/sync?bob');
    expect(await refusalOf(bob, 'subscribe', room)).toBeUndefined();
    await clock.advance(2000);
    expect(await refusalOf(again, 'subscribe', room)).toBeUndefined();
  });

  it('counts more for a channel that must be opened first', async () => {
    const { port, server } = await serve({
      clock: fakeClock(),
      requestsBurstMax: 12,
      requestsPerSecondMax: 1,
    });
    await server.publish('chat/open', 1);
    const client = await WireClient.connect(port);
    for (let i = 0; i < 5; i++) await client.subscribe('chat/open');
    expect(await refusalOf(client, 'subscribe', 'chat/closed')).toBe('too_many');
  });

  it('counts large publishes and pages of history for more than one', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, requestsBurstMax: 10, requestsPerSecondMax: 1 });
    await server.publish(room, 'the channel is open');
    const client = await WireClient.connect(port);
    client.publish(room, 'x'.repeat(5 * 4096), 'p', 1);
    await client.expect('ack');
    expect(await refusalOf(client, 'history', room)).toBe('too_many');
    await clock.advance(1000);
    expect(await refusalOf(client, 'history', room)).toBeUndefined();
  });

  it('[L2] ends for who goes on and on', async () => {
    const { port, server } = await serve({
      clock: fakeClock(),
      requestsBurstMax: 1,
      requestsPerSecondMax: 1,
    });
    const client = await WireClient.connect(port);
    for (let i = 1; i <= 1100; i++) client.sendText(`["unsubscribe",${i},"chat/x"]`);
    expect(await client.inbox.closed()).toBe(errors.too_many.close);
    expect(server.metrics.requestsLimited).toBeLessThanOrEqual(1001);
  });

  it('a user has so many sessions, and a place is free again when one is gone', async () => {
    const { port, server } = await serve({
      sessionsPerUserMax: 2,
      authenticate: named({ ada: { user: 'ada' }, bob: { user: 'bob' }, null: { user: null } }),
    });
    const first = await WireClient.connect(port, '/sync?ada');
    await WireClient.connect(port, '/sync?ada');
    await expect(WireClient.dial(port, '/sync?ada')).rejects.toThrow('429');
    await WireClient.connect(port, '/sync?bob');
    for (let i = 0; i < 3; i++) await WireClient.connect(port, '/sync?null');
    first.close();
    await expect.poll(() => server.metrics.sessionsOpen).toBe(5);
    await WireClient.connect(port, '/sync?ada');
  });
});
