/**
 * Who is in a channel, over real sockets, rule by rule: members enter, are replaced, leave, are waited for and removed, and
 * nobody passes for somebody else. The client is one that speaks frames by hand.
 */
import { defineChannels, doc, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { named } from './testing/identities.ts';
import { lasting, meddle, turns } from './testing/meddle.ts';
import { ask, leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/lobby';
const companion = `${room}?presence`;
const graceMs = 10_000;
const channels = defineChannels({
  'chat/:room': stream(),
  'fleet/:city': state({ own: true, ttl: '1s' }),
  'board/:id': doc(),
});

type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serve = (options: Options = {}) => serveChannels(channels, options);
const key = /^[\w-]{22}$/;

describe('a member', () => {
  it('[C4] [N1] enters, and whoever watches the companion is told: its key, its data, its user', async () => {
    const { port, server } = await serve({
      authenticate: named({ ada: { user: 'ada', capabilities: everything } }),
    });
    const watcher = await Watcher.join(port, room, '/sync?ada');
    const ada = await WireClient.connect(port, '/sync?ada');
    const entered = await outcomeOf(ada, 'enter', room, leaseOf('a'), { name: 'Ada' });
    expect(entered).toMatch(key);
    expect(await watcher.members()).toEqual({ [String(entered)]: { name: 'Ada' } });
    expect(watcher.users).toEqual({ [String(entered)]: 'ada' });
    const late = await Watcher.join(port, room, '/sync?ada');
    expect(await late.members()).toEqual(await watcher.members());
    expect(server.metrics).toMatchObject({ membersEntered: 1, membersOpen: 1 });
  });

  it('[N1] two tabs of one user are two members of one user, and their data travel as they were written', async () => {
    const { port } = await serve({
      authenticate: named({ ada: { user: 'ada', capabilities: everything } }),
    });
    const watcher = await Watcher.join(port, room, '/sync?ada');
    const [one, two] = [
      await WireClient.connect(port, '/sync?ada'),
      await WireClient.connect(port, '/sync?ada'),
    ];
    one.sendText(`["enter",1,"${room}","${leaseOf('one')}", {"n": 1.0,"n":12345678901234567890}]`);
    const { key: first } = await one.expect('entered');
    const second = await outcomeOf(two, 'enter', room, leaseOf('two'));
    await watcher.members();
    expect(watcher.users).toEqual({ [first]: 'ada', [String(second)]: 'ada' });
    expect(watcher.mirror.values.get(first)?.text).toBe('{"n": 1.0,"n":12345678901234567890}');
  });

  it('[N1] is answered before its entry reaches it', async () => {
    const { port } = await serve();
    const { client } = await Watcher.join(port, room);
    for (let i = 1; i <= 5; i++) {
      ask(client, 'enter', room, leaseOf('a'), i);
      await client.expect('entered');
      await client.expect('entries');
    }
  });

  it('[N2] enters again: its data are replaced; with equal data it is answered alike and nothing is appended', async () => {
    const { port } = await serve();
    const watcher = await Watcher.join(port, room);
    const client = await WireClient.connect(port);
    const first = await outcomeOf(client, 'enter', room, leaseOf('a'), 1);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 2)).toBe(first);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 2)).toBe(first);
    expect(await watcher.members()).toEqual({ [String(first)]: 2 });
    expect(watcher.offset).toBe(2);
  });

  it('[N3] leaves and is removed at once; also where nothing was entered it is answered', async () => {
    const { port } = await serve();
    const watcher = await Watcher.join(port, room);
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'leave', room, leaseOf('a'))).toBe('left');
    await outcomeOf(client, 'enter', room, leaseOf('a'));
    expect(await outcomeOf(client, 'leave', room, leaseOf('a'))).toBe('left');
    expect(await outcomeOf(client, 'leave', room, leaseOf('a'))).toBe('left');
    expect(await watcher.members()).toEqual({});
    expect(watcher.offset).toBe(2);
  });

  it.each([room, 'fleet/x', 'board/x'])(
    '[N1] [N6] may be one of any kind of channel, whose own keys and times are not the members’: %s',
    async (channel) => {
      const clock = fakeClock();
      const { port } = await serve({ clock });
      const watcher = await Watcher.join(port, channel);
      const client = await WireClient.connect(port);
      await client.subscribe(channel);
      const entered = await outcomeOf(client, 'enter', channel, leaseOf('a'), 'here');
      ask(client, 'signal', channel, leaseOf('a'), 'hello');
      await client.expect('signalled');
      expect((await client.expect('signals')).signals).toEqual([[entered, null, '"hello"']]);
      await clock.advance(60_000);
      expect(Object.values(await watcher.members())).toEqual(['here']);
    },
  );

  it('has a log that needn’t outlive the node: what the broker stores durably has nothing of it', async () => {
    const durable = memory();
    const { port } = await serve({ broker: durable });
    await outcomeOf(await WireClient.connect(port), 'enter', room, leaseOf('a'));
    const range = { direction: 'before', offset: 9, entriesMax: 9, bytesMax: 9, keep: null } as const;
    expect((await durable.read(companion, range)).top.offset).toBe(0);
  });

  it('has a log in the broker for what needn’t last, where the broker has one', async () => {
    const volatile = lasting(memory());
    const { port } = await serve({ broker: { ...meddle(memory()).broker, volatile } });
    await outcomeOf(await WireClient.connect(port), 'enter', room, leaseOf('a'));
    const range = { direction: 'before', offset: 9, entriesMax: 9, bytesMax: 9, keep: null } as const;
    expect((await volatile.read(companion, range)).top.offset).toBe(1);
  });

  it('[N1] is one of hundreds, and who comes late is told of all', async () => {
    const { port, server } = await serve();
    const watcher = await Watcher.join(port, room);
    const clients = await Promise.all(Array.from({ length: 300 }, () => WireClient.connect(port)));
    for (const [i, client] of clients.entries()) ask(client, 'enter', room, leaseOf(`m${i}x`), i);
    for (const client of clients) await client.expect('entered');
    const late = await Watcher.join(port, room);
    expect(Object.values(await late.members()).sort()).toEqual([...Array(300).keys()].sort());
    expect(await watcher.members()).toEqual(await late.members());
    expect(server.metrics.membersOpen).toBe(300);
  });

  it('has a log that goes with the last who has the channel open, whatever was said in it', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, broker: memory({ clock }), channelIdleMs: 1000 });
    const client = await WireClient.connect(port);
    const epochs = new Set<string>();
    for (let i = 0; i < 3; i++) {
      await outcomeOf(client, 'enter', room, leaseOf('a'), i);
      epochs.add((await client.subscribe(companion)).position.epoch);
      await client.unsubscribe(companion);
      await outcomeOf(client, 'leave', room, leaseOf('a'));
      await clock.advance(3000);
      expect(server.metrics.channelsOpen).toBe(0);
    }
    expect(epochs.size).toBe(3);
  });

  it('that says much again and again leaves little of it in memory', async () => {
    const { port, server } = await serve();
    const client = await WireClient.connect(port);
    for (let i = 0; i < 100; i++)
      await outcomeOf(client, 'enter', room, leaseOf('a'), `${i}${'x'.repeat(8000)}`);
    // 800 kB, of which 128 KiB are held besides what they come to.
    await expect.poll(() => server.metrics.snapshotsStored).toBeGreaterThan(4);
  });

  it('[N1] of many channels is refused where subscriptions would be', async () => {
    const { port } = await serve({ channelsPerSessionMax: 2 });
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'enter', 'chat/a', leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'enter', 'chat/b', leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'enter', 'chat/c', leaseOf('a'))).toBe('too_many');
    expect(await outcomeOf(client, 'leave', 'chat/a', leaseOf('a'))).toBe('left');
    expect(await outcomeOf(client, 'enter', 'chat/c', leaseOf('a'))).toMatch(key);
  });
});

