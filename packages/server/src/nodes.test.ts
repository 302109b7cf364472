/**
 * What several nodes on one broker do together, over real sockets: members of nodes that are gone, clients that move from one to
 * another, nodes that were frozen and go on, and signals. The client is one that speaks frames by hand; time passes on command.
 */
import { defineChannels, SyncError, state } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { memory } from './broker/memory.ts';
import { cluster } from './testing/cluster.ts';
import { turns } from './testing/meddle.ts';
import { ask, leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { Mirror } from './testing/mirror.ts';
import { serve, serveChannels } from './testing/serve.ts';
import { passes, WireClient } from './testing/wire.ts';

const room = 'chat/lobby';
/** A node is found gone within so long. */
const goneMs = 15_000;
const graceMs = 10_000;

/** Someone who has entered by a node, with the key. */
async function memberAt(port: number, name: string, data: unknown = name) {
  const client = await WireClient.connect(port);
  return { client, key: String(await outcomeOf(client, 'enter', room, leaseOf(name), data)) };
}

describe('members of a node that dies', () => {
  it('[N8] are gone within 15 s, by one removal each, whichever survivors watch', async () => {
    const { at, clock, leaves } = await cluster(3);
    const watchers = await Promise.all([0, 1].map((i) => Watcher.join(at(i).port, room)));
    const stays = await memberAt(at(0).port, 'stays');
    const dead = [];
    for (let i = 0; i < 20; i++) dead.push((await memberAt(at(2).port, `dead${i}x`)).key);
    for (const watcher of watchers)
      await passes(async () => expect(Object.keys(await watcher.members())).toHaveLength(21));
    at(2).node.freeze();
    await clock.advance(goneMs);
    for (const watcher of watchers)
      await passes(async () => expect(await watcher.members()).toEqual({ [stays.key]: 'stays' }));
    expect(await leaves(room)).toEqual(Object.fromEntries(dead.map((key) => [key, 1])));
    expect(at(0).server.metrics.membersReaped + at(1).server.metrics.membersReaped).toBe(20);
    for (const watcher of watchers) expect(watcher.offset).toBe(41);
  });

  it('[N8] are not shown for long to who comes when it is dead already, where nobody looked before', async () => {
    const { at, clock, leaves } = await cluster(2);
    const { key } = await memberAt(at(1).port, 'dead');
    at(1).node.freeze();
    await clock.advance(goneMs);
    expect(await leaves(room)).toEqual({});
    const watcher = await Watcher.join(at(0).port, room);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    expect(await leaves(room)).toEqual({ [key]: 1 });
  });

  it('[N8] are asked about once for all channels that are opened in a turn, also where that fails', async () => {
    const { at, clock } = await cluster(2);
    const rooms = Array.from({ length: 20 }, (_, i) => `chat/room${i}`);
    const client = await WireClient.connect(at(1).port);
    for (const one of rooms) await outcomeOf(client, 'enter', one, leaseOf('one'), 1);
    const asked: (readonly string[])[] = [];
    const { node } = at(0);
    const gone = node.gone.bind(node);
    let fails = true;
    node.gone = (ids) => {
      asked.push(ids);
      return fails ? Promise.reject(new SyncError('unavailable')) : gone(ids);
    };
    const watchers = await Promise.all(rooms.map((one) => Watcher.join(at(0).port, one)));
    for (let i = 0; i < 3; i++) await clock.advance(1000);
    fails = false;
    await clock.advance(1000);
    expect(asked.length).toBeLessThan(10);
    expect(new Set(asked.flat())).toEqual(new Set([at(1).node.id]));
    at(1).node.freeze();
    await clock.advance(goneMs);
    for (const watcher of watchers)
      await passes(async () => expect(Object.keys(await watcher.members())).toEqual([]));
    expect(at(0).server.metrics.membersReaped).toBe(20);
  });

  it('[N8] are not taken away again and again from one that entered them just now, and gives its sign of life a little late', async () => {
    const { at, clock, logs } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const { key } = await memberAt(at(1).port, 'back');
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    const stored = async () => (await logs.read(`${room}?presence`, range)).top.offset;
    const { node } = at(0);
    const gone = node.gone.bind(node);
    // So it is until its sign of life comes.
    at(1).node.freeze();
    await clock.advance(goneMs);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    node.gone = async (ids) => ids;
    at(1).node.thaw();
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 'back' }));
    const before = await stored();
    for (let i = 0; i < 4; i++) await clock.advance(1000);
    await turns(20);
    expect(await stored()).toBe(before);
    let asked = 0;
    node.gone = (ids) => {
      asked++;
      return gone(ids);
    };
    await clock.advance(2 * goneMs);
    expect(await watcher.members()).toEqual({ [key]: 'back' });
    expect(await stored()).toBe(before);
    // It is one like any other again: nobody asks about it any more.
    for (let i = 0; i < 10; i++) {
      await memberAt(at(1).port, 'back', i);
      await passes(async () => expect(await watcher.members()).toEqual({ [key]: i }));
    }
    expect(asked).toBeLessThan(4);
  });

  it('[N8] are removed also where they had entered just before it died', async () => {
    const { at, clock, leaves } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const first = await memberAt(at(1).port, 'first');
    await clock.advance(2900);
    const last = await memberAt(at(1).port, 'last');
    at(1).node.freeze();
    await clock.advance(goneMs);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    expect(await leaves(room)).toEqual({ [first.key]: 1, [last.key]: 1 });
  });

  it('[N8] stay when they came back by another node meanwhile, though it is asked about long after', async () => {
    const { at, clock, leaves } = await cluster(3);
    const watcher = await Watcher.join(at(0).port, room);
    const { key } = await memberAt(at(2).port, 'moves', 1);
    at(2).node.freeze();
    await clock.advance(5000);
    const again = await memberAt(at(1).port, 'moves', 1);
    expect(again.key).toBe(key);
    await clock.advance(2 * goneMs);
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 1 }));
    expect(await leaves(room)).toEqual({});
  });

  it('[N8] that closed are removed like those of one that died', async () => {
    const { at, clock, leaves } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const { key } = await memberAt(at(1).port, 'dead');
    const closed = at(1).server.close({ drainMs: 0 });
    for (let i = 0; i < 10; i++) await clock.advance(200);
    await closed;
    await clock.advance(3000);
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 'dead' }));
    await clock.advance(goneMs);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    expect(await leaves(room)).toEqual({ [key]: 1 });
  });

  it('[N8] are removed also where the log could not be reached just then', async () => {
    const { at, clock, leaves } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const { key } = await memberAt(at(1).port, 'dead');
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 'dead' }));
    at(1).node.freeze();
    await clock.advance(5000);
    at(0).node.freeze();
    await clock.advance(20_000);
    expect(await leaves(room)).toEqual({});
    at(0).node.thaw();
    await clock.advance(5000);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    expect(await leaves(room)).toEqual({ [key]: 1 });
  });
});

