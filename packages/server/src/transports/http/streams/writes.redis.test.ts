/**
 * A producer that sends several requests at once, each to whichever of two nodes and some of them twice, on one real Redis: what the log
 * holds in the end is each message once, in the order of the requests. Chance is seeded.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { seeded } from '@syncline/protocol/testing';
import { expect, it, onTestFinished } from 'vitest';
import { redis } from '../../../broker/redis.ts';
import { gate } from '../../../testing/meddle.ts';
import { noRedis, startRedis } from '../../../testing/redis.ts';
import { serveChannels } from '../../../testing/serve.ts';

const channels = defineChannels({ 'chat/:room': stream({ keep: { entries: 10_000 } }) });
const plenty = { requestsPerSecondMax: 1_000_000, requestsBurstMax: 1_000_000 };
const requests = 60;
const atOnce = 5;

it.skipIf(noRedis).each([1, 2, 3])(
  '[P19] a producer’s messages are stored once and in order, whichever nodes it asks at once: seed %i',
  async (seed) => {
    const random = seeded(seed);
    const log = await startRedis({ tcp: true });
    onTestFinished(() => log.stop());
    const nodes = [];
    for (const _ of [1, 2])
      nodes.push(await serveChannels(channels, { broker: redis({ url: log.url }), ...plenty }));
    await Promise.all(nodes.map(({ server }) => server.ready));
    const urls = nodes.map(({ port }) => `http://localhost:${port}/sync/streams/chat/x`);
    const sizes = Array.from({ length: requests }, () => 1 + Math.floor(random() * 80));
    const bodies = sizes.map((size, seq) => Array.from({ length: size }, (_, i) => `${seq}.${i}`));
    const done = sizes.map(() => gate());
    const refusals = { gaps: 0 };

    const post = (seq: number) =>
      fetch(urls[Math.floor(random() * urls.length)] ?? '', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...{ 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': String(seq) },
        },
        body: JSON.stringify(bodies[seq]),
      });
    const send = async (seq: number): Promise<void> => {
      const copies = random() < 0.3 ? [post(seq), post(seq)] : [post(seq)];
      const statuses = (await Promise.all(copies)).map(({ status }) => status);
      if (statuses.some((status) => status < 300)) return done[seq]?.open();
      expect(new Set(statuses)).toEqual(new Set([409]));
      refusals.gaps++;
      await Promise.all(done.slice(0, seq).map(({ passed }) => passed));
      await send(seq);
    };
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < requests) await send(next++);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    expect(refusals.gaps).toBeGreaterThan(0);
    const messages: string[] = [];
    for (let at = '-1'; ; ) {
      const answer = await fetch(`${urls[0]}?offset=${at}`);
      messages.push(...((await answer.json()) as string[]));
      at = answer.headers.get('stream-next-offset') ?? '';
      if (answer.headers.has('stream-up-to-date')) break;
    }
    expect(messages).toEqual(bodies.flat());
  },
);
