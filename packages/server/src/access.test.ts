/**
 * What a session may do, over real sockets: rights from capabilities, the contract and hooks, and what is looked at before it
 * is stored. Who is let in at all is the handshake's test; rights that change are rights.test.ts.
 */
import { defineChannels, errors, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import type { Action, Attempt, Identity } from './access.ts';
import { memory } from './broker/memory.ts';
import { calm } from './observe.ts';
import { refusalOf } from './testing/identities.ts';
import { meddle } from './testing/meddle.ts';
import { everything, serve, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/x';
const mixed = defineChannels({
  'chat/:room': stream(),
  news: stream({ anonymous: ['subscribe', 'history'] }),
});

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

  it.each<[string, () => unknown]>([
    [
      'a detail that JSON can’t say',
      () => new SyncError('forbidden', 'No.', { id: 7n } as unknown as { id: number }),
    ],
    [
      'a detail that holds itself',
      () => {
        const detail: Record<string, unknown> = {};
        detail['self'] = detail;
        return new SyncError('forbidden', 'No.', detail as { self: string });
      },
    ],
    ['nothing that can be shown', () => Object.create(null)],
    [
      'what throws when it is looked at',
      () =>
        new Proxy(new Error('x'), {
          get: () => {
            throw new Error('hunter2');
          },
          getPrototypeOf: () => {
            throw new Error('hunter2');
          },
        }),
    ],
  ])('a hook that throws %s is answered like any other', async (_, make) => {
    const { port } = await serve({
      beforePublish: () => {
        throw make();
      },
    });
    const client = await WireClient.connect(port);
    client.publish(room, 1, 'p', 1);
    const error = await client.expect('error');
    expect(['forbidden', 'internal']).toContain(error.code);
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(await client.flush()).toEqual([]);
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
    await expect(clock.timers).toBe(0);
  });
});