describe('a member whose connection is gone', () => {
  const gone = async (options: Options = {}) => {
    const clock = fakeClock();
    const running = await serve({ clock, ...options });
    const watcher = await Watcher.join(running.port, room);
    const client = await WireClient.connect(running.port);
    const entered = String(await outcomeOf(client, 'enter', room, leaseOf('a')));
    const { metrics } = running.server;
    /** Resolves when the server has noticed. */
    const dropped = () => expect.poll(() => metrics.sessionsOpen).toBe(1);
    return { ...running, clock, watcher, client, entered, dropped };
  };

  it.each<[string, (client: WireClient) => void]>([
    ['killed', (client) => client.inbox.socket.terminate()],
    ['closed', (client) => client.close()],
  ])('[N4] is waited for, and then removed: %s', async (_, end) => {
    const { client, clock, watcher, entered, dropped } = await gone();
    end(client);
    await dropped();
    await clock.advance(graceMs - 1);
    expect(await watcher.members()).toEqual({ [entered]: 1 });
    await clock.advance(1);
    expect(await watcher.members()).toEqual({});
    expect(watcher.offset).toBe(2);
  });

  it('[N4] is back within that time with its lease: nothing is appended, and it stays', async () => {
    const { client, clock, watcher, entered, dropped, port } = await gone();
    client.inbox.socket.terminate();
    await dropped();
    await clock.advance(graceMs - 1);
    const again = await WireClient.connect(port);
    expect(await outcomeOf(again, 'enter', room, leaseOf('a'))).toBe(entered);
    await clock.advance(10 * graceMs);
    expect(await watcher.members()).toEqual({ [entered]: 1 });
    expect(watcher.offset).toBe(1);
    expect(await outcomeOf(again, 'enter', room, leaseOf('a'), 2)).toBe(entered);
    expect(await watcher.members()).toEqual({ [entered]: 2 });
  });

  it('[N3] may leave by another connection, without entering there first', async () => {
    const { client, watcher, dropped, port } = await gone();
    client.inbox.socket.terminate();
    await dropped();
    const again = await WireClient.connect(port);
    expect(await outcomeOf(again, 'leave', room, leaseOf('a'))).toBe('left');
    expect(await watcher.members()).toEqual({});
  });

  it('[N4] [L3] has changed over to another one before: the end of the first is not its end', async () => {
    const { client, clock, watcher, entered, dropped, port } = await gone();
    const second = await WireClient.connect(port);
    expect(await outcomeOf(second, 'enter', room, leaseOf('a'))).toBe(entered);
    expect(await outcomeOf(client, 'leave', room, leaseOf('a'))).toBe('left');
    client.close();
    second.send({ type: 'heartbeat' });
    await second.expect('heartbeat');
    await clock.advance(10 * graceMs);
    expect(await watcher.members()).toEqual({ [entered]: 1 });
    second.close();
    await dropped();
    await clock.advance(graceMs);
    expect(await watcher.members()).toEqual({});
  });

  it('[N4] is waited for for as long as the option says', async () => {
    const { client, clock, watcher, entered, dropped } = await gone({ presenceGraceMs: 500 });
    client.close();
    await dropped();
    await clock.advance(499);
    expect(await watcher.members()).toEqual({ [entered]: 1 });
    await clock.advance(1);
    expect(await watcher.members()).toEqual({});
  });

  it('[N4] [L1] is not removed by a server that leaves: nothing is appended for all who go with it', async () => {
    const { broker: volatile, meddling } = meddle(lasting(memory()));
    const { port, server } = await serve({ broker: { ...meddle(memory()).broker, volatile } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => WireClient.connect(port)));
    for (const [i, client] of clients.entries()) await outcomeOf(client, 'enter', room, leaseOf(`m${i}`));
    let appends = 0;
    meddling.append = (append) => {
      appends++;
      return append();
    };
    clients[0]?.close();
    await server.close({ drainMs: 100 });
    await turns(10);
    expect(appends).toBe(0);
  });
});