describe('a member that moves to another node', () => {
  it('[N4] [N8] is not removed by the first one’s wait for it, and its entry says who holds it', async () => {
    const { at, clock, leaves } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const first = await memberAt(at(0).port, 'moves');
    first.client.inbox.socket.terminate();
    await passes(() => expect(at(0).server.metrics.sessionsOpen).toBe(1));
    const { key } = await memberAt(at(1).port, 'moves');
    await clock.advance(10 * graceMs);
    expect(await watcher.members()).toEqual({ [key]: 'moves' });
    expect(watcher.mirror.values.get(key)?.node).toBe(at(1).node.id);
    expect(at(0).server.metrics.membersOpen).toBe(0);
    expect(await leaves(room)).toEqual({});
  });

  it('[N4] [N8] leaves by the second, while the first still takes its old session for alive: it doesn’t come back', async () => {
    const { at, clock } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    await memberAt(at(0).port, 'moves');
    await clock.advance(1000);
    const { client } = await memberAt(at(1).port, 'moves');
    expect(await outcomeOf(client, 'leave', room, leaseOf('moves'))).toBe('left');
    await turns();
    await clock.advance(1000);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    expect(at(0).server.metrics.membersOpen).toBe(0);
  });

  it('[N4] [N8] and back again is the first one’s, also where that never heard of the second', async () => {
    const { at, clock, leaves } = await cluster(2);
    const first = await memberAt(at(0).port, 'moves');
    await clock.advance(1000);
    const second = await memberAt(at(1).port, 'moves');
    await turns();
    await clock.advance(1000);
    const third = await memberAt(at(0).port, 'moves');
    first.client.inbox.socket.terminate();
    second.client.inbox.socket.terminate();
    await turns();
    await clock.advance(10 * graceMs);
    const watcher = await Watcher.join(at(1).port, room);
    expect(await watcher.members()).toEqual({ [third.key]: 'moves' });
    expect(watcher.mirror.values.get(third.key)?.node).toBe(at(0).node.id);
    expect(await leaves(room)).toEqual({});
  });

  it('[N4] [N8] and back to a node that hears of it late: whoever entered last has it, and keeps it', async () => {
    const { at, clock, leaves } = await cluster(2);
    await memberAt(at(0).port, 'moves');
    const watcher = await Watcher.join(at(1).port, room);
    at(0).node.freeze();
    await clock.advance(1000);
    const second = await memberAt(at(1).port, 'moves');
    await clock.advance(1000);
    // With equal data: nothing needs to be appended, as far as this node knows.
    const third = await memberAt(at(0).port, 'moves');
    at(0).node.thaw();
    await passes(async () => {
      await watcher.members();
      expect(watcher.mirror.values.get(third.key)?.node).toBe(at(0).node.id);
    });
    second.client.inbox.socket.terminate();
    await clock.advance(10 * graceMs);
    expect(await watcher.members()).toEqual({ [third.key]: 'moves' });
    expect(at(1).server.metrics.membersOpen).toBe(0);
    expect(await leaves(room)).toEqual({});
  });
});

