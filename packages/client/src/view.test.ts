/**
 * Views of a state channel with a scripted server: how one is opened, moved and ended, how what is told becomes what is shown, and
 * that a new one takes the place of what was there at once.
 */
import { defineChannels, type Schema, state } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { comeBack } from './testing/fleet.ts';
import { bbox, id, see, sinceOf, taken, type Viewer, viewer, viewing } from './testing/viewer.ts';

/** A view that has begun with `a` and `b`. */
function begun(): Viewer {
  const here = viewer();
  viewing(here.server.link.welcome());
  see(here.server.link, [
    ['a', 1, 1],
    ['b', 2, 2],
  ]);
  here.changes.length = 0;
  return here;
}

describe('opening', () => {
  test('[V1] it is opened with its filter while someone looks, and ended when nobody does', async () => {
    const { view, server, stop, settle } = viewer({ bbox, prefix: 'v', keys: ['v1'], maxHz: 2 });
    server.link.welcome();
    expect(viewing(server.link)).toMatchObject({
      channel: 'fleet/a',
      id: 0,
      filter: { bbox, prefix: 'v', keys: ['v1'], maxHz: 2 },
    });
    const off = view.entries.subscribe(() => {});
    stop();
    stop();
    await settle();
    expect(server.link.inbox).toEqual([]);
    off();
    const again = view.get('a').subscribe(() => {});
    await settle();
    expect(server.link.inbox).toEqual([]);
    again();
    await settle();
    expect(taken(server.link)).toEqual({ type: 'view', channel: 'fleet/a', id, filter: null });
  });

  test('it doesn’t follow the channel itself, and each view is another one', () => {
    const { client, server } = viewer();
    client
      .state('fleet/a')
      .view({ prefix: 'x' })
      .entries.subscribe(() => {});
    viewing(server.link.welcome(), 7);
    expect(viewing(server.link, 8).filter).toEqual({ prefix: 'x' });
    expect(server.link.inbox).toEqual([]);
    expect(client.state('fleet/a').entries.get().size).toBe(0);
  });

  test('[V4] what it begins with comes in parts, and is shown when all of it is there', () => {
    const { server, shown, told, view } = viewer();
    viewing(server.link.welcome());
    see(server.link, [['a', 1, 1]], { more: true });
    see(server.link, [['b', 2, 2]], { more: true });
    expect([shown(), told()]).toEqual([{}, []]);
    see(server.link, [['c', 3, 3]]);
    expect(shown()).toEqual({ a: 1, b: 2, c: 3 });
    expect(told()).toEqual(['enter a 1', 'enter b 2', 'enter c 3']);
    expect(view.get('b').get()).toEqual({ value: 2, version: 2, since: sinceOf(2), from: 'ada' });
  });

  test('what is to be ended is asked for until it is; who comes back meanwhile has it still, or another', async () => {
    const { server, view, stop, clock, settle } = begun();
    stop();
    await settle();
    server.link.refuse(server.link.take('view'), 'too_many', { retryMs: 500 });
    await clock.advance(499);
    expect(server.link.inbox).toEqual([]);
    await clock.advance(1);
    expect(viewing(server.link)).toMatchObject({ id, filter: null });
    const off = view.entries.subscribe(() => {});
    viewing(server.link, 8);
    off();
    await settle();
    server.link.refuse(server.link.take('view'), 'too_many', { retryMs: 500 });
    view.entries.subscribe(() => {});
    await clock.advance(500);
    expect(server.link.inbox).toEqual([]);
  });

  test('[V4] a view that is ended before its answer comes is ended on the server too', async () => {
    const { server, stop, settle } = viewer();
    const { ref } = server.link.welcome().take('view');
    stop();
    await settle();
    expect(server.link.inbox).toEqual([]);
    server.link.say({ type: 'viewing', ref, id });
    expect(taken(server.link)).toMatchObject({ id, filter: null });
    see(server.link, [['a', 1, 1]]);
  });
});

