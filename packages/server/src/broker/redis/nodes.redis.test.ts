/**
 * Nodes over a real Redis: the suite of all that know of nodes, by the time of Redis and with times cut short; and what only Redis
 * can do to it: keys that are lost or spoilt, junk on its topics, and what a sign of life costs.
 */
import { type Cancel, type Clock, systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { noRedis, type RedisServer, startRedis } from '../../testing/redis.ts';
import { type NodeSubject, type NodesSubject, nodesSuite } from '../nodes.suite.ts';
import { type Link, openLink } from './link.ts';
import { redisNodes } from './nodes.ts';

const [beatMs, goneMs] = [40, 400];

/** The machine's clock, but for timers that fire only while it isn't held. */
function holdable(): Clock & { hold(): void; go(): void } {
  const held: (() => void)[] = [];
  let holding = false;
  return {
    ...systemClock,
    timer: (ms, run): Cancel => {
      let live = true;
      const fire = (): void => {
        if (holding) held.push(fire);
        else if (live) run();
      };
      const cancel = systemClock.timer(ms, fire);
      return () => {
        live = false;
        cancel();
      };
    },
    hold: () => {
      holding = true;
    },
    go: () => {
      holding = false;
      for (const fire of held.splice(0)) fire();
    },
  };
}

async function setting() {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const link = (): Link => {
    const one = openLink({ target: { address: addressOf(redis) }, prefix: 'app' });
    onTestFinished(() => one.close());
    return one;
  };
  const join = async () => {
    const clock = holdable();
    const nodes = redisNodes(link(), { prefix: 'app', clock, beatMs, goneMs });
    onTestFinished(() => nodes.close());
    await nodes.ready;
    return { nodes, freeze: clock.hold, thaw: clock.go, close: () => nodes.close() };
  };
  return { redis, link, join };
}

function addressOf(redis: RedisServer) {
  return redis.port > 0 ? { host: '127.0.0.1', port: redis.port } : { path: redis.path };
}

const until = async (check: () => void | Promise<void>): Promise<void> => {
  await vi.waitFor(check, { timeout: 15_000, interval: 10 });
};

/** Another node that is silent from now on has been found gone, so any would. */
async function goneTime(join: () => Promise<NodeSubject>): Promise<void> {
  const [silent, witness] = [await join(), await join()];
  const told: string[] = [];
  witness.nodes.onGone((id) => told.push(id));
  silent.freeze();
  await until(() => expect(told).toContain(silent.nodes.id));
  await witness.close();
}

describe.skipIf(noRedis)('over Redis', () => {
  nodesSuite('nodes', async (): Promise<NodesSubject> => {
    const { join } = await setting();
    return { join, until, goneTime: () => goneTime(join) };
  });

  describe('nodes', () => {
    it('come to know each other again when Redis has lost everything', async () => {
      const { redis, join } = await setting();
      const [one, two] = [await join(), await join()];
      const told: string[] = [];
      two.nodes.onGone((id) => told.push(id));
      await redis.command('FLUSHALL');
      await until(() => expect(told).toContain(two.nodes.id));
      await until(async () => expect(await one.nodes.gone([two.nodes.id, one.nodes.id])).toEqual([]));
    });

    it('take nobody for gone when Redis itself was gone, for however long', async () => {
      const { redis, join } = await setting();
      const all = [await join(), await join(), await join()];
      const ids = all.map(({ nodes }) => nodes.id);
      const told: string[] = [];
      for (const { nodes } of all) nodes.onGone((id) => told.push(id));
      const beats = async () => Number(await redis.command('ZSCORE', 'app:{?nodes}:alive', ids[0] ?? ''));
      // As if it had stood still: what it noted last is older than a node may be silent. All at once, as nodes go on with their signs.
      const before = await beats();
      const age = `for i = 2, #ARGV do redis.call('ZINCRBY', KEYS[1], ARGV[1], ARGV[i]) end`;
      await redis.command('EVAL', age, '1', 'app:{?nodes}:alive', String(-3 * goneMs), ...ids, '?');
      for (const { nodes } of all) expect(await nodes.gone(ids)).toEqual([]);
      await until(async () => expect(await beats()).toBeGreaterThan(before + goneMs));
      expect(told).toEqual([]);
    });

    it.each(['alive', 'gone'])('go on when something else stands where they are listed: %s', async (key) => {
      const { redis, join } = await setting();
      const [one, two] = [await join(), await join()];
      await redis.command('SET', `app:{?nodes}:${key}`, 'junk');
      await until(async () => expect(await redis.command('TYPE', 'app:{?nodes}:alive')).toBe('zset'));
      await until(async () => expect(await one.nodes.gone([one.nodes.id, two.nodes.id])).toEqual([]));
    });

    it('pass over what stands in the list that no node can be called, and what is told that no node told', async () => {
      const { redis, link, join } = await setting();
      const [one, two] = [await join(), await join()];
      const told: string[] = [];
      const heard: string[] = [];
      one.nodes.onGone((id) => told.push(id));
      one.nodes.hear('topic', (text) => heard.push(text));
      await redis.command('ZADD', 'app:{?nodes}:alive', '1', 'no node: {}', '1', 'a-node');
      const stranger = link();
      await stranger.ready;
      await until(() => {
        for (const junk of ['', ' ', 'nothing', '{node} hello', ` ${'x'.repeat(2_000_000)}`])
          stranger.publish('app:t:{topic}', junk);
        two.nodes.tell('topic', 'hello');
        expect(heard).toContain('hello');
      });
      await until(() => expect(told).toEqual(['a-node']));
      expect(new Set(heard)).toEqual(new Set(['hello']));
    });

    it('give a sign of life by one command each, and hear a topic by one subscription, however many hear it', async () => {
      const { redis, join } = await setting();
      const { nodes } = await join();
      const stops = [1, 2, 3].map(() => nodes.hear('topic', () => {}));
      await until(async () =>
        expect(await redis.command('PUBSUB', 'NUMSUB', 'app:t:{topic}')).toEqual(['app:t:{topic}', 1]),
      );
      for (const stop of stops) stop();
      await until(async () =>
        expect(await redis.command('PUBSUB', 'NUMSUB', 'app:t:{topic}')).toEqual(['app:t:{topic}', 0]),
      );
      const calls = async () =>
        /cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.command('INFO', 'commandstats')))?.[1];
      const before = Number(await calls());
      await until(async () => expect(Number(await calls())).toBeGreaterThan(before));
      expect(await redis.command('ZRANGE', 'app:{?nodes}:alive', '0', '-1')).toEqual(['?', nodes.id]);
    });
  });
});
