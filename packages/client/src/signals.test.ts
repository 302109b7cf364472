/**
 * Signals with a scripted server: how often they are sent, what becomes of those of others, and that they are lost where there is
 * no link. Nothing of them is kept.
 */
import { describe, expect, test } from 'vitest';
import { comeBack } from './testing/fleet.ts';
import { keyOf, type Lobby, lobby } from './testing/lobby.ts';
import type { ScriptedLink } from './testing/scripted.ts';

/** Takes what the client signalled and answers it, as to the client of that word. */
function take(link: ScriptedLink, word = 'me'): string {
  const { ref, data } = link.take('signal');
  link.say({ type: 'signalled', ref, key: keyOf(word) });
  return data;
}

/** A client that is told of signals. */
function listening(): Lobby & { readonly heard: unknown[]; readonly stop: () => void } {
  const here = lobby();
  const heard: unknown[] = [];
  const stop = here.room.onSignal(({ user, data }) => heard.push(`${user}: ${data}`));
  here.server.link.welcome();
  here.server.link.subscribed();
  return { ...here, heard, stop };
}

const data = ({ room }: Lobby) => room.signals.get().map((one) => one.data);

describe('sending', () => {
  test('[N6] says it at once, with the secret that it enters with', () => {
    const { room, server } = listening();
    room.signal({ typing: true });
    const { channel, lease, data } = server.link.take('signal');
    expect({ channel, data }).toEqual({ channel: 'chat/a', data: '{"typing":true}' });
    void room.presence.enter(1);
    expect(server.link.take('enter').lease).toBe(lease);
  });

  test('[N7] the same is sent again only after 3 s', async () => {
    const { room, server, clock } = listening();
    room.signal('typing');
    expect(take(server.link)).toBe('"typing"');
    await clock.advance(2_999);
    room.signal('typing');
    expect(server.link.inbox).toEqual([]);
    await clock.advance(1);
    room.signal('typing');
    expect(take(server.link)).toBe('"typing"');
  });

  test('what is published between two that say the same lets the second go at once: it begins anew', async () => {
    const { room, server, clock } = listening();
    room.signal('typing');
    take(server.link);
    await clock.advance(200);
    void room.publish('hello');
    server.link.take('publish');
    room.signal('typing');
    expect(take(server.link)).toBe('"typing"');
    await clock.advance(200);
    room.signal('typing');
    expect(server.link.inbox).toEqual([]);
  });

  test('[N7] others are sent at most each 50 ms, the newest; what was sent last takes back what waits', async () => {
    const { room, server, clock } = listening();
    room.signal(1);
    room.signal(2);
    room.signal(3);
    expect(take(server.link)).toBe('1');
    await clock.advance(49);
    expect(server.link.inbox).toEqual([]);
    await clock.advance(1);
    expect(take(server.link)).toBe('3');
    room.signal(4);
    room.signal(3);
    await clock.advance(100);
    expect(server.link.inbox).toEqual([]);
  });

  test('a clock that was set back doesn’t silence it', async () => {
    const { room, server, clock } = listening();
    room.signal(1);
    take(server.link);
    await clock.advance(50);
    clock.setNow(clock.now() - 3_600_000);
    room.signal(1);
    expect(take(server.link)).toBe('1');
  });

  test('[N6] while there is no link it is dropped, and so is what waited for its turn', async () => {
    const here = listening();
    const { room, server } = here;
    room.signal(1);
    take(server.link);
    room.signal(2);
    server.link.break();
    room.signal(3);
    while (server.links.length < 2) await here.clock.advance(250);
    server.link.welcome();
    await here.clock.advance(250);
    expect(server.link.take('subscribe')).toBeDefined();
    expect(server.link.inbox).toEqual([]);
  });

  test('doesn’t connect by itself', () => {
    const { room, server } = lobby();
    room.signal(1);
    expect(server.links).toEqual([]);
  });

  test('what can’t be sent, or is refused for good, is reported; what was too much is dropped', async () => {
    const { room, server, errors, clock } = listening();
    room.signal(undefined);
    let deep: unknown = 0;
    for (let i = 0; i < 40; i++) deep = [deep];
    room.signal(deep);
    room.signal('x'.repeat(100_000));
    await clock.advance(50);
    room.signal(1);
    server.link.refuse(server.link.take('signal'), 'forbidden');
    await clock.advance(50);
    room.signal(2);
    server.link.refuse(server.link.take('signal'), 'too_many', { retryMs: 1_000 });
    await clock.advance(2_000);
    expect(server.link.inbox).toEqual([]);
    const codes = ['bad_payload', 'bad_payload', 'payload_too_large', 'forbidden'];
    expect(errors).toMatchObject(codes.map((code) => ({ code })));
  });
});

describe('hearing', () => {
  test('[N6] the newest of each other client is shown, and each is told', () => {
    const here = listening();
    here.signals(['a', 'ada', 1], ['b', 'bob', 2]);
    here.signals(['a', 'ada', 3]);
    expect(here.heard).toEqual(['ada: 1', 'bob: 2', 'ada: 3']);
    expect(data(here)).toEqual([2, 3]);
    expect(here.room.signals.get()[1]).toEqual({
      id: keyOf('a'),
      user: 'ada',
      data: 3,
      at: here.client.serverNow(),
    });
  });

  test('it is gone 6 s after it came', async () => {
    const here = listening();
    here.signals(['a', 'ada', 1]);
    await here.clock.advance(3_000);
    here.signals(['b', 'bob', 2]);
    await here.clock.advance(2_999);
    expect(data(here)).toEqual([1, 2]);
    await here.clock.advance(1);
    expect(data(here)).toEqual([2]);
    here.signals(['b', 'bob', 3]);
    await here.clock.advance(5_999);
    expect(data(here)).toEqual([3]);
    await here.clock.advance(1);
    expect(data(here)).toEqual([]);
  });

  test('[N6] one’s own are left out, by the key that the answer told', async () => {
    const here = listening();
    here.room.signal(1);
    take(here.server.link, 'me');
    here.signals(['me', 'ada', 1], ['tab', 'ada', 2]);
    expect(here.heard).toEqual(['ada: 2']);
    const link = await comeBack(here);
    link.subscribed();
    here.signals(['me', 'ada', 4]);
    expect(here.heard).toEqual(['ada: 2']);
  });

  test('whoever listens follows the channel', async () => {
    const here = listening();
    const off = here.room.signals.subscribe(() => {});
    here.stop();
    await here.settle();
    expect(here.server.link.inbox).toEqual([]);
    off();
    await here.settle();
    expect(here.server.link.take('unsubscribe').channel).toBe('chat/a');
    here.signals(['a', 'ada', 1]);
    expect(here.heard).toEqual([]);
  });

  test('on a state channel it begins with all keys, so that who asks for them next has them', () => {
    const { client, server } = lobby();
    client.state('fleet/a').onSignal(() => {});
    server.link.welcome();
    expect(server.link.take('subscribe').start).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('after the client is closed nothing is told, and no timer is left', async () => {
    const here = listening();
    here.room.signal(1);
    here.signals(['a', 'ada', 1]);
    here.client.close();
    here.signals(['b', 'bob', 2]);
    expect(here.heard).toEqual(['ada: 1']);
    await here.settle();
    expect(here.clock.timers).toBe(0);
  });
});
