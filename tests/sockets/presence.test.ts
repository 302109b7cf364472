/**
 * Presence and signals with the real client against the real server over real sockets: people with several tabs, links that
 * break and come back, clients that don't, and who sees whom type.
 */
import { createClient, type Member, type MemberChange } from '@syncline/client';
import { defineChannels, stream } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import { createServer, memory, type ServerOptions } from '@syncline/server';
import { afterEach, expect, test } from 'vitest';
import { FaultProxy } from '../faults/proxy.ts';
import { until } from './until.ts';

const channels = defineChannels({ 'chat/:room': stream() });
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(options: Partial<ServerOptions<typeof channels>> = {}) {
  const server = createServer({
    channels,
    broker: memory(),
    authenticate: ({ token }) => ({ user: token, capabilities: { '*': ['*'] } }),
    ...options,
  });
  cleanups.push(() => server.close({ drainMs: 0 }));
  const { port } = await server.listen(0);
  return { server, port };
}

/** A room as one of a user's clients sees it. */
function roomOf(port: number, user: string) {
  const client = createClient<typeof channels>({
    url: `ws://localhost:${port}/sync`,
    getToken: () => user,
    onError: () => {},
  });
  cleanups.push(() => client.close());
  const room = client.stream('chat/lobby');
  const changes: string[] = [];
  const tell = ({ type, member }: MemberChange<unknown>) => void changes.push(`${member.user} ${type}`);
  cleanups.push(room.presence.on('change', tell));
  return { client, room, presence: room.presence, changes };
}

/** Who is there, with how many connections, and what they say. */
const people = (members: readonly Member<unknown>[]) =>
  members.map(({ user, connections, data }) => [user, connections.length, data]);

/** A client behind a link that can be broken. */
async function behindProxy(port: number, user: string) {
  const proxy = await FaultProxy.open(port, systemClock);
  cleanups.push(() => proxy.close());
  const links: { reset(): void }[] = [];
  proxy.onLink = (link) => void links.push(link);
  return { ...roomOf(proxy.port, user), proxy, links };
}

test('[N1] [N2] [N3] a user with two tabs is one person, who is there until the last one has left', async () => {
  const { port } = await serve();
  const [one, two, eve] = [roomOf(port, 'ada'), roomOf(port, 'ada'), roomOf(port, 'eve')];
  await one.presence.enter({ name: 'Ada' });
  await two.presence.enter({ name: 'Ada', away: true });
  const both = await until(eve.presence.members, ([ada]) => ada?.connections.length === 2);
  expect(people(both)).toEqual([['ada', 2, { name: 'Ada', away: true }]]);
  expect(both[0]?.self).toBe(false);
  expect((await until(two.presence.members, ([ada]) => ada?.connections.length === 2))[0]?.self).toBe(true);
  await one.presence.leave();
  await until(eve.presence.members, ([ada]) => ada?.connections.length === 1);
  await two.presence.leave();
  await until(eve.presence.members, ({ length }) => length === 0);
  expect(eve.changes[0]).toBe('ada enter');
  expect(eve.changes.filter((change) => change === 'ada leave')).toHaveLength(1);
});

test('[N4] a link that breaks again and again is no leave', async () => {
  const { port, server } = await serve({ presenceGraceMs: 60_000 });
  const eve = roomOf(port, 'eve');
  const ada = await behindProxy(port, 'ada');
  cleanups.push(ada.room.onSignal(() => {}));
  await ada.presence.enter({ name: 'Ada' });
  await until(eve.presence.members, ({ length }) => length === 1);
  for (let i = 0; i < 3; i++) {
    const opened = server.metrics.sessionsOpened;
    ada.proxy.refuse();
    for (const link of ada.links) link.reset();
    await until(ada.client.status, ({ state }) => state !== 'open');
    ada.proxy.refuse(false);
    await expect.poll(() => server.metrics.sessionsOpened, { timeout: 5000 }).toBe(opened + 1);
    await until(ada.room.freshness, (fresh) => fresh.state === 'live');
  }
  await ada.presence.enter({ name: 'Ada', back: true });
  const last = await until(eve.presence.members, ([first]) => JSON.stringify(first?.data).includes('back'));
  expect(people(last)).toEqual([['ada', 1, { name: 'Ada', back: true }]]);
  expect(eve.changes).toEqual(['ada enter', 'ada update']);
  expect(server.metrics.membersEntered).toBe(1);
});

test('[N4] who doesn’t come back is removed when the time of grace is over, and is there again when they do', async () => {
  const { port } = await serve({ presenceGraceMs: 200 });
  const eve = roomOf(port, 'eve');
  const ada = await behindProxy(port, 'ada');
  await ada.presence.enter({ name: 'Ada' });
  await until(eve.presence.members, ({ length }) => length === 1);
  ada.proxy.refuse();
  for (const link of ada.links) link.reset();
  await until(eve.presence.members, ({ length }) => length === 0);
  ada.proxy.refuse(false);
  await until(eve.presence.members, ({ length }) => length === 1);
  expect(eve.changes).toEqual(['ada enter', 'ada leave', 'ada enter']);
});

test('[N4] who is disconnected by the server is gone at once', async () => {
  const { port, server } = await serve();
  const [eve, ada] = [roomOf(port, 'eve'), roomOf(port, 'ada')];
  await ada.presence.enter({ name: 'Ada' });
  await until(eve.presence.members, ({ length }) => length === 1);
  expect(server.disconnect('ada')).toBe(1);
  await until(eve.presence.members, ({ length }) => length === 0);
});

test('[N6] others see who types, and nobody sees themselves', async () => {
  const { port, server } = await serve();
  const [eve, ada] = [roomOf(port, 'eve'), roomOf(port, 'ada')];
  await ada.presence.enter({ name: 'Ada' });
  const [own, others] = [ada.room.signals, eve.room.signals];
  const seen = until(others, ({ length }) => length === 1);
  const told: unknown[] = [];
  cleanups.push(
    ada.room.onSignal((signal) => void told.push(signal)),
    own.subscribe(() => {}),
  );
  await until(eve.room.freshness, (fresh) => fresh.state === 'live');
  await until(ada.room.freshness, (fresh) => fresh.state === 'live');
  ada.room.signal({ typing: true });
  const [signal] = await seen;
  expect(signal).toMatchObject({ user: 'ada', data: { typing: true } });
  const [member] = await until(eve.presence.members, ({ length }) => length === 1);
  expect(signal?.id).toBe(member?.connections[0]?.id);
  // What comes after it has come: so has it.
  const next = new Promise((resolve) => cleanups.push(ada.room.onMessage(resolve)));
  await server.publish('chat/lobby', 'after it');
  await next;
  expect([told, own.get()]).toEqual([[], []]);
});
