/**
 * Who holds which key, on a clock that stands still: the time of grace, sessions that follow each other, failures of the log,
 * and everything at once against a model that is a map. The log is a memory broker that can be meddled with.
 */
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { lookup, readStateEntry, setEntry } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { Hub } from '../hub.ts';
import { newMetrics } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { gate, type Meddling, meddle, turns } from '../testing/meddle.ts';
import { Turn } from '../turn.ts';

const graceMs = 10_000;
const lobby = 'chat/lobby?presence';

type Settings = { channelsPerSessionMax?: number; channelIdleMs?: number; sessionsPerUserMax?: number };

function leasesOf(settings: Settings = {}) {
  const clock = fakeClock();
  const { broker: volatile, meddling, replace } = meddle(memory({ clock }));
  const broker = { ...meddle(memory({ clock })).broker, volatile };
  const metrics = newMetrics();
  const said: string[] = [];
  const logger = { error: (_: unknown, message: string) => void said.push(message) };
  const tools = { broker, clock, turn: new Turn(clock), metrics, logger };
  const find = lookup(defineChannels({ 'chat/:room': stream() }));
  const hub = new Hub(resolveNumbers({ presenceGraceMs: graceMs, ...settings }), tools, find);
  const { leases } = hub;
  const enter = (
    holder: number,
    key: string,
    data: unknown = 1,
    channel = lobby,
    tokenId = `token of ${key}`,
    from: string | null = `user of ${key}`,
  ) =>
    leases.enter(holder, {
      ...{ channel, key, tokenId },
      append: { data: setEntry(key, JSON.stringify(data)), key, from, keysMax: 10_000 },
    });
  /** Somebody, in the lobby. */
  const enterAs = (from: string | null, holder: number, key: string) =>
    enter(holder, key, 1, lobby, `token of ${key}`, from);
  /** What was appended: each entry as its key and value, or the key alone. */
  const log = async (channel = lobby): Promise<string[]> => {
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    return (await volatile.read(channel, range)).entries.map(({ data }) => String(data));
  };
  /** What that comes to. */
  const members = async (channel = lobby): Promise<Record<string, string>> => {
    const values = new Map<string, string>();
    for (const [i, data] of (await log(channel)).entries()) {
      const change = readStateEntry({ offset: i + 1, at: 0, from: null, data });
      if (change.op === 'set') values.set(change.key, change.value.text);
      else values.delete(change.key);
    }
    return Object.fromEntries(values);
  };
  return { ...{ hub, leases, clock, meddling, replace, metrics, said, enter, enterAs, log, members } };
}

const refused = (code: 'storage' | 'unavailable') => () => Promise.reject(new SyncError(code));