describe('what is told', () => {
  test('[V3] keys enter, are set, exit, are removed and expire', () => {
    const { server, changes, shown } = begun();
    see(server.link, [
      ['b', 3, 3],
      ['c', 4, 4],
    ]);
    see(server.link, [['d', 5, 5]], { gone: [['a', 'exit']] });
    const gone = ['delete', 'expire'] as const;
    see(server.link, [], {
      gone: [
        ['b', gone[0]],
        ['c', gone[1]],
        ['nobody', 'exit'],
      ],
    });
    expect(shown()).toEqual({ d: 5 });
    expect(changes).toEqual([
      { type: 'set', key: 'b', value: 3, previous: 2 },
      { type: 'enter', key: 'c', value: 4, previous: undefined },
      { type: 'enter', key: 'd', value: 5, previous: undefined },
      { type: 'exit', key: 'a', value: undefined, previous: 1 },
      { type: 'delete', key: 'b', value: undefined, previous: 3 },
      { type: 'expire', key: 'c', value: undefined, previous: 4 },
    ]);
  });

  test('one key’s store is told of that key only', () => {
    const { server, view } = begun();
    const told: unknown[] = [];
    view.get('a').subscribe(() => told.push(view.get('a').get()?.value));
    see(server.link, [['b', 9, 9]]);
    see(server.link, [['a', 10, 10]]);
    see(server.link, [], { gone: [['a', 'exit']] });
    expect(told).toEqual([10, undefined]);
  });

  test('null is a value, and __proto__ a key', () => {
    const { server, view, told } = begun();
    see(server.link, [
      ['__proto__', null, 3],
      ['constructor', 1, 4],
    ]);
    expect(view.entries.get().get('__proto__')?.value).toBeNull();
    see(server.link, [['__proto__', 1, 5]]);
    expect(told()).toEqual(['enter __proto__ null', 'enter constructor 1', 'set __proto__ 1']);
  });

  test('what the contract refuses isn’t shown; what takes time to validate keeps its order', async () => {
    const slow: Schema<number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) =>
          typeof value === 'number' ? { value } : { issues: [{ message: 'it is no number' }] },
      },
    };
    const here = viewer({}, { channels: defineChannels({ 'fleet/:city': state({ value: slow }) }) });
    viewing(here.server.link.welcome());
    see(here.server.link, [
      ['a', 1, 1],
      ['b', 'two', 2],
    ]);
    see(here.server.link, [['a', 3, 3]]);
    see(here.server.link, [], { gone: [['a', 'exit']] });
    await here.settle();
    await here.settle();
    expect(here.told()).toEqual(['enter a 1', 'set a 3', 'exit a']);
    expect(here.errors).toMatchObject([{ code: 'bad_payload' }]);
  });
});

describe('moving', () => {
  test('[V5] of several moves in a turn the newest is sent, under the same number', async () => {
    const { view, server, settle, shown } = begun();
    view.update({ bbox: [0, 0, 1, 1] });
    view.update({ bbox: [0, 0, 2, 2] });
    expect(server.link.inbox).toEqual([]);
    await settle();
    expect(viewing(server.link)).toMatchObject({ id, filter: { bbox: [0, 0, 2, 2] } });
    expect(server.link.inbox).toEqual([]);
    expect(shown()).toEqual({ a: 1, b: 2 });
    see(server.link, [['c', 3, 3]], { gone: [['a', 'exit']] });
    expect(shown()).toEqual({ b: 2, c: 3 });
  });

  test('while one is under way the newest waits for its answer', async () => {
    const { view, server, settle } = begun();
    view.update({ prefix: '1' });
    await settle();
    const { ref } = server.link.take('view');
    view.update({ prefix: '2' });
    await settle();
    view.update({ prefix: '3' });
    await settle();
    expect(server.link.inbox).toEqual([]);
    server.link.say({ type: 'viewing', ref, id });
    expect(viewing(server.link)).toMatchObject({ id, filter: { prefix: '3' } });
    view.update({ prefix: '3' });
    await settle();
    expect(server.link.inbox).toEqual([]);
  });

  test('before it was opened, or while nobody looks, it is opened where it was moved to', async () => {
    const { view, server, settle, stop } = viewer();
    view.update({ prefix: 'x' });
    await settle();
    expect(viewing(server.link.welcome())).toMatchObject({ id: 0, filter: { prefix: 'x' } });
    stop();
    await settle();
    viewing(server.link);
    view.update({ prefix: 'y' });
    await settle();
    expect(server.link.inbox).toEqual([]);
    view.entries.subscribe(() => {});
    expect(viewing(server.link)).toMatchObject({ id: 0, filter: { prefix: 'y' } });
  });
});

