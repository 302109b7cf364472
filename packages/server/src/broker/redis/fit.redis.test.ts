/**
 * Which Redis a node takes at its start: by TLS, by user and password, by version, role and mode. Each refusal is one sentence that
 * says what to do; those that no waiting mends come at once.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { makePair } from '../../testing/certificates.ts';
import {
  noRedis,
  type RedisServer,
  type RedisSettings,
  replicaOf,
  startCluster,
  startRedis,
  startSentinel,
} from '../../testing/redis.ts';
import { type Link, openLink } from './link.ts';
import { type RedisOptions, resolveRedis } from './options.ts';
import { scriptOf } from './scripts.ts';

const count = scriptOf('count', "return redis.call('INCR', KEYS[1])");

/** What runs beside others ends with its own test. */
type Test = Pick<TestContext, 'expect' | 'onTestFinished'>;

async function redisFor(test: Test, settings: RedisSettings = {}): Promise<RedisServer> {
  const redis = await startRedis(settings);
  test.onTestFinished(() => redis.stop());
  return redis;
}

function linkBy(test: Test, options: RedisOptions): Link {
  const link = openLink(resolveRedis({ prefix: 'app', ...options }).link);
  test.onTestFinished(() => link.close());
  return link;
}

async function works(test: Test, link: Link): Promise<void> {
  await link.ready;
  const heard: string[] = [];
  await link.subscribe('app:{a}', (message) => heard.push(String(message)));
  link.publish('app:{a}', 'x');
  await test.expect.poll(() => heard).toEqual(['x']);
  expect(await link.run(count, 'app:{a}:m', ['app:{a}:m'], [])).toBeTypeOf('number');
}

const refused = (link: Link, code: string, message: RegExp): Promise<void> =>
  expect(link.ready).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

/** A certificate for this machine, as text and as files. */
async function certificate(test: Test) {
  const pair = await makePair();
  const dir = mkdtempSync(join(tmpdir(), 'syncline-tls-'));
  test.onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const tls = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  for (const part of ['cert', 'key'] as const) writeFileSync(tls[part], pair[part]);
  return { text: pair.cert, tls };
}