describe('a lease', () => {
  it('[N1] [N2] puts what is entered under its key, replaces it, and appends nothing for what stands there', async () => {
    const { leases, enter, log, metrics } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a', 1);
    await enter(session, 'a', 1);
    await enter(session, 'a', 2);
    await enter(session, 'b', 1);
    expect(await log()).toEqual(['["a",1]', '["a",2]', '["b",1]']);
    expect(metrics).toMatchObject({ membersEntered: 2, membersOpen: 2 });
  });

  it('[N3] is given up at once, also where nothing is held', async () => {
    const { leases, enter, log, metrics } = leasesOf();
    const session = leases.holder();
    await leases.leave(session, lobby, 'a');
    await enter(session, 'a');
    await Promise.all([1, 2].map(() => leases.leave(session, lobby, 'a')));
    await leases.leave(session, lobby, 'a');
    expect(await log()).toEqual(['["a",1]', '["a"]']);
    expect(metrics).toMatchObject({ membersEntered: 1, membersOpen: 0 });
    expect(leases.of(session)).toEqual([]);
  });

  it('[N4] outlives its session by the time of grace, and no longer', async () => {
    const { leases, enter, members, clock, metrics } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a');
    leases.release(session, false);
    await clock.advance(graceMs - 1);
    expect(await members()).toEqual({ a: '1' });
    await clock.advance(1);
    expect(await members()).toEqual({});
    expect(metrics.membersOpen).toBe(0);
  });

  it('[N4] goes on with a session that enters within it, and nothing is appended for that', async () => {
    const { leases, enter, log, clock } = leasesOf();
    const [first, second] = [leases.holder(), leases.holder()];
    await enter(first, 'a');
    leases.release(first, false);
    await clock.advance(graceMs - 1);
    await enter(second, 'a');
    await clock.advance(10 * graceMs);
    expect(await log()).toEqual(['["a",1]']);
    leases.release(second, false);
    await clock.advance(graceMs);
    expect(await log()).toEqual(['["a",1]', '["a"]']);
  });

  it('[N4] ends at once with a session that was sent away', async () => {
    const { leases, enter, members, clock } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a');
    await enter(session, 'a', 1, 'chat/other?presence');
    leases.release(session, true);
    await turns();
    expect([await members(), await members('chat/other?presence')]).toEqual([{}, {}]);
    await enter(leases.holder(), 'a', 2);
    await clock.advance(10 * graceMs);
    expect(await members()).toEqual({ a: '2' });
  });

  it('[N4] is the newer session’s: what an older one says, or its end, changes nothing', async () => {
    const { leases, enter, members, clock } = leasesOf();
    const [older, newer] = [leases.holder(), leases.holder()];
    await enter(older, 'a', 1);
    await enter(newer, 'a', 2);
    await enter(older, 'a', 3);
    await leases.leave(older, lobby, 'a');
    leases.release(older, true);
    await clock.advance(10 * graceMs);
    expect(await members()).toEqual({ a: '2' });
    expect(leases.of(older)).toEqual([]);
    await leases.leave(newer, lobby, 'a');
    expect(await members()).toEqual({});
  });

  it('[N4] is waited for no longer when its user, or its token, is sent away meanwhile', async () => {
    const { leases, enter, members } = leasesOf();
    for (const key of ['a', 'b', 'c']) {
      const session = leases.holder();
      await enter(session, key);
      leases.release(session, false);
    }
    leases.withdraw({ user: 'user of a' });
    leases.withdraw({ tokenId: 'token of b' });
    await turns();
    expect(Object.keys(await members())).toEqual(['c']);
  });

  it('[N4] that is taken up again is waited for no more: whoever was sent away since is somebody else', async () => {
    const { leases, enter, members, log } = leasesOf();
    for (const key of ['a', 'b']) {
      const session = leases.holder();
      await enter(session, key);
      leases.release(session, false);
      await enter(leases.holder(), key, 1, lobby, 'a newer token');
    }
    leases.withdraw({ user: 'user of a' });
    leases.release(4, false);
    leases.withdraw({ tokenId: 'token of b' });
    await turns();
    expect(await members()).toEqual({ a: '1', b: '1' });
    expect(await log()).toHaveLength(2);
  });

  it('[N4] that is taken up again before it is removed stays, and nothing is appended for that', async () => {
    const { leases, enter, log } = leasesOf();
    const [first, second] = [leases.holder(), leases.holder()];
    await enter(first, 'a');
    leases.release(first, true);
    await enter(second, 'a');
    await turns();
    expect(await log()).toEqual(['["a",1]']);
  });

  it('[N4] isn’t ended where another node has entered something newer under its key', async () => {
    const { leases, enter, members, hub, metrics } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a', 1);
    await (await hub.open(lobby)).append({ data: '["a",2]', key: 'a', from: null });
    leases.release(session, true);
    await turns();
    expect(await members()).toEqual({ a: '2' });
    expect(metrics.membersOpen).toBe(0);
  });

  it('is bounded by session, as subscriptions are', async () => {
    const { leases, enter, metrics } = leasesOf({ channelsPerSessionMax: 2 });
    const session = leases.holder();
    await enter(session, 'a');
    await enter(session, 'b');
    await expect(enter(session, 'c')).rejects.toMatchObject({ code: 'too_many' });
    await enter(session, 'b', 2);
    await leases.leave(session, lobby, 'a');
    await enter(session, 'c');
    expect(metrics.membersOpen).toBe(2);
  });

  it('holds its channel open, and no longer', async () => {
    const { leases, enter, clock, metrics } = leasesOf({ channelIdleMs: 1000 });
    const session = leases.holder();
    await enter(session, 'a');
    await clock.advance(5000);
    expect(metrics.channelsOpen).toBe(1);
    await leases.leave(session, lobby, 'a');
    await clock.advance(2000);
    expect(metrics.channelsOpen).toBe(0);
  });
});

