/**
 * What backends rely on where nodes are processes of their own, on a real Redis: what is repeated at another node is stored once, and
 * each event is told by one node, also when one of them is killed in the midst of it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ableKey, Backend } from '../testing/backend.ts';
import { leaseOf, outcomeOf } from '../testing/members.ts';
import { type Receiver, receiver } from '../testing/receiver.ts';
import { noRedis, startRedis } from '../testing/redis.ts';
import { WireClient } from '../testing/wire.ts';

const testMs = 60_000;
/** Members of a node that died are gone within so long. */
const goneMs = 15_000;

interface Node {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Three nodes on one Redis, with these options. */
async function start(options: object): Promise<readonly Node[]> {
  const redis = await startRedis();
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL');
    await redis.stop();
  });
  const script = new URL('../testing/node.fixture.ts', import.meta.url).pathname;
  const one = async (): Promise<Node> => {
    const child = fork(script, [redis.path, 'app', JSON.stringify(options)], { execArgv: [] });
    children.push(child);
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return { child, port };
  };
  return Promise.all([one(), one(), one()]);
}

const comes = (check: () => void, ms = 10_000): Promise<void> =>
  vi.waitFor(check, { timeout: ms, interval: 20 });
const told = ({ told: all }: Receiver, type: string) => all.filter((one) => one.type === type);

describe.skipIf(noRedis)('over a real Redis', () => {
  it('[W7] a message that is repeated at other nodes, at once and later, is stored once', {
    timeout: testMs,
  }, async () => {
    const { key, apiKey } = ableKey();
    const nodes = await start({ apiKeys: { backend: apiKey } });
    const backends = nodes.map(({ port }) => new Backend(port, key));
    const messages = Array.from({ length: 20 }, (_, n) => ({ channel: `chat/${n % 2}`, data: n }));
    const send = (backend: Backend) => backend.post('batch', { messages }, { 'Idempotency-Key': 'one' });
    const answers = [
      ...(await Promise.all([...backends, ...backends].map(send))),
      ...(await Promise.all(backends.map(send))),
    ];
    const places = answers.map(({ body }) =>
      (body['results'] as readonly { epoch: string; offset: number }[]).map(
        ({ epoch, offset }) => `${epoch} ${offset}`,
      ),
    );
    expect(new Set(places[0]).size).toBe(20);
    for (const one of places) expect(one).toEqual(places[0]);
    for (const channel of ['chat/0', 'chat/1']) {
      const { body } = await (backends[0] as Backend).get('history', { channel });
      expect(body['entries']).toHaveLength(10);
    }
  });

  it('[W8] each event is told once, also of the members of a node that is killed', {
    timeout: testMs,
  }, async () => {
    const hook = await receiver();
    const nodes = await start({ webhooks: [{ url: hook.url, secret: hook.secret, channels: ['*'] }] });
    const clients = await Promise.all(
      nodes.map(async ({ port }, n) => {
        const client = await WireClient.connect(port, `/sync?user${n}`);
        return { client, key: await outcomeOf(client, 'enter', 'chat/x', leaseOf(`l${n}`), n) };
      }),
    );
    for (let n = 0; n < 30; n++)
      clients[n % 3]?.client.publish('chat/x', n, `p${n % 3}`, 1 + Math.floor(n / 3));
    await comes(() => expect(told(hook, 'appended')).toHaveLength(30));
    await comes(() => expect(told(hook, 'joined')).toHaveLength(3));
    nodes[2]?.child.kill('SIGKILL');
    await comes(() => expect(told(hook, 'left')).toHaveLength(1), goneMs);
    expect(told(hook, 'left')[0]?.data).toMatchObject({ key: clients[2]?.key, user: 'user2' });
    clients[0]?.client.publish('chat/x', 'last', 'p0', 11);
    await comes(() => expect(told(hook, 'appended')).toHaveLength(31));
    expect(new Set(hook.told.map(({ id }) => id)).size).toBe(hook.told.length);
    expect(hook.told).toHaveLength(35);
    expect(hook.told.every(({ signed }) => signed)).toBe(true);
  });
});
