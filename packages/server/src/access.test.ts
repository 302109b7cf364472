/**
 * What a session may do, over real sockets: rights from capabilities, the contract and hooks; renewed, ended and withdrawn
 * while it goes on; and how much it may ask for. Who is let in at all is the handshake's test.
 */
import { defineChannels, errors, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import type { ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import type { Action, Attempt, Identity } from './access.ts';
import { memory } from './broker/memory.ts';
import { calm } from './observe.ts';
import { gate, meddle } from './testing/meddle.ts';
import { everything, serve, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
const mixed = defineChannels({
  'chat/:room': stream(),
  news: stream({ anonymous: ['subscribe', 'history'] }),
});

/** Whoever connects is who the path names: `/sync?ada`. Tokens name users likewise. */
function named(identities: Readonly<Record<string, Identity>>) {
  return ({ url, token }: { readonly url: string; readonly token: string | null }): Identity => {
    const identity = identities[token ?? url.split('?')[1] ?? ''];
    if (!identity) throw new Error('a secret reason');
    return identity;
  };
}

async function refusalOf(client: WireClient, action: 'subscribe' | 'publish' | 'history', channel: string) {
  const ref = client.nextRef();
  if (action === 'subscribe') client.send({ type: 'subscribe', ref, channel, start: 0 });
  if (action === 'publish')
    client.send({ type: 'publish', ref, channel, producer: 'p', sequence: 1, data: '"hello"' });
  if (action === 'history')
    client.send({ type: 'history', ref, channel, direction: 'after', offset: 0, limit: 1 });
  const frame = await client.frame();
  if (frame.type !== 'error') return undefined;
  expect(frame.ref).toBe(ref);
  return frame.code;
}

describe('permissions', () => {
  const actions = ['subscribe', 'publish', 'history'] as const;

  it.each<[string, Identity, string, (typeof actions)[number][]]>([
    ['someone without capabilities', { user: 'ada' }, room, []],
    [
      'someone without capabilities, where the contract lets anybody',
      { user: 'ada' },
      'news',
      ['subscribe', 'history'],
    ],
    ['nobody in particular', { user: null }, room, []],
    [
      'nobody in particular, where the contract lets anybody',
      { user: null },
      'news',
      ['subscribe', 'history'],
    ],
    ['a reader', { user: 'ada', capabilities: { 'chat/:room': ['subscribe'] } }, room, ['subscribe']],
    ['a reader of another room', { user: 'ada', capabilities: { 'chat/y': ['*'] } }, room, []],
    ['a writer', { user: 'ada', capabilities: { 'chat/x': ['publish'] } }, room, ['publish']],
    ['someone who may do everything', { user: 'ada', capabilities: everything }, 'news', [...actions]],
  ])('%s may do that and nothing else', async (_, identity, channel, allowed) => {
    const { port } = await serveChannels(mixed, { authenticate: () => identity });
    for (const action of actions) {
      const client = await WireClient.connect(port);
      expect([action, await refusalOf(client, action, channel)]).toEqual([
        action,
        allowed.includes(action) ? undefined : 'forbidden',
      ]);
    }
  });

  it('a hook is asked at each use for what nothing else allows, and only true is a yes', async () => {
    const asked: [string | null, Action, string][] = [];
    let answer: unknown = true;
    const { port } = await serveChannels(mixed, {
      authenticate: () => ({ user: 'ada', capabilities: { 'chat/x': ['subscribe'] } }),
      authorize: ({ user }, action, channel) => {
        asked.push([user, action, channel]);
        return answer as boolean;
      },
    });
    const client = await WireClient.connect(port);
    await client.subscribe(room);
    expect(asked).toEqual([]);
    expect(await refusalOf(client, 'publish', room)).toBeUndefined();
    expect(asked).toEqual([['ada', 'publish', room]]);
    await client.entries(0, 1);
    for (const no of [false, 'yes', 1, undefined, null]) {
      answer = no;
      expect(await refusalOf(client, 'publish', room)).toBe('forbidden');
    }
    expect(asked).toHaveLength(6);
  });

  it.each<[string, () => boolean, string]>([
    [
      'throws',
      () => {
        throw new Error('the database is down: password=hunter2');
      },
      'forbidden',
    ],
    [
      'throws an error of the table',
      () => {
        throw new SyncError('unavailable', 'Ask me later.');
      },
      'unavailable',
    ],
  ])('a hook that %s allows nothing and gives nothing away', async (_, authorize, code) => {
    const { port } = await serveChannels(mixed, { authenticate: () => ({ user: 'ada' }), authorize });
    const client = await WireClient.connect(port);
    client.publish(room, 1, 'p', 1);
    const error = await client.expect('error');
    expect(error.code).toBe(code);
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('a hook that takes too long allows nothing', async () => {
    const clock = fakeClock();
    const { port } = await serveChannels(mixed, {
      clock,
      hookMs: 1000,
      authenticate: () => ({ user: 'ada' }),
      authorize: () => new Promise<boolean>(() => {}),
    });
    const client = await WireClient.connect(port);
    client.publish(room, 1, 'p', 1);
    await client.flush();
    await clock.advance(1000);
    expect(await client.expect('error')).toMatchObject({ ref: 1, code: 'unavailable' });
  });

  it('a client isn’t told which channels there are', async () => {
    const { port } = await serveChannels(mixed);
    const client = await WireClient.connect(port);
    client.publish('payroll/2026', 1, 'p', 1);
    const { code, message } = await client.expect('error');
    expect([code, message]).toEqual(['unknown_channel', 'This server has no channel called "payroll/2026".']);
  });
});

describe('looking at what is published', () => {
  it('refuses, replaces, or lets pass; others see only what was stored, and the author is told why not', async () => {
    const seen: Attempt[] = [];
    const { port } = await serve({
      authenticate: () => ({ user: 'ada', capabilities: everything }),
      beforePublish: (attempt) => {
        seen.push(attempt);
        if (attempt.data === 'spam') throw new SyncError('forbidden', 'No spam, please.');
        if (attempt.data === 'shout') return { data: { text: 'shout', at: 'noon' } };
        return undefined;
      },
    });
    const reader = await WireClient.connect(port);
    await reader.subscribe(room);
    const author = await WireClient.connect(port);
    author.publish(room, 'spam', 'p', 1);
    expect(await author.expect('error')).toMatchObject({ code: 'forbidden', message: 'No spam, please.' });
    author.publish(room, 'shout', 'p', 1);
    author.publish(room, 'plain', 'p', 2);
    await author.expect('ack');
    await author.expect('ack');
    expect(await reader.entries(0, 2)).toEqual(['{"text":"shout","at":"noon"}', '"plain"']);
    expect(seen.map(({ identity, channel, data }) => [identity.user, channel, data])).toEqual([
      ['ada', room, 'spam'],
      ['ada', room, 'shout'],
      ['ada', room, 'plain'],
    ]);
  });

  it.each<[string, () => undefined | { data: unknown } | Promise<undefined>, string]>([
    [
      'throws',
      () => {
        throw new Error('hunter2');
      },
      'internal',
    ],
    ['gives what JSON can’t say', () => ({ data: undefined }), 'bad_payload'],
    ['gives too much', () => ({ data: 'x'.repeat(2000) }), 'payload_too_large'],
    ['takes too long', () => new Promise(() => {}), 'unavailable'],
  ])('stores nothing when the hook %s', async (_, beforePublish, code) => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, hookMs: 1000, payloadBytesMax: 1000, beforePublish });
    const client = await WireClient.connect(port);
    client.publish(room, 1, 'p', 1);
    const early = await client.flush();
    await clock.advance(1000);
    const answer = early[0] ?? (await client.frame());
    expect(answer).toMatchObject({ type: 'error', ref: 1, code });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
    expect(server.metrics.entriesAppended).toBe(0);
  });
});

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

describe('what a node says of itself', () => {
  it('an error whose code is in no table is one of our own', async () => {
    const code = 'nonsense' as 'internal';
    const { port } = await serve({
      authenticate: ({ url }) => {
        if (url.endsWith('bad')) throw new SyncError(code, 'hunter2');
        return { user: 'ada', capabilities: everything };
      },
      beforePublish: () => {
        throw new SyncError(code, 'hunter2');
      },
    });
    await expect(WireClient.dial(port, '/sync?bad')).rejects.toThrow('500');
    const client = await WireClient.connect(port, '/sync');
    client.publish(room, 1, 'p', 1);
    const error = await client.expect('error');
    expect(error).toMatchObject({ code: 'internal', message: errors.internal.message });
  });

  it('what the broker says of its troubles is logged, and not told to clients', async () => {
    const { broker, meddling } = meddle(memory());
    const said: unknown[] = [];
    const { port } = await serve({ broker, logger: { error: (facts) => void said.push(facts) } });
    meddling.append = () => Promise.reject(new SyncError('storage', '/srv/data/syncline.db is full'));
    const client = await WireClient.connect(port);
    client.publish(room, 1, 'p', 1);
    expect(await client.expect('error')).toMatchObject({ code: 'storage', message: errors.storage.message });
    expect(JSON.stringify(said)).toContain('/srv/data/syncline.db is full');
  });

  it('the same again and again is written some times a minute, and then how often it was left out', async () => {
    const clock = fakeClock();
    const said: [unknown, string][] = [];
    const logger = calm({ error: (facts, message) => void said.push([facts, message]) }, clock);
    for (let i = 0; i < 1000; i++) logger.error({ i }, 'The disk is full.');
    logger.error({}, 'Something else.');
    expect(said).toHaveLength(21);
    await clock.advance(60_000);
    logger.error({ i: 1000 }, 'The disk is full.');
    expect(said.slice(21)).toEqual([
      [{ times: 980 }, 'Left out: The disk is full.'],
      [{ i: 1000 }, 'The disk is full.'],
    ]);
  });

  it('closing waits for no hook', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, authenticate: () => new Promise(() => {}) });
    const dialled = WireClient.dial(port).then(
      () => 'in',
      () => 'out',
    );
    await expect.poll(() => clock.timers).toBeGreaterThan(2);
    await server.close({ drainMs: 0 });
    expect(await dialled).toBe('out');
    expect(clock.timers).toBe(0);
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