describe('a member who is sent away', () => {
  const sent = async () => {
    const clock = fakeClock();
    const ada = { user: 'ada', capabilities: everything, tokenId: 't1', expiresAt: clock.now() + 60_000 };
    const running = await serve({
      clock,
      authenticate: named({ ada, eve: { user: 'eve', capabilities: everything } }),
    });
    const watcher = await Watcher.join(running.port, room, '/sync?eve');
    const client = await WireClient.connect(running.port, '/sync?ada');
    const entered = String(await outcomeOf(client, 'enter', room, leaseOf('a')));
    expect(await watcher.members()).toEqual({ [entered]: 1 });
    return { ...running, clock, watcher, client, entered };
  };
  type Sent = Awaited<ReturnType<typeof sent>>;

  it.each<[string, (sent: Sent) => unknown]>([
    ['disconnected', ({ server }) => server.disconnect('ada')],
    ['revoked', ({ server, clock }) => server.revoke('t1', clock.now() + 1000)],
    ['expired', ({ clock }) => clock.advance(60_000)],
    ['who breaks the protocol', ({ client }) => client.sendText('["enter"]')],
  ])('[N4] is removed at once, whether or not it reads that: %s', async (_, send) => {
    const context = await sent();
    context.client.inbox.socket.pause();
    await send(context);
    await expect.poll(() => context.watcher.members()).toEqual({});
  });

  it.each<[string, (sent: Sent) => unknown]>([
    ['disconnected', ({ server }) => server.disconnect('ada')],
    ['revoked', ({ server, clock }) => server.revoke('t1', clock.now() + 1000)],
  ])('[N4] is waited for no longer: %s while it was away', async (_, send) => {
    const context = await sent();
    context.client.close();
    await expect.poll(() => context.server.metrics.sessionsOpen).toBe(1);
    await send(context);
    expect(await context.watcher.members()).toEqual({});
  });

  it('[H4] [N4] is waited for when it was only silent', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, heartbeatMs: 5000, presenceGraceMs: 30_000 });
    const client = await WireClient.connect(port);
    await outcomeOf(client, 'enter', room, leaseOf('a'));
    client.inbox.socket.pause();
    // From when it was ended, however long its socket takes.
    while (server.metrics.sessionsSilent === 0) await clock.advance(1000);
    await clock.advance(28_999);
    expect(server.metrics.membersOpen).toBe(1);
    await clock.advance(1001);
    await turns();
    expect(server.metrics.membersOpen).toBe(0);
  });
});
