/**
 * Who is sent away and which tokens are revoked, on several nodes and across restarts, over real sockets: each node learns of it,
 * also one that was cut off, and who comes in later may stay. Time passes on command.
 */
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, vi } from 'vitest';
import type { Identity } from './access.ts';
import { memory } from './broker/memory.ts';
import { Session } from './session.ts';
import { cluster } from './testing/cluster.ts';
import { named } from './testing/identities.ts';
import { gate, lasting, meddle } from './testing/meddle.ts';
import { leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { everything, serve } from './testing/serve.ts';
import { passes, WireClient } from './testing/wire.ts';

const identities: Record<string, Identity> = {
  ada: { user: 'ada', capabilities: everything, tokenId: 't1' },
  bob: { user: 'bob', capabilities: everything, tokenId: 't2' },
  eve: { user: 'eve', capabilities: everything },
};
const authenticate = named(identities);
const at = (user: string) => `/sync?${user}`;
const day = 86_400_000;

const closed = (client: WireClient): Promise<number> => client.inbox.closed();
const comes = async (port: number, user: string): Promise<boolean> => {
  const client = await WireClient.connect(port, at(user)).catch(() => undefined);
  client?.close();
  return client !== undefined;
};

describe('revoke', () => {
  it('[I6] ends the sessions of a token on every node, and lets it in on none', async () => {
    const nodes = await cluster(3, { authenticate });
    const ada = await Promise.all([0, 1, 2].map((i) => WireClient.connect(nodes.at(i).port, at('ada'))));
    const bob = await WireClient.connect(nodes.at(1).port, at('bob'));
    expect(nodes.at(0).server.revoke('t1', nodes.clock.now() + day)).toBe(1);
    expect(await Promise.all(ada.map(closed))).toEqual([4423, 4423, 4423]);
    for (const i of [0, 1, 2]) expect(await comes(nodes.at(i).port, 'ada')).toBe(false);
    expect(await bob.flush()).toEqual([]);
  });

  it('[I6] reaches a node that was cut off when it happened, as soon as it is back', async () => {
    const nodes = await cluster(2, { authenticate });
    const ada = await WireClient.connect(nodes.at(1).port, at('ada'));
    nodes.at(1).node.freeze();
    nodes.at(0).server.revoke('t1', nodes.clock.now() + day);
    await nodes.clock.advance(60_000);
    expect(await ada.flush()).toEqual([]);
    nodes.at(1).node.thaw();
    expect(await closed(ada)).toBe(4423);
    expect(await comes(nodes.at(1).port, 'ada')).toBe(false);
  });

  it('is told again when it can’t be stored at once, and holds where it was called meanwhile', async () => {
    const nodes = await cluster(2, { authenticate });
    const ada = await WireClient.connect(nodes.at(1).port, at('ada'));
    nodes.at(0).node.freeze();
    nodes.at(0).server.revoke('t1', nodes.clock.now() + day);
    expect(await comes(nodes.at(0).port, 'ada')).toBe(false);
    await nodes.clock.advance(5000);
    expect(await ada.flush()).toEqual([]);
    nodes.at(0).node.thaw();
    await nodes.clock.advance(2000);
    expect(await closed(ada)).toBe(4423);
  });

  it('outlives the process, and is forgotten when the token has ended by itself', async () => {
    const clock = fakeClock();
    const broker = lasting(memory({ clock }));
    const first = await serve({ authenticate, broker, clock });
    await first.server.ready;
    first.server.revoke('t1', clock.now() + day);
    await first.server.close({ drainMs: 0 });
    const second = await serve({ authenticate, broker, clock });
    expect(await comes(second.port, 'ada')).toBe(false);
    expect(await comes(second.port, 'bob')).toBe(true);
    await clock.advance(day + 1000);
    const keys = { direction: 'before', offset: 9, entriesMax: 9, bytesMax: 999, keep: null } as const;
    await passes(async () =>
      expect((await broker.read('?revoked', keys)).entries.map(({ data }) => data).at(-1)).toBe(
        '["token/t1",null,{"expired":true}]',
      ),
    );
    expect(await comes(second.port, 'ada')).toBe(true);
  });

  it('[I6] is known before anybody is let in, however long it takes to read', async () => {
    const broker = lasting(memory());
    const first = await serve({ authenticate, broker });
    await first.server.ready;
    first.server.revoke('t1', Date.now() + day);
    await passes(async () => expect((await broker.read('?revoked', anything)).top.offset).toBe(1));
    const held = gate();
    const { broker: slow, meddling } = meddle(broker);
    meddling.read = (read) => held.passed.then(read);
    const second = await serve({ authenticate, broker: { ...slow, close: async () => {} } });
    const [ada, bob] = [comes(second.port, 'ada'), comes(second.port, 'bob')];
    expect((await fetch(`http://localhost:${second.port}/sync/ready`)).status).toBe(503);
    held.open();
    expect([await ada, await bob]).toEqual([false, true]);
  });

  it.each([
    ['a value of no sort', '["token/t1","soon"]'],
    ['a user without a time', '["user/ada",["why"]]'],
    ['no key of ours', '["other",1]'],
    ['a text that is cut off', '["token/t2",tru]'],
    ['an entry that is none', '{"no":'],
    ['bytes', Buffer.of(1, 2, 3)],
  ])('passes over what another version may have written: %s', async (_, data) => {
    const nodes = await cluster(2, { authenticate });
    const ada = await WireClient.connect(nodes.at(1).port, at('ada'));
    await nodes.logs.append('?revoked', { data, from: null, key: 'x', keep: null });
    nodes.at(0).server.revoke('t2', nodes.clock.now() + day);
    await passes(async () => expect(await comes(nodes.at(1).port, 'bob')).toBe(false));
    expect(await ada.flush()).toEqual([]);
  });

  it('[I6] is heard of again once a log that couldn’t be read is another one, and is looked at for that less and less', async () => {
    const clock = fakeClock();
    const said: string[] = [];
    const logger = { error: (_: unknown, message: string) => void said.push(message) };
    const first = meddle(memory({ clock }));
    const { port, server } = await serve({ authenticate, broker: first.broker, clock, logger });
    await server.ready;
    const ada = await WireClient.connect(port, at('ada'));
    server.revoke('t3', clock.now() + day);
    // Somebody else has put something there in place of a snapshot.
    const broken = memory({ clock });
    const stored = await broken.append('?revoked', { data: '["token/t9",1]', from: null, keep: null });
    await broken.compact('?revoked', stored.epoch, { offset: 1, check: stored.check, data: 'nothing' });
    first.replace(broken);
    await broken.append('?revoked', { data: '["token/t9",1]', from: null, keep: null });
    await passes(() => expect(said).toHaveLength(1));
    const { reads } = first.meddling;
    for (let i = 0; i < 60; i++) await clock.advance(1000);
    expect(first.meddling.reads - reads).toBeGreaterThan(3);
    expect(first.meddling.reads - reads).toBeLessThan(30);
    expect(new Set(said)).toEqual(
      new Set(['Who is sent away by other nodes is not heard of; it is tried again.']),
    );
    const mended = memory({ clock });
    await mended.append('?revoked', { data: `["token/t1",${clock.now() + day}]`, from: null, keep: null });
    first.replace(mended);
    for (let i = 0; i < 60; i++) await clock.advance(1000);
    expect(await closed(ada)).toBe(4423);
    // What it knew itself is there again.
    const { entries } = await mended.read('?revoked', { ...anything, entriesMax: 9 });
    expect(entries.map(({ data }) => String(data))).toContainEqual(expect.stringMatching('token/t3'));
  });

  it('[I6] is written again by whoever knows of it when the log was lost, once', async () => {
    const clock = fakeClock();
    const { broker, replace } = meddle(memory({ clock }));
    const { server } = await serve({ authenticate, broker, clock });
    await server.ready;
    server.revoke('t1', clock.now() + day);
    server.disconnect('eve');
    const other = lasting(memory({ clock }));
    replace({ ...other, close: async () => {} });
    const second = await serve({ authenticate, broker: other, clock });
    expect(await comes(second.port, 'ada')).toBe(true);
    // What the second one says is what tells the first that this is another log.
    second.server.revoke('t2', clock.now() + day);
    await passes(async () => expect(await comes(second.port, 'ada')).toBe(false));
    await passes(async () => expect((await other.read('?revoked', anything)).top.offset).toBe(3));
  });

  it('holds until the later of two times, whichever is stored last', async () => {
    const nodes = await cluster(2, { authenticate });
    const now = nodes.clock.now();
    nodes.at(0).server.revoke('t1', now + day);
    await passes(async () => expect(await comes(nodes.at(1).port, 'ada')).toBe(false));
    nodes.at(1).server.revoke('t1', now + 5000);
    const newest = async () => (await nodes.logs.read('?revoked', anything)).entries[0]?.data;
    await passes(async () => expect(await newest()).toContain(`["token/t1",${now + day},`));
    await nodes.clock.advance(10_000);
    const third = await nodes.join();
    expect(await comes(third.port, 'ada')).toBe(false);
  });

  it('can’t be read or written by anybody who connects', async () => {
    const { at: node } = await cluster(1, { authenticate });
    const client = await WireClient.connect(node(0).port, at('ada'));
    client.sendText('["subscribe",1,"?revoked",0]');
    expect(await client.expect('error')).toMatchObject({ ref: 1, code: 'bad_frame' });
  });
});

const anything = {
  direction: 'before',
  offset: Number.MAX_SAFE_INTEGER,
  entriesMax: 1,
  bytesMax: 999,
  keep: null,
} as const;

describe('disconnect', () => {
  it('[I6] ends a user’s sessions on every node, and nobody else’s; who comes in later may stay', async () => {
    const nodes = await cluster(3, { authenticate });
    const ada = await Promise.all([0, 1, 2].map((i) => WireClient.connect(nodes.at(i).port, at('ada'))));
    const bob = await WireClient.connect(nodes.at(2).port, at('bob'));
    await nodes.clock.advance(10);
    expect(nodes.at(0).server.disconnect('ada', 'Enough.')).toBe(1);
    // At once, and in the same millisecond.
    const again = await WireClient.connect(nodes.at(0).port, at('ada'));
    expect(await Promise.all(ada.map(closed))).toEqual([4410, 4410, 4410]);
    await nodes.clock.advance(10);
    const later = await Promise.all([1, 2].map((i) => WireClient.connect(nodes.at(i).port, at('ada'))));
    for (const client of [again, bob, ...later]) expect(await client.flush()).toEqual([]);
  });

  it('reaches a node that was cut off, where it ends those only who were in before', async () => {
    const nodes = await cluster(2, { authenticate });
    const before = await WireClient.connect(nodes.at(1).port, at('ada'));
    nodes.at(1).node.freeze();
    await nodes.clock.advance(1000);
    nodes.at(0).server.disconnect('ada');
    await nodes.clock.advance(1000);
    const after = await WireClient.connect(nodes.at(1).port, at('ada'));
    nodes.at(1).node.thaw();
    expect(await closed(before)).toBe(4410);
    expect(await after.flush()).toEqual([]);
  });

  it('is tried again for whom something of our own kept from being sent away', async () => {
    const nodes = await cluster(2, { authenticate });
    const [ada, bob] = await Promise.all(
      ['ada', 'bob'].map((user) => WireClient.connect(nodes.at(1).port, at(user))),
    );
    await nodes.clock.advance(10);
    const end = vi.spyOn(Session.prototype, 'end').mockImplementationOnce(() => {
      throw new Error('It went wrong.');
    });
    nodes.at(0).server.disconnect('ada');
    await passes(() => expect(end).toHaveBeenCalledOnce());
    nodes.at(0).server.disconnect('bob');
    expect(await closed(bob as WireClient)).toBe(4410);
    await nodes.clock.advance(1000);
    expect(await closed(ada as WireClient)).toBe(4410);
    end.mockRestore();
  });

  it('[I6] finds whom it means without looking at anybody else, also by a token that came later', async () => {
    const renewed = { user: 'ada', capabilities: everything, tokenId: 't9' };
    const others = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`user${i}`, { user: `user${i}`, capabilities: everything }]),
    );
    const { port, server } = await serve({ authenticate: named({ ...identities, ...others, renewed }) });
    const [ada, bob] = await Promise.all(['ada', 'bob'].map((user) => WireClient.connect(port, at(user))));
    for (const user of Object.keys(others)) await WireClient.connect(port, at(user));
    if (!ada || !bob) throw new Error('Nobody came.');
    ada.send({ type: 'auth', ref: 1, token: 'renewed' });
    await ada.expect('authenticated');
    const looked = vi.spyOn(Session.prototype, 'identity', 'get');
    expect(server.revoke('t1', Date.now() + day)).toBe(0);
    expect(await ada.flush()).toEqual([]);
    expect(server.revoke('t9', Date.now() + day)).toBe(1);
    expect(server.disconnect('bob')).toBe(1);
    expect(await Promise.all([closed(ada), closed(bob)])).toEqual([4423, 4410]);
    expect(looked.mock.calls.length).toBeLessThan(10);
    looked.mockRestore();
    await passes(() => expect(server.metrics.sessionsOpen).toBe(50));
    expect(server.disconnect('bob')).toBe(0);
  });

  it('[N4] waits no more for members of that user, on any node', async () => {
    const nodes = await cluster(2, { authenticate });
    const watcher = await Watcher.join(nodes.at(0).port, 'chat/lobby', at('eve'));
    const ada = await WireClient.connect(nodes.at(1).port, at('ada'));
    const key = String(await outcomeOf(ada, 'enter', 'chat/lobby', leaseOf('a')));
    ada.inbox.socket.terminate();
    await passes(() => expect(nodes.at(1).server.metrics.sessionsOpen).toBe(0));
    expect(await watcher.members()).toEqual({ [key]: 1 });
    expect(nodes.at(0).server.disconnect('ada')).toBe(0);
    await passes(async () => expect(await watcher.members()).toEqual({}));
  });

  it('says in the log what keeps it from being told, and goes on trying until the server closes', async () => {
    const clock = fakeClock();
    const said: string[] = [];
    const { broker, meddling } = meddle(memory({ clock }));
    const logger = { error: (_: unknown, message: string) => void said.push(message) };
    const { server } = await serve({ authenticate, broker, clock, logger });
    await server.ready;
    meddling.append = () => Promise.reject(new SyncError('unavailable'));
    server.disconnect('ada');
    for (let i = 0; i < 4; i++) await clock.advance(1000);
    expect(said.length).toBeGreaterThan(2);
    expect(new Set(said)).toEqual(
      new Set(['Other nodes could not be told whom this one sent away; it is tried again.']),
    );
  });
});
