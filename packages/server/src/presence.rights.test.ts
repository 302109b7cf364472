/**
 * Who may enter, signal and see who is there, over real sockets: what members say is held to bounds, schema and hooks, their
 * rights are those of the channel, and nobody passes for somebody else.
 */
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { compile } from './access/capabilities.ts';
import type { Attempt, Identity } from './access.ts';
import { createServer } from './server.ts';
import { named, refusalOf } from './testing/identities.ts';
import { gate, turns } from './testing/meddle.ts';
import { ask, leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/lobby';
const companion = `${room}?presence`;
const validate = (value: unknown) =>
  typeof value === 'object' && value !== null && 'name' in value
    ? { value }
    : { issues: [{ message: 'no name' }] };
const channels = defineChannels({
  'chat/:room': stream(),
  'named/:x': stream({ presence: { '~standard': { version: 1, vendor: 'test', validate } } }),
  'open/:x': stream({ anonymous: ['presence'] }),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serve = (options: Options = {}) => serveChannels(channels, options);
const key = /^[\w-]{22}$/;
const may = (...actions: ('subscribe' | 'publish' | 'history' | 'presence')[]) => ({
  'chat/:room': actions,
});

describe('what a member says of itself', () => {
  it('[N5] is bounded in bytes', async () => {
    const { port } = await serve({ presenceBytesMax: 20 });
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'x'.repeat(18))).toMatch(key);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'x'.repeat(19))).toBe('payload_too_large');
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'ä'.repeat(10))).toBe('payload_too_large');
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'), 'x'.repeat(18))).toMatch(key);
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'), 'x'.repeat(19))).toBe('payload_too_large');
  });

  it('[N5] is 8,192 bytes at most unless an option says otherwise', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'x'.repeat(8190))).toMatch(key);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'x'.repeat(8191))).toBe('payload_too_large');
  });

  it('[N5] fits the contract’s schema', async () => {
    const { port } = await serve();
    const watcher = await Watcher.join(port, 'named/x');
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'enter', 'named/x', leaseOf('a'), { nam: 'Ada' })).toBe('bad_payload');
    expect(await outcomeOf(client, 'enter', 'named/x', leaseOf('a'), { name: 'Ada' })).toMatch(key);
    expect(await outcomeOf(client, 'enter', 'named/x', leaseOf('a'), 7)).toBe('bad_payload');
    expect(Object.values(await watcher.members())).toEqual([{ name: 'Ada' }]);
  });

  it('[N5] is looked at by `beforePublish`, with its key, which may refuse or replace it', async () => {
    const attempts: Attempt[] = [];
    const { port } = await serve({
      presenceBytesMax: 100,
      beforePublish: (attempt) => {
        attempts.push(attempt);
        if (attempt.data === 'no') throw new SyncError('forbidden', 'Not that.');
        return attempt.data === 'long' ? { data: 'x'.repeat(99) } : { data: [attempt.data] };
      },
      authenticate: named({ ada: { user: 'ada', capabilities: everything } }),
    });
    const watcher = await Watcher.join(port, room, '/sync?ada');
    const client = await WireClient.connect(port, '/sync?ada');
    const entered = String(await outcomeOf(client, 'enter', room, leaseOf('a'), 'yes'));
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'no')).toBe('forbidden');
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'), 'long')).toBe('payload_too_large');
    expect(await watcher.members()).toEqual({ [entered]: ['yes'] });
    expect(attempts[0]).toMatchObject({ channel: companion, key: entered, data: 'yes' });
    expect(attempts[0]?.identity.user).toBe('ada');
    // What stands there is what it was replaced with: the same again is no change.
    await outcomeOf(client, 'enter', room, leaseOf('a'), 'yes');
    await watcher.members();
    expect(watcher.offset).toBe(1);
  });
});

