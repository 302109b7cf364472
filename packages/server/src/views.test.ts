/**
 * Views over real sockets, rule by rule: what is asked for and answered, what is told when, rights, bounds, and readers that are
 * slow. What is told whatever happens is proven beside the fold; here it is how it travels.
 */
import { defineChannels, doc, state, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { type FrameOf, type ServerFrame, setEntry, type ViewFilter } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { named } from './testing/identities.ts';
import { meddle, turns } from './testing/meddle.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const fleet = 'fleet/x';
const channels = defineChannels({
  'fleet/:city': state({ ttl: '60s', geo: { lat: 'lat', lng: 'lng' } }),
  'keyed/:x': state(),
  'chat/:room': stream(),
  'board/:id': doc(),
});

type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serveViews = (options: Options = {}) => serveChannels(channels, options);
type Told = FrameOf<ServerFrame, 'seen'>;

const at = (lat: number, lng: number) => ({ lat, lng });
const berlin = [13, 52, 14, 53] as const;

/** Asks for a view, a move or an end, and returns the answer and what came before it. */
async function ask(client: WireClient, filter: ViewFilter | null, id = 0, channel = fleet) {
  const ref = client.nextRef();
  client.send({ type: 'view', ref, channel, id, filter });
  for (;;) {
    const frame = await client.frame();
    if (frame.type === 'viewing' && frame.ref === ref) return frame.id;
    if (frame.type === 'error' && frame.ref === ref) throw frame;
  }
}

/** Keys with their values, as a view told them. */
const shown = ({ rows }: Told) => rows.map((row) => (JSON.parse(row) as unknown[]).slice(0, 2));

describe('a view', () => {
  it('[V1] [V3] [V4] is opened, tells what is in it as rows, then what changes, and ends', async () => {
    const { port, server } = await serveViews();
    await server.set(fleet, 'a', at(52.5, 13.4), { at: 7 });
    await server.set(fleet, 'b', at(48.1, 11.6));
    const client = await WireClient.connect(port);
    const id = await ask(client, { bbox: berlin });
    const first = await client.expect('seen');
    expect(first).toMatchObject({ id, offset: 2, more: false, gone: [] });
    expect(first.rows[0]).toMatch(/^\["a",\{"lat":52\.5,"lng":13\.4\},1,\d{13},null,\{"at":7\}\]$/);
    await server.set(fleet, 'b', at(52.4, 13.1));
    expect(shown(await client.expect('seen'))).toEqual([['b', at(52.4, 13.1)]]);
    await server.set(fleet, 'a', at(0, 0));
    expect(await client.expect('seen')).toMatchObject({ id, offset: 4, rows: [], gone: [['a', 'exit']] });
    await server.delete(fleet, 'b');
    expect(await client.expect('seen')).toMatchObject({ rows: [], gone: [['b', 'delete']] });
    expect(await ask(client, null, id)).toBe(id);
    await server.set(fleet, 'b', at(52.4, 13.1));
    expect(await client.flush()).toEqual([]);
    expect(server.metrics).toMatchObject({ viewsOpen: 0, rowsSent: 4 });
  });

  it('[V1] is ended alike where it is none, and moved only where it is one of that channel', async () => {
    const { port } = await serveViews();
    const [client, other] = [await WireClient.connect(port), await WireClient.connect(port)];
    const id = await ask(client, {});
    expect(await ask(client, null, 999)).toBe(999);
    expect(await ask(client, null, 0)).toBe(0);
    await expect(ask(client, {}, 999)).rejects.toMatchObject({ code: 'bad_payload' });
    await expect(ask(other, {}, id)).rejects.toMatchObject({ code: 'bad_payload' });
    await expect(ask(client, {}, id, 'fleet/y')).rejects.toMatchObject({ code: 'bad_payload' });
    // What another one ends is not this one's.
    expect(await ask(other, null, id)).toBe(id);
    expect(await ask(client, null, id, 'fleet/y')).toBe(id);
    expect(await ask(client, { keys: ['a'] }, id)).toBe(id);
  });

  it('[V1] has a number that no channel has, needs no subscription, and beside one both go on', async () => {
    const { port, server } = await serveViews();
    const client = await WireClient.connect(port);
    const id = await ask(client, { prefix: 'a' });
    await client.expect('seen');
    const ids = [id, (await client.subscribe(fleet)).id, (await client.subscribe('chat/x')).id];
    ids.push(await ask(client, { prefix: 'b' }));
    await client.expect('seen');
    expect(new Set(ids).size).toBe(4);
    await server.set(fleet, 'ab', 1);
    const frames = [await client.frame(), await client.frame()];
    expect(frames.map(({ type }) => type).sort()).toEqual(['entries', 'seen']);
    await client.unsubscribe(fleet);
    await server.set(fleet, 'ba', 1);
    expect(await client.expect('seen')).toMatchObject({ id: ids[3], gone: [] });
  });

  it('[V1] gives its number back when it ends, for the next that needs one', async () => {
    const { port, server } = await serveViews();
    const client = await WireClient.connect(port);
    const ids = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const id = await ask(client, {});
      ids.add(id);
      await ask(client, null, id);
    }
    expect(ids.size).toBe(1);
    const gone = await WireClient.connect(port);
    const left = await ask(gone, {});
    gone.inbox.socket.terminate();
    await expect.poll(() => server.metrics.viewsOpen).toBe(0);
    expect(await ask(client, {})).toBe(left);
  });

  it('[V1] is one of so many as a session may have', async () => {
    const { port, server } = await serveViews({ viewsPerSessionMax: 3 });
    const client = await WireClient.connect(port);
    const asked = await Promise.allSettled([0, 0, 0, 0, 0].map(() => client.nextRef()));
    for (const one of asked)
      if (one.status === 'fulfilled')
        client.send({ type: 'view', ref: one.value, channel: fleet, id: 0, filter: {} });
    const answers: string[] = [];
    while (answers.length < 5) {
      const frame = await client.frame();
      if (frame.type !== 'seen') answers.push(frame.type === 'error' ? frame.code : frame.type);
    }
    expect(answers.sort()).toEqual(['too_many', 'too_many', 'viewing', 'viewing', 'viewing']);
    await expect.poll(() => server.metrics.viewsOpen).toBe(3);
    client.inbox.socket.close();
    await expect.poll(() => server.metrics.viewsOpen).toBe(0);
  });
});

