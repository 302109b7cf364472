/**
 * Signals over real sockets: told to whoever reads the channel and is up to date, stored nowhere, lost to whoever is behind. The
 * client is one that speaks frames by hand.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { named } from './testing/identities.ts';
import { gate } from './testing/meddle.ts';
import { answerTo, ask, leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { clientFrame, RawClient } from './testing/raw.ts';
import { everything, serveChannels } from './testing/serve.ts';
import { dial, WireClient } from './testing/wire.ts';

const room = 'chat/lobby';
const validate = (value: unknown) =>
  value === 'typing' ? { value } : { issues: [{ message: 'nobody types' }] };
const channels = defineChannels({
  'chat/:room': stream({ keep: { entries: 100_000, bytes: 1024 ** 3 } }),
  'fleet/:city': state(),
  'typed/:x': stream({ signal: { '~standard': { version: 1, vendor: 'test', validate } } }),
});
type Options = Parameters<typeof serveChannels<typeof channels>>[1];
const serve = (options: Options = {}) => serveChannels(channels, options);
const key = /^[\w-]{22}$/;

async function reader(port: number, channel = room): Promise<WireClient & { id: number }> {
  const client = await WireClient.connect(port);
  const { id } = await client.subscribe(channel);
  return Object.assign(client, { id });
}

describe('a signal', () => {
  it('[N6] is told to all who read the channel, with its key and user, as it was written', async () => {
    const { port, server } = await serve({
      authenticate: ({ url }) => ({ user: url.split('?')[1] ?? null, capabilities: everything }),
    });
    const readers = [await reader(port), await reader(port)];
    const ada = await WireClient.connect(port, '/sync?ada');
    ada.sendText(`["signal",1,"${room}","${leaseOf('a')}", {"n": 1.0} ]`);
    const { key: own } = await ada.expect('signalled');
    expect(own).toMatch(key);
    const nobody = await WireClient.connect(port);
    const other = await outcomeOf(nobody, 'signal', room, leaseOf('a'), 'typing');
    expect(other).not.toBe(own);
    for (const client of readers) {
      expect(await client.inbox.next()).toBe(`["signals",${client.id},[["${own}","ada",{"n": 1.0}]]]`);
      expect(await client.inbox.next()).toBe(`["signals",${client.id},[["${other}",null,"typing"]]]`);
    }
    expect(server.metrics.signalsSent).toBe(4);
    expect(await ada.flush()).toEqual([]);
  });

  it('[N6] reaches its author after the answer to it, which names the key, as a member’s does', async () => {
    const { port } = await serve();
    const client = await reader(port);
    for (let i = 0; i < 5; i++) {
      const ref = ask(client, 'signal', room, leaseOf('a'), i);
      const answer = await client.expect('signalled');
      expect(answer.ref).toBe(ref);
      const { id, signals } = await client.expect('signals');
      expect([id, signals]).toEqual([client.id, [[answer.key, null, `${i}`]]]);
      expect(await outcomeOf(client, 'enter', room, leaseOf('a'))).toBe(answer.key);
    }
  });

  it('[N6] travels with the others of its turn in one frame', async () => {
    const { port, server } = await serve();
    const client = await reader(port);
    const author = await RawClient.open(port);
    // What is written in one go arrives in one go, and is read in one turn.
    const frames = Array.from({ length: 10 }, (_, i) =>
      clientFrame(JSON.stringify(['signal', i + 1, room, leaseOf('a'), i])),
    );
    author.socket.write(Buffer.concat(frames));
    const { signals } = await client.expect('signals');
    expect(signals.map(([, , data]) => data)).toEqual([...Array(10).keys()].map(String));
    expect(server.metrics.signalsSent).toBe(10);
  });

  it('[N6] [D5] comes after the entries of its turn, in that turn', async () => {
    const { port } = await serve();
    const client = await reader(port);
    const author = await RawClient.open(port);
    const frames = [
      ['signal', 1, room, leaseOf('a'), 'first'],
      ['publish', 2, room, 'p', 1, 'an entry'],
    ];
    author.socket.write(Buffer.concat(frames.map((frame) => clientFrame(JSON.stringify(frame)))));
    expect((await client.expect('entries')).entries).toEqual(['"an entry"']);
    expect((await client.expect('signals')).signals.map(([, , data]) => data)).toEqual(['"first"']);
  });

  it('[N6] that finds no room in the frame of its turn is refused, and told to nobody', async () => {
    const { port } = await serve();
    const client = await reader(port);
    const author = await RawClient.open(port);
    await author.frame();
    const count = 600;
    const frames = Array.from({ length: count }, (_, i) =>
      clientFrame(JSON.stringify(['signal', i + 1, room, leaseOf('a'), i])),
    );
    author.socket.write(Buffer.concat(frames));
    const answers: unknown[][] = [];
    const told: string[] = [];
    while (answers.length < count) answers.push(JSON.parse(String((await author.frame()).payload)));
    const signalled = answers.filter(([type]) => type === 'signalled').map(([, ref]) => Number(ref) - 1);
    while (told.length < signalled.length)
      told.push(...(await client.expect('signals')).signals.map(([, , data]) => data));
    expect(told).toEqual(signalled.map(String));
    const refused = answers.filter(([type]) => type === 'error');
    expect(refused.length).toBeGreaterThan(0);
    for (const [, , code, , detail] of refused) expect([code, detail]).toEqual(['too_many', { retryMs: 50 }]);
    expect(await client.flush()).toEqual([]);
  });

  it('[N6] of whoever is sent away while their rights are asked for is told to nobody', async () => {
    const asked = gate();
    const { port, server } = await serve({
      authenticate: named({
        ada: { user: 'ada' },
        eve: { user: 'eve', capabilities: everything },
      }),
      authorize: () => asked.passed.then(() => true),
    });
    const eve = await WireClient.connect(port, '/sync?eve');
    await eve.subscribe(room);
    const ada = await WireClient.connect(port, '/sync?ada');
    ask(ada, 'signal', room, leaseOf('a'));
    await ada.flush();
    server.disconnect('ada');
    asked.open();
    await ada.inbox.closed();
    await server.publish(room, 'later');
    await eve.expect('entries');
    expect(await eve.flush()).toEqual([]);
  });

  it('[N6] is stored nowhere: who comes later knows nothing of it, and the log is as it was', async () => {
    const { port, server } = await serve();
    await server.publish(room, 'an entry');
    const client = await reader(port);
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'))).toMatch(key);
    const late = await WireClient.connect(port);
    expect(await late.subscribe(room, Number.MAX_SAFE_INTEGER)).toMatchObject({ top: 1 });
    expect(await late.entries(0, 1)).toEqual(['"an entry"']);
    expect(await late.history(room, 'after', 0, 10)).toMatchObject({ entries: ['"an entry"'] });
    expect(await late.flush()).toEqual([]);
  });

  it('[N6] is not for those who watch the members, nor for those who have left', async () => {
    const { port } = await serve();
    const watcher = await Watcher.join(port, room);
    const left = await reader(port);
    await left.unsubscribe(room);
    expect(await outcomeOf(await reader(port), 'signal', room, leaseOf('a'))).toMatch(key);
    expect([await watcher.client.flush(), await left.flush()]).toEqual([[], []]);
  });

  it('[N6] is answered where nobody reads the channel, and opens nothing', async () => {
    const { port, server } = await serve();
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'))).toMatch(key);
    expect(server.metrics).toMatchObject({ channelsOpen: 0, signalsSent: 0 });
  });

  it('[N6] [W1] is not for plain clients', async () => {
    const { port, server } = await serve({ plain: { '/chat': room } });
    const plain = await dial(`ws://localhost:${port}/chat`);
    const client = await reader(port);
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'))).toMatch(key);
    await client.expect('signals');
    await server.publish(room, 'hello');
    expect(await plain.next()).toBe('"hello"');
    expect(plain.unread).toEqual([]);
  });

  it('[N6] fits the contract’s schema', async () => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    expect(await outcomeOf(client, 'signal', 'typed/x', leaseOf('a'), 'typing')).toMatch(key);
    expect(await outcomeOf(client, 'signal', 'typed/x', leaseOf('a'), 'dancing')).toBe('bad_payload');
  });

  it('[N5] is not looked at by `beforePublish`, since nothing is published', async () => {
    let looked = 0;
    const { port } = await serve({
      beforePublish: () => {
        looked++;
        return undefined;
      },
      authenticate: named({ ada: { user: 'ada', capabilities: everything } }),
    });
    const client = await WireClient.connect(port, '/sync?ada');
    expect(await outcomeOf(client, 'signal', room, leaseOf('a'))).toMatch(key);
    expect(looked).toBe(0);
  });

  it('[N6] is told on channels that fold too, and harms no fold', async () => {
    const { port, server } = await serve();
    const client = await reader(port, 'fleet/x');
    await server.set('fleet/x', 'van', 1);
    await client.expect('entries');
    expect(await outcomeOf(client, 'signal', 'fleet/x', leaseOf('a'))).toMatch(key);
    await client.expect('signals');
    await server.set('fleet/x', 'bus', 2);
    await client.expect('entries');
    const late = await WireClient.connect(port);
    expect(await late.subscribe('fleet/x', Number.MAX_SAFE_INTEGER)).toMatchObject({ top: 2 });
    expect(await late.entries(0, 2)).toHaveLength(2);
  });
});

describe('whoever reads slowly', () => {
  it('[N6] [D6] misses the signals of that time, gets every entry, and then signals again', async () => {
    const { port, server } = await serve();
    const slow = await reader(port);
    const quick = await reader(port);
    const author = await WireClient.connect(port);
    slow.inbox.socket.pause();
    const large = 'x'.repeat(60_000);
    // As much as no socket holds on its way.
    const count = 400;
    for (let i = 1; i <= count; i++) await server.publish(room, large);
    await quick.entries(0, count);
    for (let i = 0; i < 20; i++) {
      expect(await outcomeOf(author, 'signal', room, leaseOf('a'), i)).toMatch(key);
      await quick.expect('signals');
    }
    slow.inbox.socket.resume();
    expect(await slow.entries(0, count)).toHaveLength(count);
    expect(await slow.flush()).toEqual([]);
    ask(author, 'signal', room, leaseOf('a'), 'now');
    expect((await slow.expect('signals')).signals.map(([, , data]) => data)).toEqual(['"now"']);
    expect(server.metrics.signalsSent).toBe(22);
  });

  it('[N6] holds nobody up who signals', async () => {
    const { port } = await serve({ requestsBurstMax: 100_000 });
    const slow = await reader(port);
    const author = await WireClient.connect(port);
    slow.inbox.socket.pause();
    const data = 'x'.repeat(8000);
    for (let i = 0; i < 500; i++) {
      const ref = ask(author, 'signal', room, leaseOf('a'), data);
      expect((await answerTo(author, ref)).type).toBe('signalled');
    }
  });
});