describe('many leases', () => {
  it('[N1] one more than a channel may have is refused, and who is in may say something else', async () => {
    const { leases, enter, metrics } = leasesOf();
    const first = leases.holder();
    await enter(first, 'k0');
    await Promise.all(Array.from({ length: 9_999 }, (_, i) => enter(leases.holder(), `k${i + 1}`)));
    await expect(enter(leases.holder(), 'one more')).rejects.toMatchObject({ code: 'too_many' });
    await enter(first, 'k0', 'again');
    expect(metrics.membersOpen).toBe(10_000);
  });

  it('[N4] of one user who connects and goes on and on are waited for as many as may be there, the last ones', async () => {
    const { leases, enterAs, members, clock } = leasesOf({ sessionsPerUserMax: 3 });
    const stays = leases.holder();
    await enterAs('eve', stays, 'stays');
    await enterAs('ada', leases.holder(), 'ada');
    for (let i = 0; i < 5; i++) {
      const holder = leases.holder();
      await enterAs('eve', holder, `left${i}`);
      await leases.leave(holder, lobby, `left${i}`);
    }
    for (let i = 0; i < 20; i++) {
      const holder = leases.holder();
      await enterAs('eve', holder, `eve${i}`);
      leases.release(holder, false);
      // Whoever is nobody in particular may be many.
      const nobody = leases.holder();
      await enterAs(null, nobody, `nobody${i}`);
      leases.release(nobody, false);
    }
    await clock.advance(0);
    const here = Object.keys(await members());
    expect(here.filter((key) => key.startsWith('eve'))).toEqual(['eve18', 'eve19']);
    expect(here.filter((key) => !key.startsWith('eve')).length).toBe(22);
    // One who is back is held again, and waited for after those who went meanwhile.
    const back = leases.holder();
    await enterAs('eve', back, 'eve18');
    leases.release(back, false);
    await enterAs('eve', leases.holder(), 'eve20');
    await clock.advance(0);
    expect(Object.keys(await members()).filter((key) => key.startsWith('eve'))).toEqual(['eve18', 'eve20']);
    await clock.advance(graceMs);
    await expect.poll(async () => Object.keys(await members()).sort()).toEqual(['ada', 'eve20', 'stays']);
  });

  it('[N4] whose sessions went together are removed a little at a time', async () => {
    const { leases, enter, members, clock, metrics } = leasesOf();
    const keys = Array.from({ length: 600 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => enter(leases.holder(), key)));
    for (let holder = 1; holder <= keys.length; holder++) leases.release(holder, false);
    expect(metrics.membersOpen).toBe(600);
    await clock.advance(graceMs);
    await expect.poll(() => metrics.membersOpen).toBe(0);
    expect(await members()).toEqual({});
  });

  it('[N4] that end at once are removed in parts, with turns of the event loop between them', async () => {
    const { leases, enter, metrics } = leasesOf({ channelsPerSessionMax: 1000 });
    const session = leases.holder();
    await Promise.all(Array.from({ length: 600 }, (_, i) => enter(session, `k${i}`)));
    leases.release(session, true);
    const removed: number[] = [];
    while (metrics.membersOpen > 0) {
      await turns(1);
      removed.push(600 - metrics.membersOpen);
    }
    expect(removed).toEqual([512, 600]);
  });
});