describe('a node that was taken for gone', () => {
  it('[N8] enters its members anew when it goes on, each once, and removes nobody who moved', async () => {
    const { at, clock, leaves } = await cluster(3);
    const watcher = await Watcher.join(at(0).port, room);
    const moved = await memberAt(at(1).port, 'moved');
    const stayed = await memberAt(at(1).port, 'stayed');
    await passes(async () => expect(Object.keys(await watcher.members())).toHaveLength(2));
    at(1).node.freeze();
    await clock.advance(goneMs);
    await passes(async () => expect(await watcher.members()).toEqual({}));
    await memberAt(at(2).port, 'moved');
    at(1).node.thaw();
    await passes(async () =>
      expect(await watcher.members()).toEqual({ [moved.key]: 'moved', [stayed.key]: 'stayed' }),
    );
    const nodeOf = (key: string) => watcher.mirror.values.get(key)?.node;
    expect([nodeOf(moved.key), nodeOf(stayed.key)]).toEqual([at(2).node.id, at(1).node.id]);
    moved.client.inbox.socket.terminate();
    await clock.advance(10 * graceMs);
    expect(Object.keys(await watcher.members())).toHaveLength(2);
    expect(await leaves(room)).toEqual({ [moved.key]: 1, [stayed.key]: 1 });
  });

  it('[N8] removes members of a node that died while it was away itself', async () => {
    const { at, clock } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const dead = await memberAt(at(1).port, 'dead');
    const own = await memberAt(at(0).port, 'own');
    await passes(async () => expect(Object.keys(await watcher.members())).toHaveLength(2));
    at(0).node.freeze();
    at(1).node.freeze();
    await clock.advance(10 * goneMs);
    at(0).node.thaw();
    await clock.advance(5000);
    await passes(async () => expect(await watcher.members()).toEqual({ [own.key]: 'own' }));
    expect(dead.key).not.toBe(own.key);
  });

  it('[N8] finds what was stored after all though its answer never came, when nobody holds it any more', async () => {
    const { at, logs, leaves } = await cluster(2);
    const watcher = await Watcher.join(at(0).port, room);
    const { key } = await memberAt(at(1).port, 'a');
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 'a' }));
    // As a command that a broken connection kept for a while would come.
    const late = {
      data: `["late",1,{"at":1,"node":"${at(1).node.id}"}]`,
      from: null,
      key: 'late',
      keep: null,
    };
    await logs.append(`${room}?presence`, late);
    await passes(async () => expect(await leaves(room)).toEqual({ late: 1 }));
    await passes(async () => expect(await watcher.members()).toEqual({ [key]: 'a' }));
  });
});

