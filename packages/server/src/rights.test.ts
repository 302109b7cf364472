/**
 * Rights that change while a session goes on, over real sockets: they end, are renewed, are withdrawn, and what was under way
 * when they did is held to what holds then.
 */
import { errors } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Identity } from './access.ts';
import { memory } from './broker/memory.ts';
import { named, refusalOf } from './testing/identities.ts';
import { gate } from './testing/meddle.ts';
import { everything, serve } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
describe('rights that end', () => {
  /** Short enough for no heartbeat to come between. */
  const lifeMs = 10_000;

  it('[I1] tells in the welcome when they end, and [I6] ends the session then, and nothing is delivered after', async () => {
    const clock = fakeClock();
    const expiresAt = clock.now() + lifeMs;
    const { port, server } = await serve({
      clock,
      broker: memory({ clock }),
      authenticate: named({ ada: { user: 'ada', capabilities: everything, expiresAt } }),
    });
    const client = await WireClient.dial(port, '/sync?ada');
    expect(await client.expect('welcome')).toMatchObject({ expiresMs: lifeMs });
    await client.subscribe(room);
    await clock.advance(lifeMs - 1);
    await server.publish(room, 'in time');
    expect(await client.entries(0, 1)).toEqual(['"in time"']);
    await clock.advance(1);
    await server.publish(room, 'too late');
    expect(await client.inbox.closed()).toBe(errors.expired.close);
    expect(client.inbox.unread.filter((text) => text.includes('too late'))).toEqual([]);
  });

  it('refuses what is asked for after the end even before the timer has fired', async () => {
    const clock = fakeClock();
    let now = clock.now();
    const late = { ...clock, now: () => now, timers: 0 };
    const { port } = await serve({
      clock: late,
      authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: now + 1000 }),
    });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    now += 1001;
    for (const action of ['publish', 'history', 'subscribe'] as const)
      expect(await refusalOf(client, action, room)).toBe('expired');
  });

  it('lets nobody in whose rights have ended already', async () => {
    const { port } = await serve({ authenticate: () => ({ user: 'ada', expiresAt: Date.now() - 1 }) });
    await expect(WireClient.dial(port)).rejects.toThrow('401');
  });

  it('[I2] [I4] a new token renews them in the session, for a subscription that is there too', async () => {
    const clock = fakeClock();
    const identity = { user: 'ada', capabilities: everything };
    const { port, server } = await serve({
      clock,
      broker: memory({ clock }),
      authenticate: named({
        ada: { ...identity, expiresAt: clock.now() + lifeMs },
        'ada-2': { ...identity, expiresAt: clock.now() + 3 * lifeMs },
      }),
    });
    const client = await WireClient.connect(port, '/sync?ada');
    await client.subscribe(room);
    await clock.advance(lifeMs / 2);
    client.send({ type: 'auth', ref: 7, token: 'ada-2' });
    expect(await client.expect('authenticated')).toEqual({
      type: 'authenticated',
      ref: 7,
      expiresMs: 2.5 * lifeMs,
    });
    await clock.advance(2.5 * lifeMs - 1);
    await server.publish(room, 'still here');
    expect(await client.entries(0, 1)).toEqual(['"still here"']);
    await clock.advance(1);
    expect(await client.inbox.closed()).toBe(errors.expired.close);
  });

  it('tells `authenticate` where a session that renews them called, and from where, without what let it in', async () => {
    const asked: unknown[] = [];
    const { port } = await serve({
      tokenParameter: 'token',
      authenticate: ({ token, headers, url, remoteAddress }) => {
        asked.push([token, Object.keys(headers).length > 0, url, remoteAddress]);
        return { user: 'ada', capabilities: everything };
      },
    });
    for (const [called, told] of [
      ['/sync?token=first&of=acme%20inc', '/sync?of=acme+inc'],
      ['/sync?token=first', '/sync'],
    ] as const) {
      const client = await WireClient.connect(port, called);
      client.send({ type: 'auth', ref: 9, token: 'next' });
      await client.expect('authenticated');
      const [first, next] = asked.splice(0) as [unknown[], unknown[]];
      expect(first).toEqual(['first', true, called, expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]);
      expect(next).toEqual(['next', false, told, first[3]]);
    }
  });

  it('[I3] keeps the user: a token of someone else is refused, a bad one too, and the session goes on as it was', async () => {
    const ada = { user: 'ada', capabilities: { [room]: ['publish'] } } as const;
    const { port } = await serve({
      authenticate: named({ ada, bob: { user: 'bob', capabilities: everything } }),
    });
    const client = await WireClient.connect(port, '/sync?ada');
    for (const [token, code] of [
      ['bob', 'forbidden'],
      ['canary-4711', 'unauthenticated'],
    ] as const) {
      const ref = client.nextRef();
      client.send({ type: 'auth', ref, token });
      const error = await client.expect('error');
      expect(error).toMatchObject({ ref, code });
      expect(JSON.stringify(error)).not.toMatch(/canary|secret/);
      expect(await refusalOf(client, 'subscribe', room)).toBe('forbidden');
    }
  });

  it('[I4] [I5] a renewal that allows less ends the subscriptions it no longer allows, and those only', async () => {
    const { port, server } = await serve({
      authenticate: named({
        ada: { user: 'ada', capabilities: everything },
        less: { user: 'ada', capabilities: { 'chat/kept': ['subscribe'] } },
      }),
    });
    const client = await WireClient.connect(port, '/sync?ada');
    const { id } = await client.subscribe('chat/lost');
    await client.subscribe('chat/kept');
    client.send({ type: 'auth', ref: 9, token: 'less' });
    await client.expect('authenticated');
    expect(await client.expect('revoked')).toMatchObject({ id, code: 'forbidden' });
    await server.publish('chat/lost', 1);
    await server.publish('chat/kept', 2);
    expect(await client.flush()).toMatchObject([{ type: 'entries', entries: ['2'] }]);
    expect(await refusalOf(client, 'publish', 'chat/kept')).toBe('forbidden');
    expect(server.metrics.cursorsOpen).toBe(1);
  });

  it('[I4] a subscription that is being made while they are renewed is held to the new ones', async () => {
    const asked = gate();
    let strict = false;
    const { port, server } = await serve({
      authenticate: () => ({ user: 'ada' }),
      authorize: async () => {
        if (strict) return false;
        await asked.passed;
        return true;
      },
    });
    const client = await WireClient.connect(port);
    client.send({ type: 'subscribe', ref: 1, channel: room, start: 0 });
    await client.flush();
    strict = true;
    client.send({ type: 'auth', ref: 2, token: 't' });
    await client.expect('authenticated');
    asked.open();
    expect(await client.expect('error')).toMatchObject({ ref: 1, code: 'forbidden' });
    expect(server.metrics.cursorsOpen).toBe(0);
  });
});