describe('a new link', () => {
  test('[V4] opens it anew; what was shown stays until all is there, and only what is different is told', async () => {
    const here = begun();
    const entry = here.view.get('a').get();
    const link = await comeBack(here);
    expect(viewing(link, 9)).toMatchObject({ id: 0 });
    expect(here.shown()).toEqual({ a: 1, b: 2 });
    see(link, [['a', 1, 1]], { as: 9, more: true });
    expect(here.told()).toEqual([]);
    see(link, [['c', 3, 3]], { as: 9 });
    expect(here.shown()).toEqual({ a: 1, c: 3 });
    expect(here.told()).toEqual(['exit b', 'enter c 3']);
    expect(here.view.get('a').get()).toBe(entry);
  });

  test('in another life of the log an equal version says nothing', async () => {
    const here = begun();
    const link = await comeBack(here);
    viewing(link);
    const other = JSON.stringify(['a', 5, 1, 77, 'bob']);
    link.say({ type: 'seen', id, offset: 1, more: false, rows: [other], gone: [] });
    expect(here.told()).toEqual(['set a 5', 'exit b']);
  });

  test('parts that came before it broke are no part of the next', async () => {
    const here = viewer();
    viewing(here.server.link.welcome());
    see(here.server.link, [['old', 1, 1]], { more: true });
    const link = await comeBack(here);
    viewing(link);
    see(link, [['a', 1, 1]]);
    expect(here.shown()).toEqual({ a: 1 });
  });

  test('[V4] an empty view begins empty', async () => {
    const here = begun();
    viewing(await comeBack(here));
    see(here.server.link, []);
    expect([here.shown(), here.told()]).toEqual([{}, ['exit a', 'exit b']]);
  });
});

describe('[V7] heartbeats', () => {
  test('that tell of as many frames as came change nothing', async () => {
    const { server, view, clock } = begun();
    server.link.say({ type: 'heartbeat', heads: [{ id, offset: 1, check: 0 }] });
    await clock.advance(10_000);
    expect(server.link.inbox).toEqual([]);
    expect(view.freshness.get()).toEqual({ state: 'live' });
  });

  test('that tell of another number have it opened anew: at once, then at growing intervals', async () => {
    const { server, view, clock, shown } = begun();
    server.link.say({ type: 'heartbeat', heads: [{ id, offset: 2, check: 0 }] });
    expect(viewing(server.link)).toMatchObject({ id, filter: null });
    expect(viewing(server.link, 8)).toMatchObject({ id: 0, filter: { bbox } });
    expect(view.freshness.get()).toEqual({ state: 'catching-up', left: 1 });
    // What comes under the old number is nobody's any more.
    see(server.link, [['x', 1, 1]]);
    expect(shown()).toEqual({ a: 1, b: 2 });
    server.link.say({ type: 'heartbeat', heads: [{ id: 8, offset: 5, check: 0 }] });
    expect(server.link.inbox).toEqual([]);
    await clock.advance(1_000);
    expect(viewing(server.link)).toMatchObject({ id: 8, filter: null });
    viewing(server.link, 9);
    see(server.link, [['c', 3, 3]], { as: 9 });
    server.link.say({ type: 'heartbeat', heads: [{ id: 9, offset: 1, check: 0 }] });
    expect(shown()).toEqual({ c: 3 });
    expect(view.freshness.get()).toEqual({ state: 'live' });
  });
});