describe('a signal', () => {
  it('[N6] reaches who follows the channel on any node, once, and nobody who doesn’t', async () => {
    const { at } = await cluster(3);
    const readers = await Promise.all([0, 1, 2].map((i) => WireClient.connect(at(i).port)));
    for (const reader of readers) await reader.subscribe(room);
    const author = await WireClient.connect(at(0).port);
    const other = await WireClient.connect(at(1).port);
    await other.subscribe('chat/other');
    ask(author, 'signal', room, leaseOf('a'), { typing: true });
    const { key } = await author.expect('signalled');
    for (const reader of readers)
      expect((await reader.expect('signals')).signals).toEqual([[key, null, '{"typing":true}']]);
    for (const reader of [...readers, other]) expect(await reader.flush()).toEqual([]);
  });

  it('[N6] reaches other nodes also where nobody follows the channel on its own', async () => {
    const { at } = await cluster(2);
    const reader = await WireClient.connect(at(1).port);
    await reader.subscribe(room);
    const author = await WireClient.connect(at(0).port);
    const data = ['ünï\u2028', 1];
    ask(author, 'signal', room, leaseOf('a'), data);
    await author.expect('signalled');
    const [[, from, text] = []] = (await reader.expect('signals')).signals;
    expect([from, JSON.parse(String(text))]).toEqual([null, data]);
  });

  it.each([
    ['no JSON', 'hello'],
    ['another frame', '["bye","now",0]'],
    ['no list', '["signals",0,{}]'],
    ['no key', '["signals",0,[[1,null,2]]]'],
    ['data that are too large', `["signals",0,[["k",null,"${'x'.repeat(9000)}"]]]`],
    ['data that are too deep', `["signals",0,[["k",null,${'['.repeat(40)}${']'.repeat(40)}]]]`],
    ['far too much', `["signals",0,[${Array.from({ length: 40_000 }, () => '["k",null,1]').join()}]]`],
  ])('[N6] what another node tells that is none is passed over: %s', async (_, text) => {
    const { at } = await cluster(2);
    const reader = await WireClient.connect(at(1).port);
    await reader.subscribe(room);
    at(0).node.tell(`${room}?signals`, text);
    await turns();
    expect(await reader.flush()).toEqual([]);
    at(0).node.tell(`${room}?signals`, '["signals",0,[["k",null,1]]]');
    expect((await reader.expect('signals')).signals).toEqual([['k', null, '1']]);
  });
});