describe('what is under way when rights change', () => {
  /** A node on which every publish is looked at for as long as the test wants. */
  async function slow(identities: Readonly<Record<string, Identity>>) {
    const held = gate();
    const running = await serve({
      authenticate: named(identities),
      beforePublish: () => held.passed.then(() => undefined),
    });
    const client = await WireClient.connect(running.port, '/sync?ada');
    for (let i = 1; i <= 5; i++) client.publish(room, i, 'p', i);
    await client.flush();
    return { ...running, client, held };
  }

  it.each<
    [string, (server: { disconnect(user: string): number; revoke(id: string): number }) => number, number]
  >([
    ['disconnect', (server) => server.disconnect('ada'), errors.disconnected.close],
    ['revoke', (server) => server.revoke('t1'), errors.revoked.close],
  ])('[I6] nothing is stored after %s, however much was asked for before', async (_, withdraw, code) => {
    const { server, client, held } = await slow({
      ada: { user: 'ada', tokenId: 't1', capabilities: everything },
    });
    expect(withdraw(server)).toBe(1);
    held.open();
    expect(await client.inbox.closed()).toBe(code);
    await server.publish(room, 'mine');
    expect(server.metrics.entriesAppended).toBe(1);
  });

  it('[I4] what was asked for under the old rights and is not done is held to the new ones', async () => {
    const { server, client, held } = await slow({
      ada: { user: 'ada', capabilities: everything },
      less: { user: 'ada', capabilities: { [room]: ['subscribe'] } },
    });
    client.send({ type: 'auth', ref: 9, token: 'less' });
    await client.expect('authenticated');
    held.open();
    for (let i = 1; i <= 5; i++) expect(await client.expect('error')).toMatchObject({ code: 'forbidden' });
    expect(server.metrics.entriesAppended).toBe(0);
  });

  it('[I4] once `authenticated` is said nothing more of what is no longer allowed is delivered, however long hooks take', async () => {
    let slowly = false;
    const held = gate();
    const { port, server } = await serve({
      authenticate: () => ({ user: 'ada' }),
      authorize: async (_identity, _action, channel) => {
        if (!slowly) return true;
        await held.passed;
        return channel === 'chat/1';
      },
    });
    const client = await WireClient.connect(port);
    for (const name of ['chat/1', 'chat/2', 'chat/3']) await client.subscribe(name);
    slowly = true;
    client.send({ type: 'auth', ref: 9, token: 't' });
    await client.flush();
    held.open();
    await client.expect('authenticated');
    await server.publish('chat/2', 'secret');
    await server.publish('chat/1', 'open');
    expect(await client.expect('revoked')).toMatchObject({ code: 'forbidden' });
    expect(await client.expect('revoked')).toMatchObject({ code: 'forbidden' });
    expect(await client.entries(0, 1)).toEqual(['"open"']);
  });

  it('[I4] whoever subscribes in the very moment of a renewal is held to the new rights', async () => {
    const { port } = await serve({
      authenticate: named({
        ada: { user: 'ada', capabilities: everything },
        less: { user: 'ada', capabilities: { 'chat/mine': ['*'] } },
      }),
    });
    // The answers to renewals and subscribes cross in every way that their numbers of steps allow.
    for (let before = 0; before < 40; before++) {
      const client = await WireClient.connect(port, '/sync?ada');
      const idle = Array.from({ length: before % 8 }, (_, i) => `["unsubscribe",${100 + i},"chat/secret"]`);
      const renewals = Array.from({ length: Math.floor(before / 8) }, (_, i) => `["auth",${200 + i},"ada"]`);
      for (const text of [
        ...idle,
        ...renewals,
        '["subscribe",7,"chat/secret",0]',
        '["auth",8,"less"]',
        '["subscribe",9,"chat/secret",0]',
      ])
        client.inbox.socket.send(text);
      let subscribed = false;
      for (let done = 0; done < 2; ) {
        const frame = await client.frame();
        if (frame.type === 'subscribed') subscribed = true;
        if (frame.type === 'revoked') subscribed = false;
        if (frame.type === 'authenticated' && frame.ref === 8) done++;
        if ((frame.type === 'error' || frame.type === 'subscribed') && frame.ref === 9) done++;
      }
      for (const frame of await client.flush()) if (frame.type === 'revoked') subscribed = false;
      expect(subscribed, `after ${before}`).toBe(false);
      expect(await refusalOf(client, 'publish', 'chat/secret')).toBe('forbidden');
      client.close();
    }
  });

  it('[I6] a token that is revoked while it renews a session renews nothing', async () => {
    const held = gate();
    let slowly = false;
    const { port, server } = await serve({
      authenticate: named({ ada: { user: 'ada', tokenId: '1' }, next: { user: 'ada', tokenId: '2' } }),
      authorize: async () => {
        if (slowly) await held.passed;
        return true;
      },
    });
    const client = await WireClient.connect(port, '/sync?ada');
    await client.subscribe(room);
    slowly = true;
    client.send({ type: 'auth', ref: 9, token: 'next' });
    await client.flush();
    expect(server.revoke('2')).toBe(0);
    held.open();
    expect(await client.expect('error')).toMatchObject({ ref: 9, code: 'revoked' });
  });

  it('[I6] whoever is sent away while they are being found out doesn’t get in', async () => {
    const held = gate();
    let asked = false;
    const { port, server } = await serve({
      authenticate: async () => {
        asked = true;
        await held.passed;
        return { user: 'ada', capabilities: everything };
      },
    });
    const dialled = WireClient.dial(port).then(
      () => 'in',
      (error: Error) => error.message,
    );
    await expect.poll(() => asked).toBe(true);
    server.disconnect('ada');
    held.open();
    expect(await dialled).toContain('403');
  });

  it('[I6] nothing is delivered after the rights have ended, however late their timer is', async () => {
    const clock = fakeClock();
    let now = clock.now();
    const { port, server } = await serve({
      clock: { ...clock, now: () => now },
      authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: now + 1000 }),
    });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    now += 1001;
    await server.publish(room, 'too late');
    expect((await client.flush()).filter(({ type }) => type === 'entries')).toEqual([]);
  });

  it('a connection that goes while its new token is looked at leaves nothing behind', async () => {
    const clock = fakeClock();
    const held = gate();
    let first = true;
    const { port, server } = await serve({
      clock,
      authenticate: async () => {
        if (!first) await held.passed;
        first = false;
        return { user: 'ada', expiresAt: clock.now() + 1_000_000 };
      },
    });
    const before = clock.timers;
    const client = await WireClient.connect(port);
    client.send({ type: 'auth', ref: 1, token: 't' });
    await client.flush();
    client.inbox.socket.terminate();
    await expect.poll(() => server.metrics.sessionsOpen).toBe(0);
    held.open();
    await expect.poll(() => clock.timers).toBe(before);
  });
});