describe('what views show', () => {
  it('[V8] is bounded for a session: the view that comes to more is ended, and the others go on', async () => {
    const { port, server } = await serveViews({ viewRowsPerSessionMax: 1000 });
    for (let i = 0; i < 900; i++) await server.set(fleet, `v${i}`, at(52, 13));
    const client = await WireClient.connect(port);
    const kept = await ask(client, { prefix: 'v' });
    const keys = Array.from({ length: 100 }, (_, i) => `v${i}`);
    const full = await ask(client, { keys });
    for (const frame of await client.flush()) expect(frame.type).toBe('seen');
    const more = await ask(client, { keys: ['v100'] });
    const frames = await client.flush();
    expect(frames.at(-1)).toMatchObject({ type: 'revoked', id: more, code: 'too_many' });
    await ask(client, null, full);
    expect(await ask(client, { keys: ['v100'] })).toBeGreaterThan(0);
    await client.flush();
    await server.set(fleet, 'v1', at(1, 1));
    expect(await client.expect('seen')).toMatchObject({
      id: kept,
      gone: [],
      rows: [expect.stringMatching('"v1"')],
    });
    expect(server.metrics.viewsOpen).toBe(2);
  });
});

describe('a filter', () => {
  it('[V2] lets through what meets all of it, and may cross the antimeridian', async () => {
    const { port, server } = await serveViews();
    for (const [key, lat, lng] of [
      ['van/1', -18, 179],
      ['van/2', -18, -179],
      ['van/3', -18, 0],
      ['car/1', -18, 179],
    ] as const)
      await server.set(fleet, key, at(lat, lng));
    await server.set(fleet, 'van/4', { lat: '-18', lng: 179 });
    const client = await WireClient.connect(port);
    const keys = async (filter: ViewFilter) => {
      const id = await ask(client, filter);
      const told = await client.expect('seen');
      await ask(client, null, id);
      return shown(told)
        .map(([key]) => key)
        .sort();
    };
    expect(await keys({ bbox: [178, -20, -178, -10], prefix: 'van/' })).toEqual(['van/1', 'van/2']);
    expect(await keys({ bbox: [178, -20, 182, -10] })).toEqual(['car/1', 'van/1', 'van/2']);
    expect(await keys({ keys: ['car/1', 'van/3', 'none'], bbox: [-1, -20, 1, 0] })).toEqual(['van/3']);
    expect(await keys({ prefix: 'car' })).toEqual(['car/1']);
    expect(await keys({ keys: [] })).toEqual([]);
    expect(await keys({})).toEqual(['car/1', 'van/1', 'van/2', 'van/3', 'van/4']);
  });

  it('[V2] is refused when it can’t be read, or asks for places where there are none', async () => {
    const { port } = await serveViews();
    const client = await WireClient.connect(port);
    const refused = async (filter: string, channel = fleet) => {
      client.sendText(`["view",7,"${channel}",0,${filter}]`);
      return (await client.expect('error')).code;
    };
    expect(await refused('{"bbox":[0,1,2]}')).toBe('bad_frame');
    expect(await refused('{"maxHz":0}')).toBe('bad_frame');
    expect(await refused(`{"keys":${JSON.stringify(Array.from({ length: 1001 }, (_, i) => `k${i}`))}}`)).toBe(
      'bad_frame',
    );
    expect(await refused('{"bbox":[0,1,2,3]}', 'keyed/x')).toBe('bad_payload');
    client.sendText('["view",8,"keyed/x",0,{"prefix":"a","tomorrow":1}]');
    await client.expect('viewing');
    await client.expect('seen');
  });
});

