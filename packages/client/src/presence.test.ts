/**
 * Presence with a scripted server: when this client enters and leaves, what it does about refusals and new links, and how the
 * companion's log becomes people with their connections.
 */
import { defineChannels, type Schema, type SyncError, stream } from '@syncline/protocol';
import { describe, expect, test } from 'vitest';
import { comeBack } from './testing/fleet.ts';
import { follower, keyOf, lobby, sinceOf } from './testing/lobby.ts';
import { scene } from './testing/scripted.ts';

/** What becomes of a promise, as a list that fills. */
function outcome(promise: Promise<unknown>): unknown[] {
  const list: unknown[] = [];
  promise.then(
    () => list.push('done'),
    (error: SyncError) => list.push(error.code),
  );
  return list;
}

describe('entering', () => {
  test('[N1] says it with the one secret of this client, and resolves once it is answered', async () => {
    const { room, server, client, entered, settle } = lobby();
    const done = outcome(room.presence.enter({ name: 'Ada' }));
    server.link.welcome();
    await settle();
    expect(done).toEqual([]);
    const { channel, lease, data } = entered();
    expect({ channel, data }).toEqual({ channel: 'chat/a', data: '{"name":"Ada"}' });
    expect(lease).toMatch(/^[a-z0-9]{16,64}$/);
    await settle();
    expect(done).toEqual(['done']);
    void client.state('fleet/berlin').presence.enter(1);
    expect(entered()).toMatchObject({ channel: 'fleet/berlin', lease });
  });

  test('[N2] again is sent at most once in 50 ms, the newest, and all who waited are told', async () => {
    const { room, server, entered, clock, settle } = lobby();
    void room.presence.enter(0);
    server.link.welcome();
    entered();
    await clock.advance(50);
    const first = outcome(room.presence.enter(1));
    expect(entered().data).toBe('1');
    const second = outcome(room.presence.enter(2));
    const third = outcome(room.presence.enter(3));
    await clock.advance(49);
    expect([first, second, third, server.link.inbox]).toEqual([['done'], [], [], []]);
    await clock.advance(1);
    expect(entered().data).toBe('3');
    await settle();
    expect([second, third, server.link.inbox]).toEqual([['done'], ['done'], []]);
  });

  test('[N2] what is so already isn’t sent, and is done when it is known to be', async () => {
    const { room, server, entered, clock, settle } = lobby();
    const first = outcome(room.presence.enter({ a: 1 }));
    server.link.welcome();
    const same = outcome(room.presence.enter({ a: 1 }));
    await clock.advance(50);
    expect(same).toEqual([]);
    entered();
    await settle();
    const late = outcome(room.presence.enter({ a: 1 }));
    await clock.advance(50);
    expect([first, same, late, server.link.inbox]).toEqual([['done'], ['done'], ['done'], []]);
  });

  test('data is taken as it is when it is given', () => {
    const { room, server } = lobby();
    const data = { x: 1 };
    void room.presence.enter(data);
    data.x = 2;
    server.link.welcome();
    expect(server.link.take('enter').data).toBe('{"x":1}');
  });

  test('nothing is added to a link that is choked', async () => {
    const { room, server, entered, clock } = lobby();
    void room.presence.enter(1);
    server.link.welcome();
    entered();
    server.link.bufferedAmount = 100_000;
    await clock.advance(50);
    void room.presence.enter(2);
    await clock.advance(200);
    void room.presence.enter(3);
    expect(server.link.inbox).toEqual([]);
    server.link.bufferedAmount = 0;
    await clock.advance(50);
    expect(server.link.take('enter').data).toBe('3');
  });
});