describe('when the log fails', () => {
  it('[N1] whoever enters is told, is no member, and may try again', async () => {
    const { leases, enter, meddling, members, metrics, clock } = leasesOf();
    const session = leases.holder();
    meddling.append = refused('storage');
    await expect(enter(session, 'a')).rejects.toMatchObject({ code: 'storage' });
    expect(metrics).toMatchObject({ membersEntered: 0, membersOpen: 0 });
    meddling.append = (append) => append();
    await enter(session, 'a');
    meddling.append = refused('storage');
    await expect(enter(session, 'a', 2)).rejects.toMatchObject({ code: 'storage' });
    await clock.advance(10 * graceMs);
    expect(await members()).toEqual({ a: '1' });
  });

  it('[N1] one that is refused takes nothing from the next', async () => {
    const { leases, enter, meddling, members, clock } = leasesOf();
    const session = leases.holder();
    meddling.append = refused('storage');
    const first = enter(session, 'a', 1);
    const second = enter(session, 'a', 2);
    await expect(first).rejects.toMatchObject({ code: 'storage' });
    await expect(second).rejects.toMatchObject({ code: 'storage' });
    let appends = 0;
    meddling.append = (append) => (++appends === 1 ? refused('storage')() : append());
    const outcomes = await Promise.allSettled([enter(session, 'a', 1), enter(session, 'a', 2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    leases.release(session, false);
    await clock.advance(graceMs);
    expect(await members()).toEqual({});
  });

  it('[N1] the channel may be opened by the next who enters', async () => {
    const { leases, enter, meddling, members, metrics } = leasesOf();
    meddling.read = () => Promise.reject(new SyncError('storage'));
    await expect(enter(leases.holder(), 'a')).rejects.toMatchObject({ code: 'storage' });
    meddling.read = (read) => read();
    await enter(leases.holder(), 'a');
    expect(await members()).toEqual({ a: '1' });
    expect(metrics.membersOpen).toBe(1);
  });

  it('[N4] whoever is gone is removed as soon as it can be', async () => {
    const { leases, enter, meddling, members, clock, said } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a');
    meddling.append = refused('storage');
    leases.release(session, true);
    await turns();
    await clock.advance(2500);
    expect(await members()).toEqual({ a: '1' });
    expect(said.length).toBe(3);
    meddling.append = (append) => append();
    await clock.advance(1000);
    expect(await members()).toEqual({});
    await clock.advance(60_000);
    expect(said.length).toBe(3);
  });

  it('[N3] [N4] whoever is back before that stays', async () => {
    const { leases, enter, meddling, members, clock } = leasesOf();
    const session = leases.holder();
    await enter(session, 'a');
    meddling.append = refused('storage');
    await expect(leases.leave(session, lobby, 'a')).rejects.toMatchObject({ code: 'storage' });
    meddling.append = (append) => append();
    await enter(leases.holder(), 'a', 2);
    await clock.advance(60_000);
    expect(await members()).toEqual({ a: '2' });
  });

  it('[N4] what may have been stored is removed with its session', async () => {
    const { leases, enter, meddling, members, clock, metrics } = leasesOf();
    const session = leases.holder();
    meddling.append = (append) => append().then(refused('unavailable'));
    await expect(enter(session, 'a')).rejects.toMatchObject({ code: 'unavailable' });
    meddling.append = (append) => append();
    expect(await members()).toEqual({ a: '1' });
    leases.release(session, false);
    await clock.advance(graceMs);
    expect(await members()).toEqual({});
    expect(metrics.membersOpen).toBe(0);
  });

  it('[N4] what is stored when its session has gone meanwhile is removed', async () => {
    const { leases, enter, meddling, members, metrics } = leasesOf();
    const session = leases.holder();
    const held = gate();
    meddling.append = (append) => held.passed.then(append);
    const entering = enter(session, 'a');
    await turns();
    leases.release(session, true);
    held.open();
    await entering;
    await turns();
    expect(await members()).toEqual({});
    expect(metrics.membersOpen).toBe(0);
  });

  it('a log that turns out to be another one is entered anew by all who are in', async () => {
    const { leases, enter, replace, members, clock, hub, meddling } = leasesOf();
    const [a, b] = [leases.holder(), leases.holder()];
    await enter(a, 'a');
    await enter(b, 'b');
    leases.release(b, false);
    meddling.append = (append) => append().then(refused('unavailable'));
    replace(memory({ clock }));
    await expect((await hub.open(lobby)).append({ data: '["c",1]', from: null })).rejects.toThrow();
    await turns(10);
    meddling.append = (append) => append();
    await clock.advance(1000);
    await expect.poll(() => members()).toEqual({ a: '1', c: '1' });
    leases.release(a, false);
    await clock.advance(graceMs);
    expect(await members()).toEqual({ c: '1' });
  });

  it('[N4] who comes back is waited for no more, also where something failed for it while it was away', async () => {
    const { leases, enter, replace, members, clock, meddling } = leasesOf();
    const [first, second] = [leases.holder(), leases.holder()];
    await enter(first, 'a');
    const held = gate();
    let appends = 0;
    meddling.append = () => {
      appends++;
      return held.passed.then(refused('unavailable'));
    };
    const other = memory({ clock });
    replace(other);
    await other.append(lobby, { data: '["c",1]', from: null, keep: null });
    await expect.poll(() => appends).toBe(1);
    leases.release(first, false);
    held.open();
    await turns();
    meddling.append = (append) => append();
    await enter(second, 'a', 2);
    await clock.advance(10 * graceMs);
    expect(await members()).toEqual({ a: '2', c: '1' });
    expect(leases.of(second)).toEqual([{ channel: lobby, key: 'a' }]);
  });

  it('[L1] nothing is waited for, nor removed, once the node leaves', async () => {
    const { hub, leases, enter, meddling, clock } = leasesOf();
    const [a, b] = [leases.holder(), leases.holder()];
    await enter(a, 'a');
    await enter(b, 'b');
    leases.release(a, false);
    let appends = 0;
    meddling.append = (append) => {
      appends++;
      return append();
    };
    await hub.close();
    leases.release(b, false);
    await expect(enter(leases.holder(), 'c')).rejects.toMatchObject({ code: 'restart' });
    expect(clock.timers).toBe(0);
    await clock.advance(10 * graceMs);
    expect(appends).toBe(0);
  });
});

/** One thing that happens. Sessions are numbered in the order in which they connect; each is some client's. */
type Step =
  | { readonly what: 'connect' | 'leave' | 'drop' | 'end'; readonly client: number }
  | { readonly what: 'enter'; readonly client: number; readonly data: number; readonly older: boolean }
  | { readonly what: 'pass'; readonly ms: number };

const client = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constantFrom('connect' as const, 'leave', 'drop', 'end'), client }),
  fc.record({ what: fc.constant('enter' as const), client, data: fc.nat(2), older: fc.boolean() }),
  fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(1000, graceMs / 2, graceMs) }),
);