describe('a node that can’t reach its logs', () => {
  it('[H5] tells its clients at once, with each heartbeat, and when it is over; who connects meanwhile is told too', async () => {
    const { at, clock } = await cluster(1);
    const { port, health } = at(0);
    const client = await WireClient.connect(port);
    const { id } = await client.subscribe(room);
    health.break();
    expect(await client.expect('heartbeat')).toEqual({
      ...{ type: 'heartbeat', heads: [{ id, offset: 0, check: 0 }], staleMs: 1 },
    });
    await clock.advance(4000);
    const late = await WireClient.connect(port);
    expect(await late.expect('heartbeat')).toMatchObject({ heads: [], staleMs: 4000 });
    client.send({ type: 'heartbeat' });
    expect(await client.expect('heartbeat')).toMatchObject({ staleMs: 4000 });
    health.mend();
    for (const one of [client, late]) expect(await one.expect('heartbeat')).not.toHaveProperty('staleMs');
  });

  it('is not ready for load balancers, though it still answers', async () => {
    const { at } = await cluster(1);
    const { port, health } = at(0);
    const ready = async () => (await fetch(`http://localhost:${port}/sync/ready`)).status;
    expect(await ready()).toBe(200);
    health.break();
    expect(await ready()).toBe(503);
    health.mend();
    expect(await ready()).toBe(200);
  });

  it('says so in the operator’s log, once for each reason, and that it is over', async () => {
    const told: unknown[] = [];
    const { at, clock } = await cluster(1, {
      logger: { error: (facts, message) => told.push([message, facts]) },
    });
    const { port, health } = at(0);
    const client = await WireClient.connect(port);
    health.break();
    await client.expect('heartbeat');
    await clock.advance(4000);
    health.break('It is broken otherwise.');
    health.mend();
    // Another reason is nothing to a client.
    expect(await client.expect('heartbeat')).not.toHaveProperty('staleMs');
    expect(told).toEqual([
      [expect.stringMatching(/logs can not be reached/), { what: 'It is broken on purpose.' }],
      [expect.stringMatching(/logs can not be reached/), { what: 'It is broken otherwise.' }],
      ['The logs can be reached again.', { brokenMs: 4000 }],
    ]);
  });
});

describe('what a broker counts', () => {
  it('is among the metrics, as it is when they are read', async () => {
    const troubles = { logsBroken: 0, messagesDropped: 1 };
    const { server } = await serve({ broker: { ...bound(memory()), troubles } });
    const { metrics } = server;
    expect(metrics).toMatchObject({ logsBroken: 0, messagesDropped: 1, sessionsOpen: 0 });
    troubles.logsBroken = 2;
    expect({ ...metrics }).toMatchObject({ logsBroken: 2, messagesDropped: 1 });
    expect((await serve()).server.metrics).toMatchObject({ logsBroken: 0 });
  });
});

describe('a node whose clock goes wrong', () => {
  /** A node whose clock is behind that of the broker by so much, and what lets time pass for both. */
  async function skewed(behindMs: number) {
    const real = fakeClock();
    const own = fakeClock({ now: real.now() - behindMs });
    const broker = { ...bound(memory({ clock: real })), now: () => real.now() };
    const contract = defineChannels({ 'fleet/:city': state({ ttl: '60s' }) });
    const running = await serveChannels(contract, { broker, clock: own });
    const pass = async (ms: number) => {
      await real.advance(ms);
      await own.advance(ms);
    };
    return { ...running, real, pass };
  }

  it.each([3_600_000, -3_600_000])(
    '[K5] [F7] goes by the time of the broker: values end when they must (%d ms)',
    async (behindMs) => {
      const { port, server, real, pass } = await skewed(behindMs);
      const client = await WireClient.dial(port);
      expect((await client.expect('welcome')).now).toBe(real.now());
      await server.set('fleet/berlin', 'van', 1);
      const { position } = await client.subscribe('fleet/berlin', Number.MAX_SAFE_INTEGER);
      const mirror = new Mirror(position);
      const look = async () => {
        for (const frame of await client.flush()) mirror.receive(frame);
        return mirror.content;
      };
      await pass(59_000);
      await passes(async () => expect(await look()).toEqual({ van: '1' }));
      await pass(1500);
      await passes(async () => expect(await look()).toEqual({}));
    },
  );

  it('[K4] holds an `at` ahead of the broker’s time to that, not to its own', async () => {
    const { server, real, pass } = await skewed(-3_600_000);
    const hourAhead = real.now() + 3_000_000;
    await server.set('fleet/berlin', 'van', 1, { at: hourAhead });
    await pass(10);
    await expect(server.set('fleet/berlin', 'van', 2, { at: real.now() })).resolves.toBeDefined();
  });
});

/** A broker whose methods can be spread. */
function bound(broker: ReturnType<typeof memory>): ReturnType<typeof memory> {
  return {
    append: (...given) => broker.append(...given),
    read: (...given) => broker.read(...given),
    compact: (...given) => broker.compact(...given),
    listen: (...given) => broker.listen(...given),
    close: () => broker.close(),
  };
}
