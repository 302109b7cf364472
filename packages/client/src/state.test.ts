/**
 * A state channel with a scripted server: how the log becomes what is shown, all at once where it is read anew, and what is told
 * of it. Own writes have a page of their own, writes.test.ts.
 */
import { defineChannels, type Schema, SyncError, state } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { comeBack, fleet, id, replay, ScriptedLog, set, sinceOf, snapshotLines } from './testing/fleet.ts';
import { heartbeatMs } from './testing/scripted.ts';

describe('what the log says', () => {
  test('[K1] [K2] is shown by key: value, version, when and by whom, and told as changes', () => {
    const { log, link, city, changes, shown } = fleet();
    log.append(set('a', { lat: 1 }, { at: 7, ttlMs: 9 }), set('b', 2), ['b'], set('c', 3));
    log.say(link, 0);
    expect(shown()).toEqual({
      a: { value: { lat: 1 }, version: 1, since: sinceOf(1), from: 'ada', at: 7 },
      c: { value: 3, version: 4, since: sinceOf(4), from: 'ada' },
    });
    expect(city.get('a').get()).toBe(city.entries.get().get('a'));
    expect(changes).toEqual([
      { type: 'set', key: 'a', value: { lat: 1 }, previous: undefined },
      { type: 'set', key: 'c', value: 3, previous: undefined },
    ]);
  });

  test('a removal and an expiry are told apart, with what was there; of a key nobody has nothing is told', () => {
    const { log, link, changes, shown } = fleet();
    log.append(set('a', 1), set('b', 2)).say(link, 0);
    log.append(['a'], ['b', null, { expired: true }], ['nobody']).say(link, 2);
    expect(shown()).toEqual({});
    expect(changes.slice(2)).toEqual([
      { type: 'delete', key: 'a', value: undefined, previous: 1 },
      { type: 'expire', key: 'b', value: undefined, previous: 2 },
    ]);
  });

  test('null is a value, and what is set again is told again, equal or not', () => {
    const { log, link, changes, shown } = fleet();
    log.append(set('a', null)).say(link, 0);
    log.append(set('a', null)).say(link, 1);
    expect(shown()).toMatchObject({ a: { value: null, version: 2 } });
    expect(changes).toEqual([
      { type: 'set', key: 'a', value: null, previous: undefined },
      { type: 'set', key: 'a', value: null, previous: null },
    ]);
  });

  test('[C3] __proto__ and constructor are ordinary keys', () => {
    const { log, link, city } = fleet();
    log.append(set('__proto__', 1), set('constructor', 2)).say(link, 0);
    expect([...city.entries.get().keys()]).toEqual(['__proto__', 'constructor']);
    expect(city.get('toString').get()).toBeUndefined();
  });
});

test('[S3] [S4] recoveries are told: how it began, went on, and where it couldn’t', async () => {
  const here = fleet();
  const told: unknown[] = [];
  const off = here.city.onRecover((recovery) => told.push(recovery));
  const again = await comeBack(here);
  again.subscribed({ id, stamped: true });
  const last = await comeBack(here);
  last.subscribed({ id, stamped: true, position: new ScriptedLog('another').position(), gap: 'epoch' });
  off();
  (await comeBack(here)).subscribed({ id, stamped: true });
  expect(told).toEqual([{ via: 'recovered' }, { via: 'gap', reason: 'epoch' }]);
});

