/**
 * What may be given to redis() and what comes of it: a table of right and wrong values, none of which connects to anything. No
 * message shows a password.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { type RedisOptions, redisOptions, resolveRedis } from './options.ts';

const url = 'redis://localhost';

function refusal(options: unknown): SyncError {
  try {
    resolveRedis(options as RedisOptions);
  } catch (thrown) {
    if (thrown instanceof SyncError) return thrown;
    throw thrown;
  }
  throw new Error('It was not refused.');
}

describe('options of redis()', () => {
  it('take one Redis by its address', async () => {
    const { link, sharded, replicas } = resolveRedis({ url: 'redis://ann:p%40ss@example.org:7000' });
    expect(link.target).toEqual({ address: { host: 'example.org', port: 7000 } });
    expect([link.username, await link.password?.(), link.tls, sharded, replicas]).toEqual([
      'ann',
      'p@ss',
      undefined,
      false,
      undefined,
    ]);
    expect(resolveRedis({ url: 'rediss://h' }).link.tls?.()).toEqual({});
    expect(resolveRedis({ url }).link.target).toEqual({ address: { host: 'localhost', port: 6379 } });
    expect(resolveRedis({ url: 'redis://[::1]:7000/0' }).link.target).toEqual({
      address: { host: '::1', port: 7000 },
    });
    expect(resolveRedis({ url: 'unix:///run/redis.sock' }).link.target).toEqual({
      address: { path: '/run/redis.sock' },
    });
  });

  it('take Sentinels and Clusters', async () => {
    const sentinel = { name: 'main', nodes: ['a:1', 'b'], password: () => 'secret', tls: true };
    const { target } = resolveRedis({ sentinel }).link;
    expect(target).toMatchObject({
      sentinel: {
        name: 'main',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
        ],
      },
    });
    expect('sentinel' in target && (await target.sentinel.password?.())).toBe('secret');
    const { link, sharded } = resolveRedis({ cluster: ['a:1'], addressMap: { '10.0.0.1:1': 'localhost:2' } });
    expect([link.target, link.addressMap, sharded]).toEqual([
      { cluster: [{ host: 'a', port: 1 }] },
      { '10.0.0.1:1': { host: 'localhost', port: 2 } },
      true,
    ]);
  });

  it('have the defaults of the table, and bounds', () => {
    expect(resolveRedis({ url })).toMatchObject({
      prefix: 'syncline',
      commandMs: 2000,
      opsQueuedMax: 100_000,
    });
    expect(resolveRedis({ url, ack: 'replicated' })).toMatchObject({
      replicas: { replicasMin: 1, ms: 1000 },
      link: { replicated: true },
    });
    for (const [name, row] of Object.entries(redisOptions)) {
      if (!('min' in row)) continue;
      for (const value of [row.min - 1, row.max + 1, 1.5, '5', Number.NaN, null])
        expect(refusal({ url, [name]: value }).message).toMatch(
          `Expected \`${name}\` to be a number from ${row.min} to ${row.max}, got `,
        );
      for (const value of [row.min, row.max])
        expect(() => resolveRedis({ url, [name]: value })).not.toThrow();
    }
  });

  it.each([
    [{}, 'Expected one of `url`, `sentinel` and `cluster`, got none.'],
    [{ url, cluster: ['a'] }, 'Expected one of `url`, `sentinel` and `cluster`, got url and cluster.'],
    [
      { url: 'http://localhost' },
      'Expected `url` to be an address such as "redis://host:6379", without a database, got',
    ],
    [{ url: 'redis://localhost/2' }, 'without a database'],
    [{ url: 'redis://localhost?db=2' }, 'without a database'],
    [{ url: 'redis://%zz@localhost' }, 'Expected `url`'],
    [{ url: 'redis://localhost:70000' }, 'Expected `url`'],
    [{ url: 'unix://' }, 'Expected `url`'],
    [{ url: 5 }, 'Expected `url`'],
    [{ sentinel: { name: 'main' } }, 'Expected `sentinel` to be an object { name, nodes }'],
    [{ sentinel: { name: 'main', nodes: [] } }, 'Expected `sentinel`'],
    [{ sentinel: { name: 'main', nodes: ['a'], other: 1 } }, 'Expected `sentinel`'],
    [{ sentinel: { name: 'main', nodes: ['a'], constructor: 'x' } }, 'Expected `sentinel`'],
    [{ cluster: [] }, 'Expected `cluster` to be a list of addresses such as "host:6379", got a list.'],
    [{ cluster: ['a:0'] }, 'Expected `cluster`'],
    [{ cluster: ['redis://a:1'] }, 'Expected `cluster`'],
    [
      { url, prefix: 'a{b}' },
      'Expected `prefix` to be a text of letters, digits, and . _ -, 64 of them at most, got "a{b}" (string).',
    ],
    [{ url, ack: 'all' }, 'Expected `ack` to be "stored" or "replicated", got "all" (string).'],
    [{ url, tls: { rejectUnauthorized: false } }, 'Expected `tls`'],
    [{ url, username: '' }, 'Expected `username` to be a name'],
    [{ url, addressMap: { a: 'b:0' } }, 'Expected `addressMap`'],
    [{ url, clock: {} }, 'Expected `clock` to be a clock'],
    [{ url, comandMs: 5 }, 'redis() has no option `comandMs`.'],
    [{ url, prefixed: 'x' }, 'redis() has no option `prefixed`; did you mean `prefix`?'],
    [{ url, ['__proto__x']: 1 }, 'redis() has no option'],
  ])('refuse %j', (options, message) => {
    const error = refusal(options);
    expect(error.code).toBe('bad_option');
    expect(error.message).toContain(message);
  });

  it('show no secret in a refusal', () => {
    for (const options of [
      { url: 'redis://user:hunter2@localhost/3' },
      { url, password: ['hunter2'] },
      { sentinel: { name: 'main', nodes: ['x'], password: { hunter2: 1 } } },
      { url, tls: 'hunter2' },
    ])
      expect(refusal(options).message).not.toContain('hunter2');
  });
});