describe('moving', () => {
  it('[V5] tells only the difference, in one frame where it fits', async () => {
    const { port, server } = await serveViews();
    for (let i = 0; i < 10; i++) await server.set(fleet, `v${i}`, at(52, i));
    const client = await WireClient.connect(port);
    const id = await ask(client, { bbox: [0, 50, 4.5, 55], maxHz: 0.01 });
    expect((await client.expect('seen')).rows).toHaveLength(5);
    expect(await ask(client, { bbox: [1.5, 50, 6.5, 55], maxHz: 0.01 }, id)).toBe(id);
    const told = await client.expect('seen');
    expect(shown(told).sort()).toEqual([
      ['v5', at(52, 5)],
      ['v6', at(52, 6)],
    ]);
    expect(told).toMatchObject({
      id,
      more: false,
      gone: [
        ['v0', 'exit'],
        ['v1', 'exit'],
      ],
    });
    await ask(client, { bbox: [1.5, 50, 6.5, 55] }, id);
    expect(await client.flush()).toEqual([]);
  });
});

describe('looking through much', () => {
  it('is charged to whoever asked, by the keys that were looked at, found or not', async () => {
    const clock = fakeClock();
    const { port, server } = await serveViews({
      ...{ clock, broker: memory({ clock }), requestsBurstMax: 60, requestsPerSecondMax: 10 },
      authenticate: ({ url }) => ({ user: url.split('?')[1] ?? 'ada', capabilities: everything }),
    });
    await Promise.all(Array.from({ length: 21_000 }, (_, i) => server.set(fleet, `k${i}`, at(52.5, 13.5))));
    const [client, other] = [await WireClient.connect(port), await WireClient.connect(port)];
    const bob = await WireClient.connect(port, '/sync?bob');
    // Nothing of it is shown. That takes 42 of 60, and what was asked for 5: so there is room for two moves.
    const id = await ask(client, { bbox: berlin, prefix: 'none' });
    expect((await client.expect('seen')).rows).toEqual([]);
    for (let i = 0; i < 2; i++) await ask(client, { keys: [] }, id);
    // So it is for all sessions of the user, and for nobody else.
    await expect(ask(client, { keys: [] }, id)).rejects.toMatchObject({ code: 'too_many' });
    await expect(ask(other, {})).rejects.toMatchObject({ code: 'too_many' });
    await ask(bob, { keys: ['k2'] });
    expect((await bob.expect('seen')).rows).toHaveLength(1);
    await clock.advance(10_000);
    await ask(other, { keys: ['k1'] });
    expect((await other.expect('seen')).rows).toHaveLength(1);
  });
});

describe('time', () => {
  it('[V3] [V6] values that expire are gone with that, and no sooner told than maxHz allows', async () => {
    const clock = fakeClock();
    const { port, server } = await serveViews({ clock, broker: memory({ clock }), heartbeatMs: 600_000 });
    await server.set(fleet, 'a', at(52.5, 13.5));
    await server.set(fleet, 'b', at(52.5, 13.5), { ttl: '1s' });
    const client = await WireClient.connect(port);
    await ask(client, { bbox: berlin, maxHz: 0.5 });
    expect((await client.expect('seen')).rows).toHaveLength(2);
    await clock.advance(1000);
    await server.set(fleet, 'a', at(52.5, 13.6));
    expect((await client.flush()).filter(({ type }) => type === 'seen')).toEqual([]);
    await server.set(fleet, 'a', at(52.5, 13.7));
    await clock.advance(1000);
    const told = await client.expect('seen');
    expect([shown(told), told.gone]).toEqual([[['a', at(52.5, 13.7)]], [['b', 'expire']]]);
  });
});