describe('stores', () => {
  test('entries are one object until something changes, and the old one stays as it was', () => {
    const { log, link, city } = fleet();
    let told = 0;
    city.entries.subscribe(() => told++);
    const before = city.entries.get();
    expect(city.entries.get()).toBe(before);
    log.append(set('a', 1), set('b', 2)).say(link, 0);
    expect(told).toBe(1);
    expect(before.size).toBe(0);
    expect(city.entries.get()).toBe(city.entries.get());
    expect(city.entries.get().size).toBe(2);
  });

  test('a key is told of that key only', () => {
    const { log, link, city } = fleet();
    const told: unknown[] = [];
    const { get, subscribe } = city.get('b');
    const stop = subscribe(() => told.push(get()?.value));
    log.append(set('a', 1), set('b', 2), set('c', 3)).say(link, 0);
    log.append(set('a', 4)).say(link, 3);
    expect(told).toEqual([2]);
    log.append(['b']).say(link, 4);
    expect(told).toEqual([2, undefined]);
    stop();
    stop();
    log.append(set('b', 5)).say(link, 5);
    expect(told).toHaveLength(2);
    expect(get()?.value).toBe(5);
  });

  test('each of them keeps the channel followed; when the last has left it ends, and what was known stays', async () => {
    const { log, link, city, stop, settle, values, client, server } = fleet();
    const offs = [stop, city.entries.subscribe(() => {}), city.get('a').subscribe(() => {})];
    log.append(set('a', 1)).say(link, 0);
    for (const off of offs.splice(0)) {
      expect(link.inbox).toEqual([]);
      off();
      await settle();
    }
    expect(link.take('unsubscribe').channel).toBe('fleet/berlin');
    expect(values()).toEqual({ a: 1 });
    expect(city.freshness.get().state).toBe('stale');
    city.entries.subscribe(() => {});
    expect(link.take('subscribe').start).toBe(Number.MAX_SAFE_INTEGER);
    expect(client.state('fleet/berlin')).toBe(city);
    expect(server.links).toHaveLength(1);
  });

  test('a listener that writes or leaves while it is told breaks no order', () => {
    const { log, link, city, changes, values } = fleet();
    const seen: unknown[] = [];
    const stop = city.on('change', ({ key, value }) => {
      seen.push([key, value]);
      if (key !== 'a') return;
      void city.set('b', 'mine');
      stop();
    });
    log.append(set('a', 1), set('b', 2)).say(link, 0);
    expect(seen).toEqual([['a', 1]]);
    expect(replay(changes)).toEqual(values());
    expect(values()).toEqual({ a: 1, b: 'mine' });
  });
});

