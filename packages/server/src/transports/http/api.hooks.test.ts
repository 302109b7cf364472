/**
 * Publishes of backends under an `Idempotency-Key` where `beforePublish` looks at them: what is taken for stored, and what is refused.
 * Real servers and sockets; what a key does without a hook is in api.test.ts.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import { expect, it } from 'vitest';
import type { BeforePublish } from '../../access.ts';
import { Backend } from '../../testing/backend.ts';
import { serveChannels } from '../../testing/serve.ts';

const channels = defineChannels({ 'chat/:room': stream(), 'fleet/:city': state() });
const once = { 'Idempotency-Key': 'k' };

async function serve(beforePublish: BeforePublish) {
  const { port } = await serveChannels(channels, { beforePublish });
  const backend = new Backend(port);
  const send = async (data: unknown, channel = 'chat/x') => {
    const { status, body } = await backend.post('publish', { channel, data }, once);
    return [status, body['offset'] ?? (body['error'] as { code: string }).code, body['duplicate']];
  };
  const stored = async () => {
    const { body } = await backend.get('history', { channel: 'chat/x' });
    return (body['entries'] as { data: unknown }[]).map(({ data }) => data);
  };
  return { backend, send, stored };
}

it.each<[string, BeforePublish]>([
  ['returns nothing', () => undefined],
  ['returns what it was given', ({ data }) => ({ data })],
])('[W7] another message is refused where a hook %s', async (_, beforePublish) => {
  const { backend, send, stored } = await serve(beforePublish);
  expect(await send({ a: 1 })).toEqual([200, 1, false]);
  expect(await send({ a: 2 })).toEqual([422, 'bad_payload', undefined]);
  expect(await send({ a: 1 })).toEqual([200, 1, true]);
  const rewritten = await backend.post('publish', '{"channel":"chat/x","data":{ "a": 1.0 }}', once);
  expect(rewritten.body).toMatchObject({ offset: 1, duplicate: true });
  expect(await stored()).toEqual([{ a: 1 }]);
});

it('[W7] the same message is the one that is stored, though a hook puts the same into its place each time', async () => {
  const { send } = await serve(({ data }) => ({ data: { said: data } }));
  expect(await send('a')).toEqual([200, 1, false]);
  expect(await send('a')).toEqual([200, 1, true]);
  expect(await send(['set', 'van', 1], 'fleet/x')).toEqual([200, 1, false]);
  expect(await send(['set', 'van', 1], 'fleet/x')).toEqual([200, 1, true]);
});

it('[W7] the same message is the one that is stored, though a hook has changed it only now, or another way', async () => {
  let count = 0;
  const { send } = await serve(({ data }) => (count++ === 0 ? undefined : { data: { data, count } }));
  expect(await send('a')).toEqual([200, 1, false]);
  expect(await send('a')).toEqual([200, 1, true]);
  const { send: stamped } = await serve(({ data }) => ({ data: { data, at: count++ } }));
  expect(await stamped('a')).toEqual([200, 1, false]);
  expect(await stamped('a')).toEqual([200, 1, true]);
});

it('[W7] a batch that is repeated with one message fewer is refused from there on, and nothing of it is taken for stored', async () => {
  const { backend, stored } = await serve(() => undefined);
  const batch = (datas: readonly string[]) => ({
    messages: datas.map((data) => ({ channel: 'chat/x', data })),
  });
  await backend.post('batch', batch(['a', 'b', 'c', 'd']), once);
  const shifted = await backend.post('batch', batch(['a', 'c', 'd']), once);
  expect(shifted.body['results']).toMatchObject([
    { offset: 1, duplicate: true },
    { error: { code: 'bad_payload', detail: { offset: 2 } } },
    { error: { code: 'bad_payload', detail: { offset: 3 } } },
  ]);
  expect(await stored()).toEqual(['a', 'b', 'c', 'd']);
});

it('[W7] another message is refused though it differs only where a number says more than JavaScript holds', async () => {
  const { backend } = await serve(() => undefined);
  const send = async (data: string) => {
    const { status } = await backend.post('publish', `{"channel":"chat/x","data":${data}}`, once);
    return status;
  };
  expect(await send('{"id":12345678901234567890,"n":1.50}')).toBe(200);
  expect(await send('{"n":1.5, "id":12345678901234567890}')).toBe(200);
  expect(await send('{"id":12345678901234567891,"n":1.50}')).toBe(422);
  expect(await send('{"id":{"integer":"12345678901234567890"},"n":1.50}')).toBe(422);
});

it('[W7] another message is refused though both hold numbers that JavaScript takes for infinite', async () => {
  const { backend } = await serve(() => undefined);
  const send = async (data: string) =>
    (await backend.post('publish', `{"channel":"chat/x","data":${data}}`, once)).status;
  expect([await send('1e400'), await send('1e400'), await send('1e401')]).toEqual([200, 200, 422]);
});