describe('a slow reader', () => {
  it('[V6] costs a bounded number of bytes, and is told the newest of what it missed', async () => {
    const { port, server, sockets } = await serveViews({ socketBytesMax: 65_536 });
    const long = 'x'.repeat(2000);
    const keys = 200;
    const write = async (round: number) => {
      await Promise.all(
        Array.from({ length: keys }, (_, i) =>
          server.set(fleet, `v${i}`, { ...at(52.5, 13.5), round, long }),
        ),
      );
    };
    await write(0);
    const client = await WireClient.connect(port);
    await ask(client, { bbox: berlin });
    client.inbox.socket.pause();
    for (let round = 1; round <= 60; round++) await write(round);
    await server.set(fleet, 'v0', at(0, 0));
    await server.delete(fleet, 'v1');
    await turns();
    const waiting = Math.max(...sockets.map(({ writableLength }) => writableLength));
    expect(waiting).toBeLessThan(65_536 + 131_072);
    // 24 MB were written meanwhile; what the kernel took was sent, and no more than that is kept for it.
    client.inbox.socket.resume();
    const rounds = new Map<string, number>();
    for (let settled = false; !settled; ) {
      const { rows, gone, offset } = await client.expect('seen');
      for (const row of rows) {
        const [key, value] = JSON.parse(row) as [string, { round: number }];
        expect(value.round).toBeGreaterThanOrEqual(rounds.get(key) ?? 0);
        rounds.set(key, value.round);
      }
      for (const [key] of gone) expect(rounds.delete(key)).toBe(true);
      settled = offset === 61 * keys + 2;
    }
    expect(rounds.size).toBe(keys - 2);
    expect(new Set(rounds.values())).toEqual(new Set([60]));
    expect(server.metrics.rowsSent).toBeLessThan(61 * keys);
  });
});

describe('heads', () => {
  it('[V7] tell how often each view was told something, beside the heads of channels', async () => {
    const { port, server } = await serveViews();
    const client = await WireClient.connect(port);
    const views = [await ask(client, { prefix: 'a', maxHz: 1000 }), await ask(client, { prefix: 'b' })];
    await client.flush();
    const { id } = await client.subscribe(fleet);
    for (let i = 1; i <= 3; i++) {
      await server.set(fleet, 'a1', i);
      for (let frame = await client.frame(); frame.type !== 'seen'; ) frame = await client.frame();
    }
    await client.flush();
    client.send({ type: 'heartbeat' });
    const { heads } = await client.expect('heartbeat');
    expect(heads).toEqual([
      { id, offset: 3, check: expect.any(Number) },
      { id: views[0], offset: 4, check: 0 },
      { id: views[1], offset: 1, check: 0 },
    ]);
  });
});

describe('rights', () => {
  it('[V1] [V8] a view needs the action subscribe, and is revoked when a renewal takes it away', async () => {
    const authenticate = named({
      all: { user: 'ada', capabilities: everything },
      less: { user: 'ada', capabilities: { 'keyed/x': ['subscribe'] } },
    });
    const { port, server } = await serveViews({ authenticate });
    const less = await WireClient.connect(port, '/sync?less');
    await expect(ask(less, {})).rejects.toMatchObject({ code: 'forbidden' });
    const client = await WireClient.connect(port, '/sync?all');
    const [lost, kept] = [
      await ask(client, { prefix: 'a' }),
      await ask(client, { prefix: 'a' }, 0, 'keyed/x'),
    ];
    await client.flush();
    client.send({ type: 'auth', ref: 77, token: 'less' });
    await client.expect('authenticated');
    expect(await client.expect('revoked')).toMatchObject({ id: lost, code: 'forbidden' });
    await server.set(fleet, 'ab', 1);
    await server.set('keyed/x', 'ab', 1);
    expect(await client.expect('seen')).toMatchObject({ id: kept });
    await expect(ask(client, {}, lost)).rejects.toMatchObject({ code: 'bad_payload' });
    expect(server.metrics.viewsOpen).toBe(1);
  });

  it('[V8] [I4] whoever opens a view in the very moment of a renewal is held to the new rights', async () => {
    const authenticate = named({
      ada: { user: 'ada', capabilities: everything },
      less: { user: 'ada', capabilities: { 'chat/x': ['*'] } },
    });
    const { port, server } = await serveViews({ authenticate });
    for (let i = 0; i < 1200; i++) await server.set(fleet, `v${i}`, at(52, 13));
    // The answers cross in every way that the numbers of steps allow; what is looked for takes some turns.
    for (let before = 0; before < 24; before++) {
      const client = await WireClient.connect(port, '/sync?ada');
      const renewals = Array.from({ length: before % 8 }, (_, i) => `["auth",${100 + i},"ada"]`);
      const view = `["view",7,"${fleet}",0,{"prefix":"v"}]`;
      for (const text of [view, ...renewals, '["auth",8,"less"]', view.replace('7', '9')])
        client.inbox.socket.send(text);
      const open = new Set<number>();
      const read = (frame: ServerFrame): number => {
        if (frame.type === 'viewing') open.add(frame.id);
        if (frame.type === 'revoked') open.delete(frame.id);
        const ref = 'ref' in frame ? frame.ref : null;
        return ref === 7 || ref === 8 || ref === 9 ? 1 : 0;
      };
      for (let done = 0; done < 3; ) done += read(await client.frame());
      for (const frame of await client.flush()) read(frame);
      expect([open.size, server.metrics.viewsOpen], `after ${before}`).toEqual([0, 0]);
      client.close();
    }
  });

  it('[V8] a channel of another kind is refused, and one that nobody knows too', async () => {
    const { port } = await serveViews();
    const client = await WireClient.connect(port);
    for (const channel of ['chat/x', 'board/7'])
      await expect(ask(client, {}, 0, channel)).rejects.toMatchObject({ code: 'unsupported_data' });
    await expect(ask(client, {}, 0, 'no/such')).rejects.toMatchObject({ code: 'unknown_channel' });
  });
});