describe('read anew', () => {
  test('[S9] [K8] a snapshot is shown with its last part, together with what came after it', () => {
    const here = fleet();
    const { link, city, changes, values } = here;
    const log = here.log.append(...Array.from({ length: 6 }, (_, i) => set(`k${i}`, i)));
    link.say({ type: 'gap', id, position: log.position(0), top: 6, reason: 'epoch' });
    const [one = '', two = '', three = ''] = snapshotLines({ a: 1, b: 2, c: 3 }, 1);
    log.sayPart(link, 5, one, true);
    log.sayPart(link, 5, two, true);
    expect(city.freshness.get()).toMatchObject({ state: 'gap' });
    log.sayPart(link, 5, three, false);
    expect(changes).toEqual([]);
    expect(city.freshness.get()).toEqual({ state: 'catching-up', left: 1 });
    log.say(link, 5);
    expect(values()).toEqual({ a: 1, b: 2, c: 3, k5: 5 });
    expect(replay(changes)).toEqual(values());
    expect(city.entries.get().get('b')).toEqual({ value: 2, version: 2, since: sinceOf(2), from: 'ada' });
    expect(city.freshness.get()).toEqual({ state: 'live' });
  });

  test('[S9] where a snapshot replaces what is shown, only what is different is told', async () => {
    const here = fleet();
    const { log, city, changes, values } = here;
    log.append(set('a', 1), set('b', 2), set('c', 3)).say(here.link, 0);
    const untouched = city.entries.get().get('a');
    const told: string[] = [];
    city.get('a').subscribe(() => told.push('a'));
    const link = await comeBack(here);
    log.append(set('b', 9), ['c'], set('d', 4));
    expect(link.subscribed({ id, stamped: true, top: 6 }).start).toEqual(log.position(3));
    const rows = [
      ['a', 1, 1, sinceOf(1), 'ada'],
      ['b', 9, 4, sinceOf(4), 'ada'],
      ['d', 4, 6, sinceOf(6), 'eve', { at: 5 }],
    ];
    changes.length = 0;
    log.sayPart(link, 6, JSON.stringify(rows), false);
    expect(changes).toEqual([
      { type: 'set', key: 'b', value: 9, previous: 2 },
      { type: 'delete', key: 'c', value: undefined, previous: 3 },
      { type: 'set', key: 'd', value: 4, previous: undefined },
    ]);
    expect(values()).toEqual({ a: 1, b: 9, d: 4 });
    expect(city.entries.get().get('a')).toBe(untouched);
    expect(told).toEqual([]);
  });

  test('[S4] in another log what is shown stays until that one is read to its top, then it is replaced', () => {
    const { link, log, changes, values, city } = fleet();
    log.append(set('a', 1), set('b', 2)).say(link, 0);
    changes.length = 0;
    const other = new ScriptedLog('0f0epoch').append(set('a', 1), set('c', 3), set('c', 4));
    link.say({ type: 'gap', id, position: other.position(0), top: 3, reason: 'epoch' });
    expect(city.freshness.get()).toEqual({ state: 'gap', reason: 'epoch' });
    other.say(link, 0, 2);
    expect(values()).toEqual({ a: 1, b: 2 });
    other.say(link, 2);
    expect(values()).toEqual({ a: 1, c: 4 });
    expect(changes).toEqual([
      { type: 'delete', key: 'b', value: undefined, previous: 2 },
      { type: 'set', key: 'c', value: 4, previous: undefined },
    ]);
  });

  test('[S4] equal versions of another log say nothing', () => {
    const { link, log, changes, values } = fleet();
    log.append(set('a', 1)).say(link, 0);
    const other = new ScriptedLog('0f0epoch').append(set('a', 2));
    link.say({ type: 'gap', id, position: other.position(0), top: 1, reason: 'diverged' });
    link.entries(id, 1, [sinceOf(77), 'ada', set('a', 2)]);
    expect(values()).toEqual({ a: 2 });
    expect(changes.at(-1)).toEqual({ type: 'set', key: 'a', value: 2, previous: 1 });
  });

  test('[S4] a log that is empty now empties what is shown', () => {
    const { link, log, changes, values } = fleet();
    log.append(set('a', 1)).say(link, 0);
    link.say({ type: 'gap', id, position: new ScriptedLog('0f0').position(0), top: 0, reason: 'epoch' });
    expect(values()).toEqual({});
    expect(changes.at(-1)).toEqual({ type: 'delete', key: 'a', value: undefined, previous: 1 });
  });

  test('[S9] a snapshot replaces also what was read on the way to the top, but not yet shown', async () => {
    const here = fleet();
    const { log, values, changes } = here;
    log.append(set('x', 0), set('y', 0), ['x'], ['y'], set('a', 1), set('b', 2));
    here.link.say({ type: 'gap', id, position: log.position(0), top: 6, reason: 'epoch' });
    log.say(here.link, 0, 2);
    const link = await comeBack(here);
    expect(link.subscribed({ id, stamped: true, top: 6 }).start).toEqual(log.position(2));
    log.saySnapshot(link, 5, { a: 1 });
    expect(values()).toEqual({});
    log.say(link, 5);
    expect(values()).toEqual({ a: 1, b: 2 });
    expect(changes.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test('[S9] parts from before a break are no parts of the next snapshot', async () => {
    const here = fleet();
    const { log, values } = here;
    log.append(set('x', 0), set('y', 0));
    here.link.say({ type: 'gap', id, position: log.position(0), top: 2, reason: 'trimmed' });
    const [gone = ''] = snapshotLines({ gone: 1 }, 1);
    log.sayPart(here.link, 2, gone, true);
    const link = await comeBack(here);
    expect(link.subscribed({ id, stamped: true, top: 2 }).start).toEqual(log.position(0));
    log.saySnapshot(link, 2, { a: 1, b: 2 }, 1);
    expect(values()).toEqual({ a: 1, b: 2 });
  });

  test('[H2] [S9] on a slow link heartbeats between its parts leave a snapshot alone', async () => {
    const { link, log, clock, values } = fleet();
    log.append(...Array.from({ length: 9 }, (_, i) => set(`k${i}`, i)));
    const { offset, check } = log.position();
    const lines = snapshotLines({ a: 1, b: 2, c: 3, d: 4 }, 1);
    link.say({ type: 'gap', id, position: log.position(0), top: 9, reason: 'trimmed' });
    for (const [i, line] of lines.entries()) {
      log.sayPart(link, 9, line, i < 3);
      if (i === 3) break;
      await clock.advance(heartbeatMs - 1_000);
      link.say({ type: 'heartbeat', heads: [{ id, offset, check }] });
      await clock.advance(2_000);
    }
    expect(values()).toEqual({ a: 1, b: 2, c: 3, d: 4 });
    expect(link.inbox.filter(({ type }) => type === 'subscribe')).toEqual([]);
  });

  test('[H2] a snapshot of which no part comes any more is read anew', async () => {
    const { link, log, clock, settle } = fleet();
    log.append(set('a', 1));
    link.say({ type: 'gap', id, position: log.position(0), top: 1, reason: 'trimmed' });
    log.sayPart(link, 1, '[]', true);
    for (let i = 0; i < 4; i++) {
      link.say({ type: 'heartbeat', heads: [] });
      await clock.advance(10_000);
    }
    await settle();
    expect(link.subscribed({ id, stamped: true }).start).toEqual(log.position(0));
  });
});

describe('fewer entries that do as well', () => {
  test('[K9] [K10] they lead to the last of them; what is known already is passed over', () => {
    const { link, log, values, changes } = fleet();
    log.append(set('a', 1), set('b', 2), set('a', 3), ['b'], set('c', 5), set('a', 6)).say(link, 0, 2);
    log.sayChanges(link, 0, [2, 4, 6]);
    expect(values()).toEqual({ a: 6 });
    expect(changes.slice(2)).toEqual([
      { type: 'delete', key: 'b', value: undefined, previous: 2 },
      { type: 'set', key: 'a', value: 6, previous: 1 },
    ]);
    log.sayChanges(link, 0, [2, 4]);
    expect(values()).toEqual({ a: 6 });
    log.append(set('d', 7)).say(link, 6);
    expect(values()).toEqual({ a: 6, d: 7 });
    link.say({ type: 'heartbeat', heads: [{ id, offset: 7, check: log.position().check }] });
    expect(link.inbox).toEqual([]);
  });

  test('[K10] [D3] who stands before them subscribes anew from its position', () => {
    const { link, log, values } = fleet();
    log.append(set('a', 1), set('b', 2), set('c', 3), set('d', 4)).say(link, 0, 1);
    log.sayChanges(link, 2, [4]);
    expect(values()).toEqual({ a: 1 });
    expect(link.take('subscribe').start).toEqual(log.position(1));
  });
});

describe('with a contract', () => {
  const numbers: Schema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' ? { value: value * 10 } : { issues: [{ message: 'It is no number.' }] },
    },
  };

  test('values are as the schema gives them; one that does not fit is reported and shown as none', async () => {
    const { log, link, values, changes, errors, settle } = fleet({
      channels: defineChannels({ 'fleet/:city': state({ value: numbers }) }),
    });
    log.append(set('a', 1), set('b', 2)).say(link, 0);
    log.append(set('a', 'x'), set('b', 3)).say(link, 2);
    expect(values()).toEqual({ b: 30 });
    expect(changes.slice(2)).toEqual([
      { type: 'delete', key: 'a', value: undefined, previous: 10 },
      { type: 'set', key: 'b', value: 30, previous: 20 },
    ]);
    await settle();
    expect(errors).toEqual([expect.objectContaining({ code: 'bad_payload' })]);
    expect(String(errors[0])).toContain('fleet/berlin: entry 3 was passed over. ');
  });

  test('a schema that takes its time keeps the order, snapshots too', async () => {
    const slow: Schema<unknown> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          for (let turns = Number(value); turns > 0; turns--) await null;
          return { value };
        },
      },
    };
    const { log, link, values, changes, settle } = fleet({
      channels: defineChannels({ 'fleet/:city': state({ value: slow }) }),
    });
    log.append(set('a', 1), set('b', 1), set('c', 1), set('a', 50), set('b', 9), ['c'], set('a', 1));
    link.say({ type: 'gap', id, position: log.position(0), top: 3, reason: 'trimmed' });
    log.saySnapshot(link, 3, { a: 30, b: 1, c: 20 }, 1);
    log.say(link, 3);
    expect(values()).toEqual({});
    await settle();
    expect(values()).toEqual({ a: 1, b: 9 });
    expect(replay(changes)).toEqual(values());
  });

  test('a channel of another kind is refused', () => {
    const { client } = fleet({ channels: defineChannels({ 'fleet/:city': state() }) });
    expect(() => client.stream('fleet/paris')).toThrow(
      new SyncError('unknown_channel', '"fleet/paris" is no stream of the contract.'),
    );
    expect(() => client.state('chat/a')).toThrow('No pattern of the contract matches "chat/a".');
  });
});