describe('rights that are withdrawn', () => {
  it('revoke wants a time to come, in milliseconds, and says so', async () => {
    const { server } = await serve({ authenticate: () => ({ user: 'ada' }) });
    for (const until of [Number.NaN, Math.floor(Date.now() / 1000) + 3600, Date.now() - 1])
      expect(() => server.revoke('t1', until)).toThrow('multiply it by 1000');
  });

  it('[I6] disconnect ends all sessions of a user and nobody else’s', async () => {
    const { port, server } = await serve({
      authenticate: named({ ada: { user: 'ada' }, bob: { user: 'bob' } }),
    });
    const ada = [await WireClient.connect(port, '/sync?ada'), await WireClient.connect(port, '/sync?ada')];
    const bob = await WireClient.connect(port, '/sync?bob');
    expect(server.disconnect('ada')).toBe(2);
    for (const client of ada) expect(await client.inbox.closed()).toBe(errors.disconnected.close);
    expect(await bob.flush()).toEqual([]);
    expect(server.disconnect('ada')).toBe(0);
  });

  it('[I6] revoke ends the sessions of a token, at once, and lets it in no more, nor renew another session', async () => {
    const { port, server } = await serve({
      authenticate: named({
        one: { user: 'ada', tokenId: '1' },
        two: { user: 'ada', tokenId: '2' },
      }),
    });
    const first = await WireClient.connect(port, '/sync?one');
    const second = await WireClient.connect(port, '/sync?two');
    expect(server.revoke('1')).toBe(1);
    expect(await first.inbox.closed()).toBe(errors.revoked.close);
    await expect(WireClient.dial(port, '/sync?one')).rejects.toThrow('401');
    second.send({ type: 'auth', ref: 1, token: 'one' });
    expect(await second.expect('error')).toMatchObject({ ref: 1, code: 'revoked' });
  });
});