describe('rights', () => {
  const people: Readonly<Record<string, Identity>> = {
    member: { user: 'member', capabilities: may('presence') },
    reader: { user: 'reader', capabilities: may('subscribe', 'publish', 'history') },
    nobody: { user: null },
  };

  it('[N5] [C4] to enter, to signal and to see who is in are one, the channel’s `presence`', async () => {
    const { port } = await serve({ authenticate: named(people) });
    const member = await WireClient.connect(port, '/sync?member');
    expect(await outcomeOf(member, 'enter', room, leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(member, 'signal', room, leaseOf('a'))).toMatch(key);
    expect(await refusalOf(member, 'subscribe', companion)).toBeUndefined();
    expect(
      await refusalOf(await WireClient.connect(port, '/sync?member'), 'history', companion),
    ).toBeUndefined();
    const other = await WireClient.connect(port, '/sync?member');
    expect(await refusalOf(other, 'subscribe', room)).toBe('forbidden');
    const reader = await WireClient.connect(port, '/sync?reader');
    expect(await outcomeOf(reader, 'enter', room, leaseOf('a'))).toBe('forbidden');
    expect(await outcomeOf(reader, 'signal', room, leaseOf('a'))).toBe('forbidden');
    expect(await refusalOf(reader, 'subscribe', companion)).toBe('forbidden');
    expect(await refusalOf(reader, 'history', companion)).toBe('forbidden');
  });

  it('[N5] may be anybody’s, where the contract says so', async () => {
    const { port } = await serve({ authenticate: named(people) });
    const client = await WireClient.connect(port, '/sync?nobody');
    expect(await outcomeOf(client, 'enter', 'open/x', leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'signal', 'open/x', leaseOf('a'))).toMatch(key);
    expect(await refusalOf(client, 'subscribe', 'open/x?presence')).toBeUndefined();
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toBe('forbidden');
    expect(await refusalOf(await WireClient.connect(port, '/sync?nobody'), 'subscribe', 'open/x')).toBe(
      'forbidden',
    );
  });

  it('[N5] are asked of `authorize` for the channel, whatever is done with its companion', async () => {
    const asked: unknown[] = [];
    const { port } = await serve({
      authenticate: named(people),
      authorize: (_, action, channel) => {
        asked.push([action, channel]);
        return action === 'presence' && channel === room;
      },
    });
    const client = await WireClient.connect(port, '/sync?nobody');
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'))).toMatch(key);
    expect(await refusalOf(client, 'subscribe', companion)).toBeUndefined();
    expect(asked).toEqual([1, 2, 3].map(() => ['presence', room]));
  });

  const renewed = async (identities: Readonly<Record<string, Identity>>, options: Options = {}) => {
    const running = await serve({
      authenticate: named({ eve: { user: 'eve', capabilities: everything }, ...identities }),
      ...options,
    });
    const watcher = await Watcher.join(running.port, room, '/sync?eve');
    const client = await WireClient.connect(running.port, '/sync?ada');
    await outcomeOf(client, 'enter', room, leaseOf('a'));
    return { ...running, watcher, client };
  };

  it('[N5] that were renewed and hold it no longer end the membership, and the watching', async () => {
    const { client, watcher } = await renewed({
      ada: { user: 'ada', capabilities: may('presence', 'subscribe') },
      less: { user: 'ada', capabilities: may('subscribe') },
      same: { user: 'ada', capabilities: may('presence') },
    });
    client.send({ type: 'auth', ref: 99, token: 'same' });
    await client.expect('authenticated');
    expect(Object.values(await watcher.members())).toEqual([1]);
    const { id } = await client.subscribe(companion);
    client.send({ type: 'auth', ref: 99, token: 'less' });
    await client.expect('authenticated');
    expect(await client.expect('revoked')).toMatchObject({ id, code: 'forbidden' });
    expect(await watcher.members()).toEqual({});
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toBe('forbidden');
  });

  it('[N5] that were renewed are asked of `authorize` too', async () => {
    let allowed = true;
    const { client, watcher } = await renewed(
      { ada: { user: 'ada' }, again: { user: 'ada' } },
      { authorize: ({ user }) => user === 'eve' || allowed },
    );
    allowed = false;
    client.send({ type: 'auth', ref: 99, token: 'again' });
    await client.expect('authenticated');
    await expect.poll(() => watcher.members()).toEqual({});
  });

  it('[I4] [N5] that are renewed while something is looked at are those that count', async () => {
    const looked = gate();
    const { client, watcher } = await renewed(
      {
        ada: { user: 'ada', capabilities: may('presence') },
        less: { user: 'ada', capabilities: may('subscribe') },
      },
      { beforePublish: ({ data }) => (data === 2 ? looked.passed.then(() => undefined) : undefined) },
    );
    const ref = ask(client, 'enter', room, leaseOf('a'), 2);
    client.send({ type: 'auth', ref: 99, token: 'less' });
    await client.expect('authenticated');
    looked.open();
    expect(await client.expect('error')).toMatchObject({ ref, code: 'forbidden' });
    expect(await watcher.members()).toEqual({});
  });

  it('[I6] [N4] that end while something is looked at are not believed after', async () => {
    const looked = gate();
    const clock = fakeClock();
    let now = clock.now();
    const late = { ...clock, now: () => now, timers: 0 };
    const { port, server } = await serve({
      clock: late,
      authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: now + 1000 }),
      beforePublish: () => looked.passed.then(() => undefined),
    });
    const client = await WireClient.connect(port);
    const ref = ask(client, 'enter', room, leaseOf('a'));
    await client.flush();
    now += 1001;
    looked.open();
    expect(await client.expect('error')).toMatchObject({ ref, code: 'expired' });
    expect(server.metrics.membersEntered).toBe(0);
  });

  it('[N4] whoever is sent away while something is looked at doesn’t enter after all', async () => {
    const looked = gate();
    const { client, watcher, server } = await renewed(
      { ada: { user: 'ada', capabilities: may('presence') } },
      { beforePublish: ({ data }) => (data === 2 ? looked.passed.then(() => undefined) : undefined) },
    );
    ask(client, 'enter', room, leaseOf('b'), 2);
    await client.flush();
    server.disconnect('ada');
    looked.open();
    await client.inbox.closed();
    await turns();
    expect(await watcher.members()).toEqual({});
    expect(watcher.offset).toBe(2);
  });
});