describe('leaving', () => {
  test('[N3] resolves when it is answered; where nothing was entered, at once', async () => {
    const { room, server, entered, clock, settle } = lobby();
    expect(await room.presence.leave()).toBeUndefined();
    expect(server.links).toEqual([]);
    void room.presence.enter(1);
    server.link.welcome();
    const { lease } = entered();
    await clock.advance(50);
    const left = outcome(room.presence.leave());
    const { ref, ...frame } = server.link.take('leave');
    expect(frame).toEqual({ type: 'leave', channel: 'chat/a', lease });
    await settle();
    expect(left).toEqual([]);
    server.link.say({ type: 'left', ref });
    await settle();
    expect(left).toEqual(['done']);
    expect(outcome(room.presence.leave())).toEqual([]);
    await clock.advance(50);
    expect(server.link.inbox).toEqual([]);
  });

  test('[N3] overtakes what waits to be said, and can be taken back', async () => {
    const { room, server, entered, clock, settle } = lobby();
    void room.presence.enter(1);
    server.link.welcome();
    entered();
    const second = outcome(room.presence.enter(2));
    const left = outcome(room.presence.leave());
    const back = outcome(room.presence.enter(1));
    await clock.advance(50);
    await settle();
    // All in all nothing is different.
    expect([second, left, back, server.link.inbox]).toEqual([['done'], ['done'], ['done'], []]);
  });

  test('while there is no link it is said on the next one, which isn’t entered', async () => {
    const here = lobby();
    void here.room.presence.enter(1);
    here.server.link.welcome();
    here.entered();
    here.server.link.break();
    const left = outcome(here.room.presence.leave());
    while (here.server.links.length < 2) await here.clock.advance(250);
    const { ref } = here.server.link.welcome().take('leave');
    expect(left).toEqual([]);
    here.server.link.say({ type: 'left', ref });
    await here.settle();
    expect([left, here.server.link.inbox]).toEqual([['done'], []]);
  });

  test('a client that is closed leaves first; who waits is told', async () => {
    const { room, client, server, entered, settle, clock } = lobby();
    void room.presence.enter(1);
    server.link.welcome();
    entered();
    const second = outcome(room.presence.enter(2));
    client.close();
    server.link.take('leave');
    expect(server.link.closedWith).toBe(1000);
    const third = outcome(room.presence.enter(3));
    const left = outcome(room.presence.leave());
    await settle();
    expect([second, third, left]).toEqual([['closed'], ['closed'], ['closed']]);
    expect(clock.timers).toBe(0);
  });
});

describe('on a new link', () => {
  test('[N4] it enters again before it reads, with the same lease and the newest data', async () => {
    const here = follower();
    void here.room.presence.enter(1);
    const { lease } = here.entered();
    const link = await comeBack(here);
    expect(link.inbox[0]).toMatchObject({ type: 'enter', lease, data: '1' });
    here.entered();
    here.followed();
    here.server.link.break();
    const newer = outcome(here.room.presence.enter(2));
    while (here.server.links.length < 3) await here.clock.advance(250);
    here.server.link.welcome();
    expect(here.entered().data).toBe('2');
    await here.settle();
    expect(newer).toEqual(['done']);
  });

  test('[N4] [L3] also when it moves to another node, before the old link is left', async () => {
    const here = follower();
    void here.room.presence.enter(1);
    here.entered();
    const [old] = here.server.links;
    old?.say({ type: 'bye', reason: '', afterMs: 0 });
    await here.clock.advance(250);
    expect(here.server.links).toHaveLength(2);
    here.server.link.welcome();
    expect(here.entered().data).toBe('1');
    expect(old?.inbox).toEqual([]);
  });

  test('what was under way is answered by the next link', async () => {
    const here = lobby();
    const done = outcome(here.room.presence.enter(1));
    here.server.link.welcome().take('enter');
    await comeBack(here);
    expect(done).toEqual([]);
    here.entered();
    await here.settle();
    expect(done).toEqual(['done']);
  });
});

