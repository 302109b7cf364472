/**
 * Payloads against the contract, in the client: before they are sent and after they arrive, at once or later, always in order.
 * The schemas are written by hand, after Standard Schema, so that the test decides when they answer.
 */
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { scene } from './testing/scripted.ts';

type Verdict = { value: string } | { issues: { message: string }[] };
const judge = (value: unknown): Verdict =>
  typeof value === 'string' && !value.startsWith('bad')
    ? { value: value.toUpperCase() }
    : { issues: [{ message: 'Bad.' }] };

const quick: Schema<string> = { '~standard': { version: 1, vendor: 'test', validate: judge } };

/** A schema that answers when it is told to; `bad…` never does otherwise. */
function slow() {
  const waiting: (() => void)[] = [];
  const validate = (value: unknown) =>
    new Promise<Verdict>((resolve) => {
      if (value === 'fast') resolve(judge(value));
      else waiting.push(() => resolve(judge(value)));
    });
  const schema: Schema<string> = { '~standard': { version: 1, vendor: 'test', validate } };
  return { schema, waiting };
}

describe('what arrives', () => {
  test('is what the schema makes of it; what does not fit is passed over and reported', async () => {
    const { client, server, errors, settle } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: quick }) }),
    });
    const got: unknown[] = [];
    client.stream('chat/a').onMessage(({ offset, data }) => got.push([offset, data]));
    server.link.welcome().subscribed();
    server.link.entries(1, 1, 'a', 'bad', 3, 'b');
    expect(got).toEqual([
      [1, 'A'],
      [4, 'B'],
    ]);
    await settle();
    expect(errors).toMatchObject([{ code: 'bad_payload' }, { code: 'bad_payload' }]);
    expect(String(errors[0])).toMatch(/chat\/a: entry 2 was passed over.*Bad/);
    expect(client.stream('chat/a').freshness.get()).toEqual({ state: 'live' });
  });

  test('keeps its order, and is told after a gap that came between, when the schema takes its time', async () => {
    const { schema, waiting } = slow();
    const { client, server, settle } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: schema }) }),
    });
    const room = client.stream('chat/a');
    const told: unknown[] = [];
    room.onRecover(({ via }) => told.push(via));
    room.onMessage(({ data }) => told.push(data));
    const link = server.link.welcome();
    link.subscribed();
    link.entries(1, 1, 'slow', 'fast');
    link.entries(1, 3, 'fast');
    link.say({
      type: 'gap',
      id: 1,
      position: { epoch: 'e', offset: 9, check: 0 },
      top: 10,
      reason: 'trimmed',
    });
    link.entries(1, 10, 'fast');
    await settle();
    expect(told).toEqual(['start']);
    for (const go of waiting) go();
    await settle();
    expect(told).toEqual(['start', 'SLOW', 'FAST', 'FAST', 'gap', 'FAST']);
  });

  test('is not told to those who began to listen after it was meant for others', async () => {
    const { schema, waiting } = slow();
    const { client, server, settle } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: schema }) }),
    });
    const got: unknown[] = [];
    const stop = client.stream('chat/a').onMessage(() => {});
    server.link.welcome().subscribed();
    server.link.entries(1, 1, 'slow');
    stop();
    await settle();
    client.stream('chat/a').onMessage(({ data }) => got.push(data));
    for (const go of waiting) go();
    await settle();
    expect(got).toEqual([]);
  });
});

describe('what is published', () => {
  test('is judged before it is sent, and sent as it was given', async () => {
    const { client, server } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: quick }) }),
    });
    const bad = client.stream('chat/a').publish('bad');
    void client
      .stream('chat/a')
      .publish('good')
      .catch(() => {});
    await expect(bad).rejects.toMatchObject({ code: 'bad_payload', message: expect.stringMatching(/Bad/) });
    expect(server.link.welcome().takePublishes()).toMatchObject([{ sequence: 1, data: '"good"' }]);
  });

  test('keeps its order when the schema takes its time, and is taken as it was when it was given', async () => {
    const { schema, waiting } = slow();
    const loose: Schema<unknown> = { '~standard': { ...schema['~standard'] } };
    const { client, server, settle } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: loose }) }),
    });
    const room = client.stream('chat/a');
    const mutable = ['x'];
    const failing = [room.publish(mutable), room.publish('slow'), room.publish('bad')];
    void room.publish('fast').catch(() => {});
    mutable.push('y');
    for (const one of failing) one.catch(() => {});
    await settle();
    expect(server.links).toHaveLength(0);
    for (const go of waiting) go();
    await settle();
    expect(
      server.link
        .welcome()
        .takePublishes()
        .map(({ data }) => data),
    ).toEqual(['"slow"', '"fast"']);
    await expect(failing[0]).rejects.toMatchObject({ code: 'bad_payload' });
  });

  test('fails in a timeline where it stands', async () => {
    const { client, settle } = scene({
      channels: defineChannels({ 'chat/:room': stream({ message: quick }) }),
    });
    const list = client.stream('chat/a').timeline();
    void list.publish('bad');
    void list.publish('good');
    await settle();
    expect(list.get().items.map(({ status }) => status)).toEqual(['failed', 'pending']);
  });
});

test('[C2] with the contract as a value, names and kinds that it lacks are refused at once', () => {
  const channels = defineChannels({ 'chat/:room': stream(), 'fleet/:city': state(), 'board/:id': doc() });
  // As plain JavaScript would call it.
  const { stream: open } = scene({ channels }).client as unknown as { stream: (name: string) => unknown };
  expect(open('chat/a')).toBe(open('chat/a'));
  for (const name of ['chat', 'chat/a/b', 'fleet/berlin', 'board/7', 'nobody/1'])
    expect(() => open(name), name).toThrow(name);
});