describe('who isn’t there any more', () => {
  it('leaves no view behind, also when it goes while one is opened', async () => {
    const { port, server } = await serveViews();
    for (let i = 0; i < 2000; i++) await server.set(fleet, `v${i}`, at(52, 13));
    for (let i = 0; i < 5; i++) {
      const leaving = await WireClient.connect(port);
      leaving.send({ type: 'view', ref: 1, channel: fleet, id: 0, filter: {} });
      leaving.inbox.socket.terminate();
    }
    await expect.poll(() => [server.metrics.viewsOpen, server.metrics.sessionsOpen]).toEqual([0, 0]);
  });
});

describe('a log', () => {
  const append = (broker: Broker, data: string) =>
    broker.append(fleet, { data, from: null, key: 'k', keep: null });

  it('[V3] that turns out to be another one is told as changes of the view', async () => {
    const { broker, replace } = meddle(memory());
    const { port, server } = await serveViews({ broker });
    for (const key of ['a', 'b', 'c']) await server.set(fleet, key, at(52.5, 13.5));
    const client = await WireClient.connect(port);
    const id = await ask(client, { bbox: berlin });
    expect((await client.expect('seen')).rows).toHaveLength(3);
    const other = memory();
    await append(other, setEntry('b', JSON.stringify(at(52.1, 13.1))));
    await append(other, setEntry('d', JSON.stringify(at(52.2, 13.2))));
    replace(other);
    await append(broker, setEntry('c', JSON.stringify(at(0, 0))));
    const held = new Set(['a', 'b', 'c']);
    const why = new Map<string, string>();
    const values = new Map<unknown, unknown>();
    while (values.size < 2 || why.size < 2) {
      const told = await client.expect('seen');
      expect(told).toMatchObject({ id, more: false });
      for (const [key, value] of shown(told)) values.set(key, value);
      for (const [key, reason] of told.gone) expect(held.has(key) && why.set(key, reason)).toBeTruthy();
    }
    expect(values).toEqual(
      new Map([
        ['b', at(52.1, 13.1)],
        ['d', at(52.2, 13.2)],
      ]),
    );
    expect(why).toEqual(
      new Map([
        ['a', 'delete'],
        ['c', 'exit'],
      ]),
    );
    await server.set(fleet, 'e', at(52.3, 13.3));
    expect(shown(await client.expect('seen'))).toEqual([['e', at(52.3, 13.3)]]);
  });

  it('[V8] that can no longer be folded ends its views, and is viewed no more', async () => {
    const broker = memory();
    const said: string[] = [];
    const logger = { error: (_facts: unknown, message: string) => void said.push(message) };
    const { port, server } = await serveViews({ broker, logger });
    await server.set(fleet, 'a', 1);
    const client = await WireClient.connect(port);
    const id = await ask(client, {});
    await client.expect('seen');
    await append(broker, '{"no":"entry"}');
    expect(await client.expect('revoked')).toMatchObject({ id, code: 'corrupt' });
    await expect(ask(client, {})).rejects.toMatchObject({ code: 'corrupt' });
    await expect(ask(client, {}, id)).rejects.toMatchObject({ code: 'bad_payload' });
    expect(server.metrics.viewsOpen).toBe(0);
    expect(said.some((message) => message.includes('can no longer be folded'))).toBe(true);
  });
});
