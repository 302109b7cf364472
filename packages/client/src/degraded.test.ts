/**
 * A server that can't reach its logs, as the application is told of it: every channel and view is stale, whatever else arrives,
 * and the status says why; what is published waits. The server is scripted.
 */
import { describe, expect, test } from 'vitest';
import { type Scene, type ScriptedLink, scene } from './testing/scripted.ts';

const gap = {
  type: 'gap',
  id: 1,
  position: { epoch: 'other', offset: 0, check: 0 },
  top: 0,
  reason: 'epoch',
} as const;

/** A client that follows a stream (1), a state channel (2) and a view (3), all of them live. */
function followed() {
  const here = scene();
  const { client, server } = here;
  const [room, fleet] = [client.stream('chat/a'), client.state('fleet/a')];
  const view = fleet.view({ prefix: 'v' });
  room.onMessage(() => {});
  fleet.on('change', () => {});
  view.entries.subscribe(() => {});
  const link = server.link.welcome();
  link.subscribed({ id: 1 });
  link.subscribed({ id: 2, stamped: true });
  link.say({ type: 'viewing', ref: link.take('view').ref, id: 3 });
  link.say({ type: 'seen', id: 3, offset: 0, more: false, rows: [], gone: [] });
  const fresh = () => [room, fleet, view].map(({ freshness }) => freshness.get().state);
  const statuses: unknown[] = [];
  client.status.subscribe(() => statuses.push(client.status.get()));
  return { ...here, room, link, fresh, statuses };
}

const heads = [
  { id: 1, offset: 0, check: 0 },
  { id: 2, offset: 0, check: 0 },
  { id: 3, offset: 1, check: 0 },
];
const broken = (link: ScriptedLink, staleMs = 500) => link.say({ type: 'heartbeat', heads, staleMs });
const whole = (link: ScriptedLink) => link.say({ type: 'heartbeat', heads });

const live = ['live', 'live', 'live'];
const stale = ['stale', 'stale', 'stale'];

async function reconnect({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}

describe('a server that can’t reach its logs', () => {
  test('[H5] makes everything stale at once, whatever arrives, until a heartbeat tells that it is over', () => {
    const { link, fresh, room, clock } = followed();
    expect(fresh()).toEqual(live);
    broken(link);
    expect(fresh()).toEqual(stale);
    expect(room.freshness.get()).toEqual({ state: 'stale', since: clock.now() });
    link.entries(1, 1, 'what was on its way');
    expect(fresh()).toEqual(stale);
    link.say({
      type: 'heartbeat',
      heads: heads.map((head) => (head.id === 1 ? { ...head, offset: 2 } : head)),
    });
    expect(fresh()).toEqual(['catching-up', 'live', 'live']);
    link.entries(1, 2, 'what was missing');
    expect(fresh()).toEqual(live);
  });

  test('[H5] is sent what it refused as soon as it tells that it is over, however often it refused before', async () => {
    const { link, room, clock } = followed();
    broken(link);
    void room.publish('kept');
    for (let tries = 0; tries < 7; tries++) {
      while (link.inbox.every(({ type }) => type !== 'publish')) await clock.advance(250);
      link.refuse(link.take('publish'), 'unavailable');
    }
    await clock.advance(1);
    expect(link.inbox.filter(({ type }) => type === 'publish')).toEqual([]);
    whole(link);
    expect(link.take('publish')).toMatchObject({ sequence: 1, data: '"kept"' });
  });

  test('[H5] [S4] does not hide a gap told meanwhile: it is shown once that is over, until something newer comes', () => {
    const { link, room } = followed();
    const seen: string[] = [];
    room.freshness.subscribe(() => seen.push(room.freshness.get().state));
    broken(link);
    link.say(gap);
    broken(link, 1500);
    whole(link);
    expect(room.freshness.get()).toEqual({ state: 'gap', reason: 'epoch' });
    link.entries(1, 1, 'newer');
    expect(seen).toEqual(['stale', 'gap', 'live']);
  });

  test('[H5] [S4] shows a gap that is told with the news that it is over, whichever comes first', () => {
    const { link, room } = followed();
    const seen: string[] = [];
    room.freshness.subscribe(() => seen.push(room.freshness.get().state));
    broken(link);
    link.say(gap);
    whole(link);
    whole(link);
    expect(seen).toEqual(['stale', 'gap', 'live']);
  });

  test('[H5] is not taken for whole because it doesn’t say so again', async () => {
    const { link, client, clock } = followed();
    broken(link);
    for (let offset = 1; link.inbox.every(({ type }) => type !== 'heartbeat'); offset++) {
      link.entries(1, offset, 'was under way');
      await clock.advance(1000);
    }
    expect(client.status.get()).toEqual({ state: 'open', degraded: true });
  });

  test('[H5] is told by the status, once each way: open, but degraded', () => {
    const { link, client, statuses } = followed();
    broken(link);
    broken(link, 15_500);
    expect(client.status.get()).toEqual({ state: 'open', degraded: true });
    whole(link);
    whole(link);
    link.say({ type: 'heartbeat', heads, staleMs: 0 });
    expect(statuses).toEqual([{ state: 'open', degraded: true }, { state: 'open' }]);
  });

  test('[H5] is forgotten with its connection: the next node may know more', async () => {
    const here = followed();
    broken(here.link);
    const link = await reconnect(here);
    expect(here.client.status.get()).toEqual({ state: 'open' });
    link.subscribed({ id: 7 });
    expect(here.room.freshness.get()).toEqual({ state: 'live' });
  });

  test('[H5] [A3] has what is published kept and tried again, and stored once it is over', async () => {
    const { link, room, clock } = followed();
    broken(link);
    const stored = room.publish('hello');
    const first = link.take('publish');
    link.refuse(first, 'unavailable');
    await clock.advance(1000);
    whole(link);
    await clock.advance(5000);
    const again = link.takePublishes();
    expect(again.at(-1)).toMatchObject({ producer: first.producer, sequence: first.sequence });
    const last = again.at(-1);
    if (last) link.ack(last, 1);
    expect(await stored).toMatchObject({ offset: 1 });
  });
});
