/**
 * API keys: whose a key is, which ways it may come, and each option that can't be used. What is shown or configured is a secret: it is
 * looked for in whatever is said. What keys may do is the API's test.
 */
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { describe, expect, it, vi } from 'vitest';
import { memory } from '../broker/memory.ts';
import { createServer } from '../server.ts';
import { makeKey } from '../testing/backend.ts';
import { serve } from '../testing/serve.ts';
import { WireClient } from '../testing/wire.ts';
import { type ApiKeys, KeyRing } from './apikeys.ts';
import { everythingIn } from './testing.ts';

const one = makeKey();
const two = makeKey();
const keys: ApiKeys = {
  one: { hash: one.hash, capabilities: { 'chat/:room': ['publish'] }, may: ['revoke'] },
  two: { hash: [two.hash.toUpperCase(), makeKey().hash] },
};
const authorization = (key: string) => ({ authorization: `Bearer ${key}` });
const shown = (key: string) => ({ token: key, headers: authorization(key) });

describe('a key', () => {
  const ring = new KeyRing(keys);

  it('is found by its hash, or by one of its hashes', () => {
    expect(ring.identify(shown(one.key))).toEqual({
      user: null,
      apiKey: 'one',
      capabilities: { 'chat/:room': ['publish'] },
    });
    expect(ring.identify(shown(two.key))).toEqual({ user: null, apiKey: 'two', capabilities: {} });
  });

  it.each([
    ['another key', makeKey().key],
    ['the hash of a key', one.hash],
    ['a part of a key', one.key.slice(0, -1)],
    ['more than a key', `${one.key}x`],
    ['nothing', ''],
  ])('is not what %s is', (_, key) => {
    expect(ring.identify(shown(key))).toBeUndefined();
  });

  it('is nobody’s where none was shown', () => {
    expect(ring.identify({ token: null, headers: {} })).toBeUndefined();
  });

  it.each([
    ['by a page', { ...authorization(one.key), origin: 'https://app.example' }],
    ['as a subprotocol, or in the query', {}],
  ])('that comes %s is refused: others may have seen it', (_, headers) => {
    const identify = () => ring.identify({ token: one.key, headers });
    expect(identify).toThrow(expect.objectContaining({ code: 'forbidden' }));
    expect(identify).not.toThrow(one.key);
  });

  it('that is short enough to be guessed lets nobody in', () => {
    const short = 'hunter2';
    const hash = 'f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7';
    const weak = new KeyRing({ weak: { hash, capabilities: { '*': ['*'] } } });
    const identify = () => weak.identify(shown(short));
    expect(identify).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
    expect(identify).not.toThrow(short);
  });

  it('may what it says it may, and a user may nothing of that, whatever they are called', () => {
    expect(ring.may({ user: null, apiKey: 'one' }, 'revoke')).toBe(true);
    expect(ring.may({ user: null, apiKey: 'one' }, 'disconnect')).toBe(false);
    expect(ring.may({ user: null, apiKey: 'two' }, 'revoke')).toBe(false);
    expect(ring.may({ user: null, apiKey: 'constructor' }, 'revoke')).toBe(false);
    expect(ring.may({ user: 'one' }, 'revoke')).toBe(false);
  });
});