describe('a refusal', () => {
  test('[N5] is told, and what was taken before stands, also on the next link', async () => {
    const here = lobby();
    void here.room.presence.enter('good');
    here.server.link.welcome();
    here.entered();
    await here.clock.advance(50);
    const bad = outcome(here.room.presence.enter('bad'));
    here.server.link.refuse(here.server.link.take('enter'), 'bad_payload');
    await here.settle();
    expect(bad).toEqual(['bad_payload']);
    // It says again what it takes to stand, which changes nothing there (rule N2).
    expect(here.entered().data).toBe('"good"');
    await comeBack(here);
    expect(here.entered().data).toBe('"good"');
    expect(here.errors).toEqual([]);
  });

  test('answers whoever asked for the same meanwhile', async () => {
    const { room, server, settle } = lobby();
    const first = outcome(room.presence.enter('bad'));
    const frame = server.link.welcome().take('enter');
    const second = outcome(room.presence.enter('bad'));
    server.link.refuse(frame, 'bad_payload');
    await settle();
    expect([first, second]).toEqual([['bad_payload'], ['bad_payload']]);
  });

  test('[N5] of what nobody waits for is reported, and the channel counts as left', async () => {
    const here = lobby();
    void here.room.presence.enter(1);
    here.server.link.welcome();
    here.entered();
    const link = await comeBack(here);
    link.refuse(link.take('enter'), 'forbidden');
    await here.settle();
    expect(here.errors).toMatchObject([{ code: 'forbidden' }]);
    link.say({ type: 'left', ref: link.take('leave').ref });
    const next = await comeBack(here);
    expect(next.inbox).toEqual([]);
  });

  test('that passes is waited for, as long as the server asks', async () => {
    const { room, server, entered, clock, settle } = lobby();
    const done = outcome(room.presence.enter(1));
    server.link.welcome();
    server.link.refuse(server.link.take('enter'), 'too_many', { retryMs: 3_000 });
    const newer = outcome(room.presence.enter(2));
    await clock.advance(2_999);
    expect([done, newer, server.link.inbox]).toEqual([[], [], []]);
    await clock.advance(1);
    expect(entered().data).toBe('2');
    await settle();
    expect([done, newer]).toEqual([['done'], ['done']]);
  });

  test('of a leave doesn’t enter again', async () => {
    const { room, server, entered, clock, settle } = lobby();
    void room.presence.enter(1);
    server.link.welcome();
    entered();
    await clock.advance(50);
    const left = outcome(room.presence.leave());
    server.link.refuse(server.link.take('leave'), 'unknown_channel');
    await settle();
    expect([left, server.link.inbox]).toEqual([['unknown_channel'], []]);
  });

  test('[N5] what no server would take isn’t sent', async () => {
    const { room, server, settle, clock } = lobby();
    let deep: unknown = 0;
    for (let i = 0; i < 40; i++) deep = [deep];
    const deepest = outcome(room.presence.enter(deep));
    server.link.welcome({ payloadBytesMax: 100 });
    await settle();
    const large = outcome(room.presence.enter('x'.repeat(200)));
    const none = outcome(room.presence.enter(undefined));
    await clock.advance(50);
    expect([deepest, large, none]).toEqual([['bad_payload'], ['payload_too_large'], ['bad_payload']]);
    expect(server.link.inbox).toEqual([]);
  });

  test('by the contract comes before anything is sent, and members whose data it refuses aren’t shown', async () => {
    const text: Schema<string> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) =>
          typeof value === 'string' ? { value } : { issues: [{ message: 'it is no text' }] },
      },
    };
    const channels = defineChannels({ 'chat/:room': stream({ presence: text }) });
    const here = follower({ channels });
    const done = outcome(here.room.presence.enter(7));
    await here.settle();
    expect([done, here.server.link.inbox]).toEqual([['bad_payload'], []]);
    here.enter('a', 'ada', 'here');
    here.enter('b', 'bob', 8);
    await here.settle();
    expect(here.shown()).toEqual(['ada: here']);
    expect(here.errors).toMatchObject([{ code: 'bad_payload' }]);
  });
});