describe('freshness', () => {
  test('is stale without a link, catching-up until it has begun, live then', async () => {
    const here = viewer();
    const fresh: string[] = [];
    here.view.freshness.subscribe(() => fresh.push(here.view.freshness.get().state));
    const said = () => fresh.splice(0);
    expect(here.view.freshness.get()).toMatchObject({ state: 'stale' });
    viewing(here.server.link.welcome());
    expect(said()).toEqual(['catching-up']);
    see(here.server.link, [['a', 1, 1]], { more: true });
    see(here.server.link, []);
    expect(said()).toEqual(['live']);
    here.server.link.break();
    expect(said()).toEqual(['stale']);
    while (here.server.links.length < 2) await here.clock.advance(250);
    viewing(here.server.link.welcome());
    see(here.server.link, []);
    expect(said()).toEqual(['catching-up', 'live']);
    here.server.link.say({ type: 'bye', reason: '', afterMs: 0 });
    await here.clock.advance(250);
    here.server.link.welcome();
    // It is not stale for a moment: the next link was there before the old one was left.
    expect(said()).toEqual(['catching-up']);
  });

  test('a refusal for good is told and reported, and tried again by a move or on the next link', async () => {
    const here = viewer();
    const { server, view, errors, settle } = here;
    server.link.welcome();
    server.link.refuse(server.link.take('view'), 'bad_payload');
    expect(view.freshness.get()).toMatchObject({ state: 'refused', error: { code: 'bad_payload' } });
    await settle();
    expect(errors).toMatchObject([{ code: 'bad_payload' }]);
    expect(server.link.inbox).toEqual([]);
    view.update({ prefix: 'v' });
    await settle();
    server.link.refuse(server.link.take('view'), 'forbidden');
    const link = await comeBack(here);
    viewing(link);
    see(link, []);
    expect(view.freshness.get()).toEqual({ state: 'live' });
  });

  test('a move that is refused leaves the view where it was', async () => {
    const { server, view, settle, shown } = begun();
    view.update({ bbox: [0, 0, 0, 999] });
    await settle();
    server.link.refuse(server.link.take('view'), 'bad_frame');
    expect(view.freshness.get()).toMatchObject({ state: 'refused' });
    see(server.link, [['a', 5, 5]]);
    expect(shown()).toEqual({ a: 5, b: 2 });
    view.update({ bbox });
    await settle();
    expect(view.freshness.get()).toEqual({ state: 'live' });
  });

  test('what passes is waited for', async () => {
    const { server, clock, view } = viewer();
    server.link.welcome();
    server.link.refuse(server.link.take('view'), 'too_many', { retryMs: 2_000 });
    await clock.advance(1_999);
    expect(server.link.inbox).toEqual([]);
    await clock.advance(1);
    viewing(server.link);
    see(server.link, []);
    expect(view.freshness.get()).toEqual({ state: 'live' });
  });

  test('[V8] one that was revoked is told nothing of any more', async () => {
    const { server, view, shown, errors, settle } = begun();
    server.link.say({ type: 'revoked', id, code: 'forbidden', message: 'no' });
    expect(view.freshness.get()).toMatchObject({ state: 'refused', error: { code: 'forbidden' } });
    await settle();
    expect(errors).toMatchObject([{ code: 'forbidden' }]);
    see(server.link, [['x', 1, 1]]);
    expect(shown()).toEqual({ a: 1, b: 2 });
    expect(server.link.inbox).toEqual([]);
  });

  test('after the client is closed nothing is told, and no timer is left', async () => {
    const { client, server, changes, clock, settle } = begun();
    client.close();
    see(server.link, [['x', 1, 1]]);
    await settle();
    expect([changes, clock.timers]).toEqual([[], 0]);
  });
});