describe('on a server', () => {
  it('opens a socket as well, where it stands in a header', async () => {
    const { port } = await serve({
      apiKeys: { reader: { hash: one.hash, capabilities: { 'chat/:room': ['subscribe'] } } },
      authenticate: () => {
        throw new SyncError('unauthenticated');
      },
    });
    const client = await WireClient.dial(port, '/sync', { headers: { Authorization: `Bearer ${one.key}` } });
    await client.expect('welcome');
    await client.subscribe('chat/x');
    client.publish('chat/x', 1, 'p', 1);
    expect(await client.expect('error')).toMatchObject({ code: 'forbidden' });
  });

  it('is no token: what is none of the keys is `authenticate`’s to judge', async () => {
    const tokens: unknown[] = [];
    const { port } = await serve({
      apiKeys: keys,
      authenticate: ({ token }) => {
        tokens.push(token);
        return { user: 'ada', apiKey: 'one', capabilities: {} };
      },
    });
    const revoke = (token: string) =>
      fetch(`http://localhost:${port}/sync/api/revoke`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: '{"tokenId":"x"}',
      });
    expect((await revoke(one.key)).status).toBe(200);
    // A hook can't make anybody an API key.
    expect((await revoke('token')).status).toBe(403);
    expect(tokens).toEqual(['token']);
  });

  it('gets no ticket, and renews no session: `authenticate` never sees it', async () => {
    const tokens: unknown[] = [];
    const { port } = await serve({
      apiKeys: keys,
      authenticate: ({ token }) => {
        tokens.push(token);
        return { user: 'ada', capabilities: {} };
      },
    });
    const headers = { Authorization: `Bearer ${one.key}` };
    const response = await fetch(`http://localhost:${port}/sync/ticket`, { method: 'POST', headers });
    expect(response.status).toBe(403);
    const client = await WireClient.connect(port);
    client.send({ type: 'auth', ref: 1, token: one.key });
    expect(await client.expect('error')).toMatchObject({ ref: 1, code: 'forbidden' });
    expect(tokens).toEqual([null]);
  });

  it('is told by nothing that is said or logged, however it comes', async () => {
    const said: unknown[] = [];
    const { port, server } = await serve({
      apiKeys: keys,
      tokenParameter: 'token',
      logger: { error: (...words) => said.push(words) },
      authenticate: () => {
        throw new SyncError('unauthenticated');
      },
    });
    const base = `http://localhost:${port}/sync`;
    const encoded = encodeURIComponent(one.key);
    const json = { 'Content-Type': 'application/json' };
    const post = (path: string, headers: Record<string, string>, body = '{}') =>
      fetch(`${base}${path}`, { method: 'POST', headers: { ...json, ...headers }, body });
    const answers = await Promise.all([
      post(`/api/publish?key=${encoded}`, {}),
      post(`/api/publish?token=${encoded}`, {}),
      post(`/publish/chat/x?token=${encoded}`, {}),
      post('/api/publish', { Authorization: `Bearer ${one.key}`, Origin: `http://localhost:${port}` }),
      post('/api/publish', { Authorization: `Bearer ${one.key}!` }),
      post('/api/publish', { Authorization: `Bearer ${one.key}` }, `{"${one.key}":1}`),
      post('/api/revoke', { Authorization: `Bearer ${two.key}` }, '{"tokenId":"x"}'),
      fetch(`${base}/api/history?channel=news`, { headers: { Authorization: `Bearer ${one.key}` } }),
    ]);
    const [unknown, query, plain, page, wrong, , other, history] = answers.map(({ status }) => status);
    expect([unknown, query, plain, page, wrong, other, history]).toEqual([400, 400, 403, 403, 401, 403, 404]);
    // What somebody wrote into a body as the name of a member they are told, and nobody else.
    const texts = await Promise.all(answers.filter((_, i) => i !== 5).map((answer) => answer.text()));
    for (const { key, hash } of [one, two])
      for (const hidden of [key, encodeURIComponent(key), hash])
        for (const where of [texts, said, server]) expect(everythingIn(where)).not.toContain(hidden);
  });
});

describe('the option', () => {
  const channels = defineChannels({ chat: stream() });
  const authenticate = () => ({ user: null });
  const make = (apiKeys: unknown) =>
    createServer({ channels, broker: memory(), authenticate, apiKeys: apiKeys as ApiKeys });

  it.each<[string, unknown, RegExp]>([
    ['no object', [], /`apiKeys`/],
    ['a name with a space', { 'a b': { hash: one.hash } }, /with a name/],
    ['no object under a name', { a: one.hash }, /"a"/],
    ['no hash', { a: {} }, /"a".*`hash`/],
    ['a key in place of its hash', { a: { hash: one.key } }, /"a".*`hash`/],
    ['too many hashes', { a: { hash: Array(9).fill(one.hash) } }, /"a".*`hash`/],
    ['a member that there is not', { a: { hash: one.hash, can: {} } }, /"a"/],
    ['a power that there is not', { a: { hash: one.hash, may: ['delete'] } }, /"a".*`may`/],
    [
      'an action that there is not',
      { a: { hash: one.hash, capabilities: { x: ['fly'] } } },
      /"a".*`capabilities`/,
    ],
    ['one hash twice', { a: { hash: one.hash }, b: { hash: one.hash.toUpperCase() } }, /once/],
  ])('that has %s is refused, without a word of what it is', (_, apiKeys, name) => {
    expect(() => make(apiKeys)).toThrow(expect.objectContaining({ code: 'bad_option' }));
    expect(() => make(apiKeys)).toThrow(name);
    for (const hidden of [one.key, one.hash]) expect(() => make(apiKeys)).not.toThrow(hidden);
  });

  it('needs `authenticate`, without which everybody may do everything anyway', () => {
    const open = () => createServer({ channels, broker: memory(), apiKeys: keys });
    expect(open).toThrow(expect.objectContaining({ code: 'bad_option' }));
    expect(open).toThrow('`authenticate`');
  });

  it('is looked at before the logs are, which would else stay open behind a server that never was', () => {
    const asked = vi.fn();
    const broker = Object.defineProperty(memory(), 'ready', { get: asked });
    expect(() => createServer({ channels, broker, apiKeys: keys })).toThrow('`authenticate`');
    expect(asked).not.toHaveBeenCalled();
  });
});