describe('members', () => {
  test('[C4] are read from the companion: people, each with the connections they have open', () => {
    const { room, enter, leave, shown, told } = follower();
    expect(room.presence.members.get()).toEqual([]);
    enter('a1', 'ada', 'tab');
    enter('b', 'bob', 'phone');
    enter('a2', 'ada', 'phone');
    enter('x', null, 'here');
    enter('y', null, 'there');
    expect(shown()).toEqual(['ada: tab phone', 'bob: phone', 'null: here', 'null: there']);
    expect(room.presence.members.get()[0]).toEqual({
      user: 'ada',
      self: false,
      data: 'phone',
      since: sinceOf(3),
      connections: [
        { id: keyOf('a1'), data: 'tab', since: sinceOf(1), self: false },
        { id: keyOf('a2'), data: 'phone', since: sinceOf(3), self: false },
      ],
    });
    enter('a1', 'ada', 'typing');
    leave('a2');
    leave('x');
    leave('a1');
    expect(shown()).toEqual(['bob: phone', 'null: there']);
    expect(told()).toEqual([
      'enter ada',
      'enter bob',
      'update ada',
      'enter null',
      'enter null',
      'update ada',
      'update ada',
      'leave null',
      'leave ada',
    ]);
  });

  test('who left is told with what was last known of them', () => {
    const { enter, leave, changes } = follower();
    enter('a', 'ada', 1);
    leave('a');
    expect(changes.at(-1)).toMatchObject({ type: 'leave', member: { user: 'ada', data: 1 } });
  });

  test('what comes in one frame is told once per person, after all of it is shown', () => {
    const { room, server, changes, shown } = follower();
    const seen: string[][] = [];
    room.presence.members.subscribe(() => seen.push(shown()));
    const row = (at: number, from: string, word: string, data: unknown) => [at, from, [keyOf(word), data]];
    server.link.entries(2, 1, row(1, 'ada', 'a', 1), row(2, 'bob', 'b', 2), row(3, 'ada', 'a2', 3));
    expect(seen).toEqual([['ada: 1 3', 'bob: 2']]);
    expect(changes).toHaveLength(2);
  });

  test('the list is one object until something changes, and members who don’t change stay themselves', () => {
    const { room, enter } = follower();
    enter('a', 'ada', 1);
    const { members } = room.presence;
    const before = members.get();
    expect(members.get()).toBe(before);
    enter('b', 'bob', 1);
    expect(members.get()).not.toBe(before);
    expect(members.get()[0]).toBe(before[0]);
  });

  test('[N1] this client is known by the key it was given, whether that comes before its entry or after', async () => {
    const { room, server, enter, shown, told } = follower();
    void room.presence.enter('me');
    const { ref } = server.link.take('enter');
    enter('me', 'ada', 'me');
    enter('tab', 'ada', 'other');
    expect(shown()).toEqual(['ada: me other']);
    server.link.say({ type: 'entered', ref, key: keyOf('me') });
    expect(shown()).toEqual(['ada!: me! other']);
    expect(told()).toEqual(['enter ada', 'update ada', 'update ada']);
  });

  test('after a new link only what is different is told', async () => {
    const here = follower();
    here.enter('a', 'ada', 1);
    here.enter('b', 'bob', 1);
    here.changes.length = 0;
    const link = await comeBack(here);
    const { ref } = link.take('subscribe');
    const position = { epoch: 'another', offset: 0, check: 0 };
    link.say({ type: 'subscribed', ref, id: 2, position, top: 2, gap: 'epoch', stamped: true });
    expect(here.shown()).toEqual(['ada: 1', 'bob: 1']);
    const stored = sinceOf(1);
    link.entries(2, 1, [stored, 'ada', [keyOf('a'), 1]], [sinceOf(9), 'cyd', [keyOf('c'), 1]]);
    expect(here.shown()).toEqual(['ada: 1', 'cyd: 1']);
    expect(here.told()).toEqual(['leave bob', 'enter cyd']);
  });

  test('[N4] who is removed though it never left enters again, not at once', async () => {
    const here = follower();
    void here.room.presence.enter('me');
    here.entered();
    here.enter('me', 'ada', 'me');
    here.leave('me');
    expect(here.server.link.inbox).toEqual([]);
    await here.clock.advance(250);
    expect(here.entered().data).toBe('"me"');
    await here.clock.advance(50);
    const left = here.room.presence.leave();
    here.server.link.say({ type: 'left', ref: here.server.link.take('leave').ref });
    await left;
    here.enter('me', 'ada', 'me');
    here.leave('me');
    await here.clock.advance(250);
    expect(here.server.link.inbox).toEqual([]);
  });

  test('how fresh they are is told', async () => {
    const here = follower();
    const { freshness } = here.room.presence;
    expect(freshness.get()).toEqual({ state: 'live' });
    here.server.link.break();
    expect(freshness.get()).toMatchObject({ state: 'stale' });
    while (here.server.links.length < 2) await here.clock.advance(250);
    const { ref } = here.server.link.welcome().take('subscribe');
    here.server.link.say({ type: 'error', ref, code: 'forbidden', message: 'no', detail: null });
    expect(freshness.get()).toMatchObject({ state: 'refused', error: { code: 'forbidden' } });
  });

  test('are followed while someone looks', async () => {
    const { room, server, followed, stop, settle } = follower();
    const off = room.presence.members.subscribe(() => {});
    stop();
    await settle();
    expect(server.link.inbox).toEqual([]);
    off();
    await settle();
    expect(server.link.take('unsubscribe').channel).toBe('chat/a?presence');
    room.presence.members.subscribe(() => {});
    followed();
  });

  test('handlers that throw are reported, and nobody else notices', () => {
    const { room, enter, changes, errors, shown } = follower();
    const fail = () => {
      throw new Error('from a handler');
    };
    room.presence.on('change', fail);
    room.presence.members.subscribe(fail);
    expect(() => enter('a', 'ada', 1)).not.toThrow();
    expect([changes.length, shown().length]).toEqual([1, 1]);
    expect(errors.length).toBeLessThanOrEqual(2);
  });

  test('after the client is closed nothing is told', () => {
    const { client, enter, changes } = follower();
    client.close();
    expect(() => enter('a', 'ada', 1)).not.toThrow();
    expect(changes).toEqual([]);
  });

  test('the same presence each time', () => {
    const { room, client } = lobby();
    expect(room.presence).toBe(room.presence);
    expect(client.stream('chat/a').presence).toBe(room.presence);
    expect(scene().client.stream('chat/a').presence).not.toBe(room.presence);
  });
});