describe('nobody passes for somebody else', () => {
  const two = async () => {
    const running = await serve({
      authenticate: named({
        ada: { user: 'ada', capabilities: everything },
        eve: { user: 'eve', capabilities: everything },
      }),
    });
    const watcher = await Watcher.join(running.port, room, '/sync?eve');
    const ada = await WireClient.connect(running.port, '/sync?ada');
    const eve = await WireClient.connect(running.port, '/sync?eve');
    const entered = String(await outcomeOf(ada, 'enter', room, leaseOf('a'), 'I am Ada'));
    return { ...running, watcher, ada, eve, entered };
  };

  it('[N1] another user who knows a lease gets another key with it, and can’t take the first away', async () => {
    const { eve, watcher, entered } = await two();
    expect(await outcomeOf(eve, 'leave', room, leaseOf('a'))).toBe('left');
    const hers = String(await outcomeOf(eve, 'enter', room, leaseOf('a'), 'I am Ada'));
    expect(hers).toMatch(key);
    expect(hers).not.toBe(entered);
    expect(await outcomeOf(eve, 'signal', room, leaseOf('a'))).toBe(hers);
    expect(await outcomeOf(eve, 'leave', room, leaseOf('a'))).toBe('left');
    expect(await watcher.members()).toEqual({ [entered]: 'I am Ada' });
    expect(watcher.users).toEqual({ [entered]: 'ada' });
  });

  it('[N1] a session has one lease, so nobody fills a channel, or signals as a crowd, by making up more', async () => {
    const { eve, watcher, entered } = await two();
    const hers = String(await outcomeOf(eve, 'enter', room, leaseOf('e'), 'Eve'));
    for (const what of ['enter', 'signal', 'leave'] as const)
      expect(await outcomeOf(eve, what, room, leaseOf('f'))).toBe('forbidden');
    expect(await outcomeOf(eve, 'signal', room, leaseOf('e'))).toBe(hers);
    expect(await watcher.members()).toEqual({ [entered]: 'I am Ada', [hers]: 'Eve' });
  });

  it('[N1] [K1] nothing can be published on a companion, whatever it is', async () => {
    const { eve, watcher, entered, server } = await two();
    await eve.subscribe(companion);
    const payloads = [
      ['set', entered, 'I am Eve'],
      ['delete', entered],
      [entered, 'I am Eve'],
      [entered],
      'I am Eve',
    ];
    for (const [i, payload] of payloads.entries()) {
      eve.publish(companion, payload, 'p', 1);
      expect(await eve.expect('error'), String(i)).toMatchObject({ code: 'forbidden' });
    }
    await expect(server.set(companion as never, entered, 'I am Eve' as never)).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(server.delete(companion as never, entered)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await watcher.members()).toEqual({ [entered]: 'I am Ada' });
    expect(watcher.offset).toBe(1);
  });

  it('[N1] nor by a plain POST', async () => {
    const { port, watcher } = await two();
    for (const name of [`${room}%3Fpresence`, `${room}%3fpresence`, `${room}%253Fpresence`, companion]) {
      const url = `http://localhost:${port}/sync/publish/${name}`;
      const body = JSON.stringify(['set', 'x', 1]);
      const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer eve' };
      const { status } = await fetch(url, { method: 'POST', body, headers });
      // What follows a bare `?` is a query: that is a message for the channel itself.
      expect([name, status < 300]).toEqual([name, name === companion]);
    }
    await watcher.members();
    expect(watcher.offset).toBe(1);
  });

  it('[C4] there are no companions but those there are, and none of a companion', async () => {
    const { eve, port } = await two();
    for (const name of [
      `${companion}?presence`,
      `${room}?`,
      `${room}?Presence`,
      `${room}?presence/x`,
      '?presence',
    ]) {
      eve.sendText(JSON.stringify(['subscribe', 5, name, 0]));
      expect(await eve.expect('error'), name).toMatchObject({ ref: 5, code: 'bad_frame' });
      eve.sendText(JSON.stringify(['enter', 6, name, leaseOf('a'), 1]));
      expect(await eve.expect('error'), name).toMatchObject({ ref: 6, code: 'bad_frame' });
    }
    for (const name of [`${room}?typing`, 'news/x?presence', `${room}?constructor`])
      expect(await refusalOf(eve, 'subscribe', name), name).toBe('unknown_channel');
    for (const name of [companion, `${room}?typing`, 'news/x'])
      for (const what of ['enter', 'signal'] as const)
        expect(await outcomeOf(eve, what, name, leaseOf('a')), name).toBe('unknown_channel');
    expect(await Watcher.join(port, room, '/sync?eve')).toBeDefined();
  });

  it('[C4] neither contracts nor capabilities nor plain paths name one', () => {
    expect(() => defineChannels({ 'chat/:room?presence': stream() })).toThrow(
      expect.objectContaining({ code: 'bad_option' }),
    );
    expect(() => createServer({ channels, plain: { '/who': companion } })).toThrow(
      'Expected `plain` to give /who a channel of the contract',
    );
    for (const pattern of [companion, 'chat/:room?presence', 'chat/*', '*?presence'])
      expect(() => compile({ [pattern]: ['*'] }), pattern).toThrow(
        expect.objectContaining({ code: 'bad_option' }),
      );
    expect(compile({ '*': ['*'] })('presence', companion)).toBe(false);
  });

  it.each([
    ['too short', 'a'.repeat(15)],
    ['too long', 'a'.repeat(65)],
    ['of other characters', 'A'.repeat(20)],
    ['no text', 5],
  ])('[N1] a lease that is %s is refused, and never repeated', async (_, lease) => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    for (const type of ['enter', 'leave', 'signal']) {
      client.sendText(JSON.stringify([type, 3, room, lease, 1]));
      const refusal = await client.expect('error');
      expect(refusal).toMatchObject({ ref: 3, code: 'bad_frame' });
      if (typeof lease === 'string') expect(JSON.stringify(refusal)).not.toContain(lease);
    }
  });
});

