/**
 * A server that leaves while it is asked by plain HTTP: whatever is under way is answered before its logs are closed and its connections
 * cut. Real servers and sockets, and a broker that is held.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it } from 'vitest';
import { memory } from '../../broker/memory.ts';
import { ableKey } from '../../testing/backend.ts';
import { gate, meddle } from '../../testing/meddle.ts';
import { serveChannels } from '../../testing/serve.ts';
import { eventually } from '../../testing/wire.ts';

/** A server on a port of its own, whose logs answer nothing until they are let. */
async function held() {
  const { broker, meddling } = meddle(memory());
  const { key, apiKey } = ableKey();
  const clock = fakeClock();
  const { server } = await serveChannels(defineChannels({ 'chat/:room': stream() }), {
    broker,
    clock,
    authenticate: () => ({ user: 'ada', capabilities: { '*': ['*'] } }),
    apiKeys: { backend: apiKey },
  });
  const { port } = await server.listen(0);
  const { passed, open } = gate();
  let asked = 0;
  const wait = async (): Promise<void> => {
    asked++;
    await passed;
  };
  meddling.read = (read) => wait().then(read);
  meddling.append = (append) => wait().then(append);
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`http://localhost:${port}/sync/${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    });
  return { server, clock, call, open, asked: () => asked };
}

it.each([
  ['a page of a log', 'api/history?channel=chat/x', {}],
  ['the head of a stream', 'streams/chat/x', { method: 'HEAD' }],
  ['what somebody publishes', 'publish/chat/x', { method: 'POST', body: '1' }],
  ['what is appended to a stream', 'streams/chat/x', { method: 'POST', body: '1' }],
  ['that somebody is sent away', 'api/disconnect', { method: 'POST', body: '{"user":"eve"}' }],
  ['that a token is withdrawn', 'api/revoke', { method: 'POST', body: '{"tokenId":"t"}' }],
])('[L1] a server that leaves still answers %s', async (_what, path, init) => {
  const { server, call, open, asked } = await held();
  const answer = call(path, init);
  await eventually(asked).toBeGreaterThan(0);
  const closed = server.close({ drainMs: 1000 });
  open();
  expect((await answer).ok).toBe(true);
  await closed;
});

it('[L1] and waits for no answer once its time is over', async () => {
  const { server, clock, call, asked } = await held();
  const answer = call('api/history?channel=chat/x').catch(() => 'cut');
  await eventually(asked).toBe(1);
  const closed = server.close({ drainMs: 1000 });
  await eventually(() => clock.timers).toBeGreaterThan(0);
  await clock.advance(1000);
  expect(await answer).toBe('cut');
  await closed;
});

it('[L4] whoever asks a server that leaves is refused and has to connect anew, who has a link goes on', async () => {
  const { server, clock, call, open } = await held();
  open();
  const ask = (path: string, init: RequestInit) =>
    call(path, init).then(async (answer) => [
      answer.status,
      answer.headers.get('connection'),
      await answer.text(),
    ]);
  const link = { method: 'POST', body: '{"as":"long-poll"}' };
  expect(await ask('link', link)).toEqual([200, 'keep-alive', expect.anything()]);
  const closed = server.close({ drainMs: 1000 });
  expect(await ask('link', link)).toEqual([503, 'close', expect.stringContaining('"restart"')]);
  expect(await ask('publish/chat/x', { method: 'POST', body: '1' })).toEqual([
    503,
    'close',
    expect.anything(),
  ]);
  await eventually(() => clock.timers).toBeGreaterThan(0);
  await clock.advance(1000);
  await closed;
});
