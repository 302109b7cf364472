/**
 * Nodes that are processes of their own, on a real Redis: one is killed, one is frozen and goes on, and what the others and their
 * clients see of it. Nothing here is told what time it is: it takes as long as it takes, within what is promised.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ServerFrame } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { leaseOf, outcomeOf, Watcher } from './testing/members.ts';
import { noRedis, type RedisServer, startRedis } from './testing/redis.ts';
import { WireClient } from './testing/wire.ts';

const room = 'chat/lobby';
/** What is promised: members of a node that died are gone within so long. */
const goneMs = 15_000;
const testMs = 60_000;

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly id: string;
}

/** So many nodes on one Redis. */
async function start(count: number, redis?: RedisServer): Promise<readonly Started[]> {
  const own = redis ?? (await startRedis());
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL');
    await own.stop();
  });
  const script = new URL('./testing/node.fixture.ts', import.meta.url).pathname;
  const one = async (): Promise<Started> => {
    const child = fork(script, [own.path, 'app'], { execArgv: [] });
    children.push(child);
    const [{ port, id }] = (await once(child, 'message')) as [{ port: number; id: string }];
    return { child, port, id };
  };
  return Promise.all(Array.from({ length: count }, one));
}

async function memberAt({ port }: Started, name: string) {
  const client = await WireClient.connect(port, `/sync?${name}`);
  return { client, key: String(await outcomeOf(client, 'enter', room, leaseOf(name), name)) };
}

const watchAt = ({ port }: Started) => Watcher.join(port, room, '/sync?watcher');

function comes(check: () => Promise<void>, ms: number): Promise<void> {
  return vi.waitFor(check, { timeout: ms, interval: 50 });
}

/** Resolves once a watcher shows these members, each by what it says of itself. */
async function shows(watcher: Watcher, names: readonly string[], ms = 10_000): Promise<void> {
  await comes(async () => {
    expect(Object.values(await watcher.members()).sort()).toEqual([...names].sort());
  }, ms);
}

describe.skipIf(noRedis)('over a real Redis', () => {
  it(
    '[N8] members of a node that is killed are gone within 15 s, by one leave each, at every survivor',
    async () => {
      const [one, two, dead] = (await start(3)) as [Started, Started, Started];
      const watchers = [await watchAt(one), await watchAt(two)];
      const names = Array.from({ length: 10 }, (_one, i) => `dead${i}x`);
      for (const name of names) await memberAt(dead, name);
      await memberAt(one, 'stays');
      for (const watcher of watchers) await shows(watcher, [...names, 'stays']);
      dead.child.kill('SIGKILL');
      await memberAt(two, 'dead0x');
      await Promise.all(watchers.map((watcher) => shows(watcher, ['dead0x', 'stays'], goneMs)));
      // All that was ever appended: who entered, who entered again, and one leave for each who didn't.
      for (const watcher of watchers) expect(watcher.offset).toBe(11 + 1 + 9);
    },
    testMs,
  );

  it(
    '[N8] [N4] [I6] a node that was frozen enters its members anew, keeps off those who moved, and learns what was revoked',
    async () => {
      const [one, frozen] = (await start(2)) as [Started, Started];
      const watcher = await watchAt(one);
      const moved = await memberAt(frozen, 'moved');
      await memberAt(frozen, 'stayed');
      const ada = await WireClient.connect(frozen.port, '/sync?ada');
      await shows(watcher, ['moved', 'stayed']);
      frozen.child.kill('SIGSTOP');
      await shows(watcher, [], goneMs);
      await memberAt(one, 'moved');
      one.child.send('revoke ada');
      frozen.child.kill('SIGCONT');
      await shows(watcher, ['moved', 'stayed'], goneMs);
      expect(await ada.inbox.closed()).toBe(4423);
      const nodeOf = (name: string) =>
        [...watcher.mirror.values.values()].find(({ text }) => JSON.parse(text) === name)?.node;
      expect([nodeOf('moved'), nodeOf('stayed')]).toEqual([one.id, frozen.id]);
      // The old connection ends long after the new one was made, and its wait is over soon: nothing comes of it.
      const { offset } = watcher;
      moved.client.inbox.socket.terminate();
      const last = await memberAt(frozen, 'last');
      expect(await outcomeOf(last.client, 'leave', room, leaseOf('last'))).toBe('left');
      await comes(async () => {
        await watcher.members();
        expect(watcher.offset).toBe(offset + 2);
      }, 5000);
      await shows(watcher, ['moved', 'stayed']);
    },
    testMs,
  );

  it(
    '[N6] what is signalled at one node is heard at the others',
    async () => {
      const nodes = await start(2);
      const readers = await Promise.all(nodes.map(({ port }) => WireClient.connect(port, '/sync?reader')));
      for (const reader of readers) await reader.subscribe(room);
      const author = await WireClient.connect(nodes[0]?.port ?? 0, '/sync?author');
      // Whoever has only just opened the channel may not hear yet.
      const heard = readers.map((reader) => reader.expect('signals'));
      let all = false;
      void Promise.all(heard).then(() => {
        all = true;
      });
      for (let i = 0; !all; i++) await outcomeOf(author, 'signal', room, leaseOf('author'), i);
      for (const { signals } of await Promise.all(heard)) expect(signals[0]?.[1]).toBe('author');
    },
    testMs,
  );

  it(
    '[H5] [A3] nodes whose Redis hangs say so, to clients and to load balancers, refuse publishes, and go on when it does',
    async () => {
      const redis = await startRedis();
      const [one] = (await start(1, redis)) as [Started];
      const client = await WireClient.connect(one.port, '/sync?ada');
      await client.subscribe(room);
      const ready = async () => (await fetch(`http://localhost:${one.port}/sync/ready`)).status;
      expect(await ready()).toBe(200);
      redis.freeze();
      const { staleMs = 0 } = await client.expect('heartbeat');
      expect(staleMs).toBeGreaterThan(0);
      expect(await ready()).toBe(503);
      client.publish(room, 'hello', 'p', 1);
      expect(await client.expect('error')).toMatchObject({ code: 'unavailable' });
      redis.thaw();
      // What was published may come to be stored before or after that is told.
      const frames: ServerFrame[] = [];
      const taken = async (type: string, of: (frame: ServerFrame) => boolean) => {
        while (!frames.some((frame) => frame.type === type && of(frame))) frames.push(await client.frame());
      };
      await taken('heartbeat', (frame) => !('staleMs' in frame));
      expect(await ready()).toBe(200);
      // Nobody knows whether it was: so it is repeated, and stored once.
      const ref = client.publish(room, 'hello', 'p', 1);
      await taken('ack', (frame) => 'ref' in frame && frame.ref === ref);
      await taken('entries', () => true);
      const stored = frames.flatMap((frame) => (frame.type === 'entries' ? frame.entries : []));
      expect(stored).toEqual(['"hello"']);
      expect(await client.flush()).toEqual([]);
    },
    testMs,
  );
});