describe('how much may be asked for', () => {
  it('[N7] enters, leaves and signals are charged as requests', async () => {
    const clock = fakeClock();
    const { port, server } = await serve({ clock, requestsBurstMax: 12, requestsPerSecondMax: 1 });
    await Watcher.join(port, room);
    const client = await WireClient.connect(port);
    for (let i = 0; i < 4; i++) {
      expect(await outcomeOf(client, 'enter', room, leaseOf('a'), i)).toMatch(key);
      expect(await outcomeOf(client, 'signal', room, leaseOf('a'), i)).toMatch(key);
      expect(await outcomeOf(client, 'leave', room, leaseOf('a'))).toBe('left');
    }
    for (const type of ['enter', 'leave', 'signal'] as const) {
      ask(client, type, room, leaseOf('a'));
      expect(await client.expect('error')).toMatchObject({ code: 'too_many', detail: { retryMs: 1000 } });
    }
    expect(server.metrics.requestsLimited).toBe(3);
    await clock.advance(1000);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toMatch(key);
  });

  it('[N7] entering where nobody is costs what opening a channel costs', async () => {
    const { port } = await serve({ clock: fakeClock(), requestsBurstMax: 12, requestsPerSecondMax: 1 });
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toMatch(key);
    expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toBe('too_many');
  });
});