/** What should be so: by client, what it entered with, by which session, and until when it stays without one. */
class Model {
  readonly members = new Map<string, { data: number; holder: number; until: number }>();
  /** By client, its sessions, the newest last. */
  readonly sessions: number[][] = [[], [], [], []];
  entries = 0;
  now = 0;

  enter(key: string, holder: number, data: number): void {
    const member = this.members.get(key);
    if (member && member.holder > holder) return;
    if (member?.data !== data) this.entries++;
    this.members.set(key, { data, holder, until: Number.POSITIVE_INFINITY });
  }

  leave(key: string, holder: number): void {
    const member = this.members.get(key);
    if (!member || member.holder > holder) return;
    this.members.delete(key);
    this.entries++;
  }

  gone(key: string, holder: number, atOnce: boolean): void {
    const member = this.members.get(key);
    if (member?.holder !== holder) return;
    Object.assign(member, { holder: 0, until: this.now + (atOnce ? 0 : graceMs) });
    this.pass(0);
  }

  pass(ms: number): void {
    this.now += ms;
    for (const [key, { until }] of this.members) {
      if (until > this.now) continue;
      this.members.delete(key);
      this.entries++;
    }
  }
}

describe('whatever happens', () => {
  const run = async (steps: readonly Step[], fate?: Meddling['append']) => {
    const tested = leasesOf();
    const { leases, enter, meddling, clock } = tested;
    const model = new Model();
    if (fate) meddling.append = fate;
    const check = async () => {
      const wanted = [...model.members].map(([key, { data }]) => [key, String(data)]);
      expect(await tested.members()).toEqual(Object.fromEntries(wanted));
    };
    const pending: Promise<unknown>[] = [];
    for (const one of steps) {
      if (one.what === 'pass') {
        await clock.advance(one.ms);
        model.pass(one.ms);
      } else {
        const key = `c${one.client}`;
        const sessions = model.sessions[one.client] ?? [];
        const newest = sessions.at(-1);
        if (one.what === 'connect') sessions.push(leases.holder());
        else if (newest === undefined) continue;
        else if (one.what === 'enter') {
          const holder = (one.older && sessions[0]) || newest;
          pending.push(enter(holder, key, one.data).catch(() => {}));
          model.enter(key, holder, one.data);
        } else if (one.what === 'leave') {
          pending.push(leases.leave(newest, lobby, key).catch(() => {}));
          model.leave(key, newest);
        } else {
          sessions.pop();
          leases.release(newest, one.what === 'end');
          model.gone(key, newest, one.what === 'end');
        }
      }
      if (fate) continue;
      await Promise.all(pending.splice(0));
      await turns(1);
      await check();
      expect((await tested.log()).length, 'entries').toBe(model.entries);
    }
    return { ...tested, model, check, pending };
  };

  it('[N1] [N2] [N3] [N4] the log says who is in, and no entry is one too many', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => void (await run(steps))),
    );
  });

  it('[N1] [N4] it says so in the end, also where appends fail, hang, or nobody knows', async () => {
    const fates = fc.infiniteStream(fc.nat(9));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fates, async (steps, stream) => {
        const held: (() => void)[] = [];
        let over = false;
        const { meddling, model, check, pending, enter, leases, clock, metrics } = await run(
          steps,
          async (append) => {
            const fate = over ? 9 : Number(stream.next().value);
            if (fate < 2) throw new SyncError('storage');
            if (fate === 2) throw new SyncError('unavailable');
            if (fate === 3) return append().then(refused('unavailable'));
            if (fate === 4) await new Promise<void>((resolve) => held.push(resolve));
            if (fate === 5) await turns(1);
            return append();
          },
        );
        over = true;
        for (const letGo of held) letGo();
        await Promise.all(pending);
        meddling.append = (append) => append();
        // Who was refused enters again, as clients do; those without a session go, whatever became of their entries.
        for (const [i, sessions] of model.sessions.entries()) {
          const key = `c${i}`;
          const newest = sessions.at(-1);
          if (newest === undefined) model.members.delete(key);
          else {
            const holder = leases.holder();
            sessions.push(holder);
            await enter(holder, key, 7);
            model.members.set(key, { data: 7, holder, until: Number.POSITIVE_INFINITY });
          }
        }
        await clock.advance(2 * graceMs);
        await turns(3);
        await check();
        expect(metrics.membersOpen).toBe(model.members.size);
      }),
    );
  });
});