/** A server that answers every command with this, once it has come. */
async function fake(test: Test, answer: (command: string) => string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      for (const command of bytes.toString('latin1').split(/(?=\*\d+\r\n\$)/)) socket.write(answer(command));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.onTestFinished(() => void server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(noRedis).concurrent('a Redis that a node starts with', () => {
  it('is spoken to by TLS, as far as its certificate is trusted', async (test) => {
    const { text, tls } = await certificate(test);
    const redis = await redisFor(test, { tls });
    expect(redis.url).toMatch(/^rediss:/);
    await works(test, linkBy(test, { url: redis.url, tls: { ca: tls.cert } }));
    await works(
      test,
      linkBy(test, {
        url: redis.url.replace('127.0.0.1', 'localhost'),
        tls: { ca: text },
      }),
    );
    await refused(linkBy(test, { url: redis.url, startMs: 2000 }), 'unavailable', /self-signed certificate/);
    const other = await makePair();
    await refused(
      linkBy(test, { url: redis.url, tls: { ca: other.cert }, startMs: 2000 }),
      'unavailable',
      /^Redis can't be used: /,
    );
    // Plain text to a TLS port says nothing that can be understood.
    await refused(
      linkBy(test, { url: redis.url.replace('rediss', 'redis'), startMs: 2000 }),
      'unavailable',
      /./,
    );
  });

  it('is spoken to by TLS also where it is a Cluster: the addresses that its nodes name are those for TLS', async (test) => {
    const { tls } = await certificate(test);
    const cluster = await startCluster({ tls });
    test.onTestFinished(() => cluster.stop());
    const nodes = cluster.masters.map(({ port }) => `127.0.0.1:${port}`);
    const link = linkBy(test, { cluster: nodes.slice(0, 1), tls: { ca: tls.cert } });
    await works(test, link);
    for (const tag of ['a', 'b', 'c', 'd', 'e', 'f'])
      expect(await link.run(count, `app:{${tag}}:n`, [`app:{${tag}}:n`], [])).toBe(1);
    const sizes = await Promise.all(cluster.masters.map((node) => node.command('DBSIZE')));
    expect(sizes.every((size) => Number(size) > 0)).toBe(true);
    const other = await startCluster({ tls, args: ['--tls-cluster', 'no'] });
    test.onTestFinished(() => other.stop());
    await refused(
      linkBy(test, {
        cluster: [`127.0.0.1:${other.masters[0]?.port}`],
        tls: { ca: tls.cert },
        startMs: 600_000,
      }),
      'bad_option',
      /names no ports for TLS: set `tls-cluster yes`/,
    );
  }, 60_000);

  it('asks for a password, and is told it', async (test) => {
    const redis = await redisFor(test, { args: ['--requirepass', 'secret'], password: 'secret' });
    await works(test, linkBy(test, { url: `unix://${redis.path}`, password: 'secret' }));
    await works(test, linkBy(test, { url: `unix://${redis.path}`, password: async () => 'secret' }));
    // At once: nobody waits for the 10 s that a Redis has to be there.
    await refused(
      linkBy(test, { url: `unix://${redis.path}`, password: 'other', startMs: 600_000 }),
      'unavailable',
      /WRONGPASS/,
    );
    await refused(linkBy(test, { url: `unix://${redis.path}`, startMs: 600_000 }), 'unavailable', /NOAUTH/);
  });

  it('has a user who may do what is needed and no more', async (test) => {
    const redis = await redisFor(test);
    const user = async (name: string, ...rules: string[]): Promise<Link> => {
      await redis.command('ACL', 'SETUSER', name, 'on', '>p', ...rules);
      return linkBy(test, { url: `unix://${redis.path}`, username: name, password: 'p', startMs: 600_000 });
    };
    const all = ['+@all', '-@admin', '-@dangerous'];
    await works(test, await user('fine', '~app:*', '&app:*', ...all));
    await refused(await user('keys', '~other:*', '&app:*', ...all), 'bad_option', /may not do TYPE, .*XADD/);
    await refused(
      await user('topics', '~app:*', 'resetchannels', ...all),
      'bad_option',
      /may not do PUBLISH, SUBSCRIBE on what begins with "app:"\. Allow it: ACL SETUSER <user> \+@all -@admin -@dangerous ~app:\* &app:\*$/,
    );
    await refused(
      await user('xadd', '~app:*', '&app:*', ...all, '-xadd'),
      'bad_option',
      /may not do XADD on/,
    );
    await refused(
      await user('eval', '~app:*', '&app:*', ...all, '-eval'),
      'bad_option',
      /may not do EVAL on/,
    );
  });

  it('has the user that the guide names, who may do all that is needed', async (test) => {
    const redis = await redisFor(test, { tcp: true });
    const replica = await replicaOf(redis);
    test.onTestFinished(() => replica.stop());
    const guide = readFileSync(new URL('../../../../../docs/guide/scaling.md', import.meta.url), 'utf8');
    const [, line = ''] = /`(ACL SETUSER syncline [^`]+)`/.exec(guide) ?? [];
    const [, , , ...rules] = line.replaceAll('syncline:', 'app:').split(' ');
    expect(rules).toContain('~app:*');
    await redis.command('ACL', 'SETUSER', 'syncline', ...rules);
    const options: RedisOptions = { url: redis.url, username: 'syncline', password: 'secret' };
    await works(test, linkBy(test, { ...options, ack: 'replicated' }));
    for (const [command, ...more] of [['KEYS', '*'], ['FLUSHALL'], ['CONFIG', 'GET', '*']])
      expect(
        await redis.command('ACL', 'DRYRUN', 'syncline', command ?? '', ...more),
        `${command} is nothing that it needs`,
      ).toMatch(/has no permissions/);
  });

  it('has a user who may ask after replicas, where that is to be done', async (test) => {
    const redis = await redisFor(test, { tcp: true });
    const replica = await replicaOf(redis);
    test.onTestFinished(() => replica.stop());
    const rules = ['on', '>p', '~app:*', '&app:*', '+@all', '-@admin', '-@dangerous'];
    await redis.command('ACL', 'SETUSER', 'fine', ...rules);
    await redis.command('ACL', 'SETUSER', 'less', ...rules, '-wait');
    const as = (username: string): Link =>
      linkBy(test, { url: redis.url, username, password: 'p', ack: 'replicated', startMs: 600_000 });
    await refused(as('less'), 'bad_option', /may not do WAIT on/);
    await works(test, linkBy(test, { url: redis.url, username: 'less', password: 'p' }));
    const link = as('fine');
    await link.ready;
    const write = () =>
      link.runReplicated(count, 'app:{a}:m', ['app:{a}:m'], [], { replicasMin: 1, ms: 2000 });
    expect(await write()).toEqual({ reply: 2, replicas: 1 });
    // It is taken away while the node runs: what was stored all the same must not be called refused.
    await redis.command('ACL', 'SETUSER', 'fine', '-wait');
    await expect(write()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await redis.command('GET', 'app:{a}:m')).toBe('3');
  });

  it('is a master, and no Sentinel, nor of the other mode', async (test) => {
    const redis = await redisFor(test, { tcp: true });
    const replica = await replicaOf(redis);
    test.onTestFinished(() => replica.stop());
    await refused(linkBy(test, { url: replica.url, startMs: 2000 }), 'unavailable', /is a replica/);
    await refused(
      linkBy(test, { cluster: [`127.0.0.1:${redis.port}`] }),
      'bad_option',
      /belongs to no Cluster: .*`url`/,
    );
  });

  it('is named by the option for it where it is a Sentinel or of a Cluster', async (test) => {
    const [sentinel, cluster] = [await startSentinel(), await startCluster()];
    test.onTestFinished(() => sentinel.stop());
    test.onTestFinished(() => cluster.stop());
    await refused(
      linkBy(test, { url: `redis://127.0.0.1:${sentinel.sentinels[0]?.port}` }),
      'bad_option',
      /is a Sentinel, .*`sentinel:/,
    );
    await refused(
      linkBy(test, { url: `redis://127.0.0.1:${cluster.masters[0]?.port}` }),
      'bad_option',
      /belongs to a Cluster: .*`cluster`/,
    );
    const nodes = sentinel.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    await works(test, linkBy(test, { sentinel: { name: sentinel.name, nodes } }));
    await works(test, linkBy(test, { cluster: [`127.0.0.1:${cluster.masters[1]?.port}`] }));
  }, 40_000);

  it('is new enough', async (test) => {
    const hello = '%4\r\n+version\r\n+6.2.14\r\n+mode\r\n+standalone\r\n+role\r\n+master\r\n+proto\r\n:3\r\n';
    const url = await fake(test, (command) => (/HELLO/i.test(command) ? hello : '+OK\r\n'));
    await refused(
      linkBy(test, { url }),
      'bad_option',
      /has version 6\.2\.14, and 7\.0 is the oldest that will do: upgrade it/,
    );
  });

  it.for([
    ['text', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['half of a reply', '$100\r\nabc'],
    ['lists in lists', `${'*1\r\n'.repeat(20_000)}+x\r\n`],
    ['a length that nobody can have', '$999999999999999\r\n'],
    ['an error for everything', '-ERR no\r\n'],
    ['a redirection', '-MOVED __proto__ x:1\r\n'],
    ['replies to nothing', '+OK\r\n+OK\r\n+OK\r\n'],
    ['maps for everything', '%1\r\n+__proto__\r\n%1\r\n+polluted\r\n+yes\r\n'],
  ])('ends no node when it says %s', async ([, answer = ''], test) => {
    const url = await fake(test, () => answer);
    const link = linkBy(test, { url, startMs: 1000, commandMs: 100 });
    await expect(link.ready).rejects.toMatchObject({
      code: expect.stringMatching(/^(unavailable|bad_option)$/),
    });
    expect('polluted' in {}).toBe(false);
  });
});
