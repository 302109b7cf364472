/**
 * Several brokers on one Redis: what one appends the others are told, in one order that is the same for all, each entry once; what was
 * lost on the way is found; and what anyone else may publish there is dropped.
 */
import { systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { noRedis } from '../../testing/redis.ts';
import type { Broker } from '../broker.ts';
import { appendOf, data, ear, expectWhole, offsets, rangeOf, refusal } from '../testing.ts';
import { brokerOn, newsOf, redisFor, toldOffsets } from './testing.ts';

async function pair() {
  const server = await redisFor();
  const [one, two] = await Promise.all([brokerOn(server), brokerOn(server)]);
  return { server, one, two };
}

/** Resolves when announcements are heard. */
const listening = (broker: Broker, channel = 'c') => broker.read(channel, rangeOf());

describe.skipIf(noRedis)('brokers on one Redis', () => {
  it('each is told what the other appends, and who and when', async () => {
    const { one, two } = await pair();
    const [heardByOne, heardByTwo] = [ear(one, 'c'), ear(two, 'c')];
    await Promise.all([listening(one), listening(two)]);
    await one.append('c', appendOf('"from one"', { from: 'ann' }));
    await two.append('c', appendOf(Uint8Array.of(0, 255, 10)));
    await Promise.all([heardByOne.until(2), heardByTwo.until(2)]);
    const { entries } = await one.read('c', rangeOf());
    expect(heardByOne.heard).toEqual(entries);
    expect(heardByTwo.heard).toEqual(entries);
    expect(entries.map(({ from }) => from)).toEqual(['ann', null]);
  });

  it('[P1] [P3] appends that race are numbered without a hole and told in that order by both, each once', async () => {
    const { one, two } = await pair();
    const [heardByOne, heardByTwo] = [newsOf(one, 'c'), newsOf(two, 'c')];
    await Promise.all([listening(one), listening(two)]);
    const count = 300;
    const appendAll = async (broker: Broker, name: string) => {
      for (let i = 0; i < count; i += 3)
        await Promise.all([0, 1, 2].map((n) => broker.append('c', appendOf(`"${name} ${i + n}"`))));
    };
    await Promise.all([appendAll(one, 'one'), appendAll(two, 'two')]);
    const slice = await one.read('c', rangeOf());
    expectWhole(slice);
    expect(offsets(slice)).toEqual(Array.from({ length: 2 * count }, (_, i) => i + 1));
    for (const heard of [heardByOne, heardByTwo]) {
      await expect.poll(() => heard.at(-1)?.top.offset).toBe(2 * count);
      // On a machine that is busy something may be missing for so long that it is left to whoever listens to read it.
      const told = heard.flatMap(({ entries }) => entries);
      const known = new Set(told.map(({ offset }) => offset));
      expect(told).toEqual(slice.entries.filter(({ offset }) => known.has(offset)));
      expect(told.length).toBeGreaterThan(count);
    }
  });

  it('[A4] an author has its answer no later than in the turn in which its entry is told', async () => {
    const { one, two } = await pair();
    let turn = 0;
    let counting = true;
    onTestFinished(() => {
      counting = false;
    });
    const count = () => {
      turn++;
      if (counting) systemClock.endOfTurn(count);
    };
    count();
    const toldIn = new Map<unknown, number>();
    const answeredIn = new Map<unknown, number>();
    onTestFinished(
      one.listen('c', ({ entries }) => {
        for (const entry of entries) toldIn.set(entry.data, turn);
      }),
    );
    await listening(one);
    const own = Array.from({ length: 100 }, (_, i) => `"own ${i}"`);
    for (let i = 0; i < own.length; i += 5) {
      const others = [1, 2].map(() => two.append('c', appendOf('"other"')));
      const some = own.slice(i, i + 5).map(async (text) => {
        await one.append('c', appendOf(text));
        answeredIn.set(text, turn);
      });
      await Promise.all([...others, ...some]);
    }
    await expect.poll(() => toldIn.size).toBe(own.length + 1);
    for (const text of own)
      expect(answeredIn.get(text), text).toBeLessThanOrEqual(toldIn.get(text) ?? Number.NaN);
  });

  it('[A2] a retry at another node is answered with the place it was first stored at', async () => {
    const { one, two } = await pair();
    const heard = newsOf(two, 'c');
    await listening(two);
    const once = appendOf('1', { producer: { id: 'ann/p', sequence: 1 } });
    const first = await one.append('c', once);
    expect(await two.append('c', once)).toEqual({ ...first, duplicate: true });
    expect(
      await refusal(two.append('c', appendOf('3', { producer: { id: 'ann/p', sequence: 3 } }))),
    ).toMatchObject({ code: 'sequence', detail: { expected: 2 } });
    await two.append('c', appendOf('2', { producer: { id: 'ann/p', sequence: 2 } }));
    await expect.poll(() => toldOffsets(heard)).toEqual([1, 2]);
  });

  it('only one of those who set a key at the same place succeeds', async () => {
    const { one, two } = await pair();
    for (let at = 0; at < 20; at++) {
      const racing = [one, two, one, two].map((broker) =>
        broker.append('c', appendOf('1', { key: 'k', ifKeyAt: at })),
      );
      const outcomes = await Promise.allSettled(racing);
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    }
    expect((await one.read('c', rangeOf())).top.offset).toBe(20);
  });

  it('a first append that races a first read, or another one, gives one epoch', async () => {
    const { one, two } = await pair();
    for (let i = 0; i < 100; i++) {
      const channel = `fresh/${i}`;
      const heard = newsOf(two, channel);
      const [slice, appended, other] = await Promise.all([
        two.read(channel, rangeOf()),
        one.append(channel, appendOf('1')),
        two.append(channel, appendOf('2')),
      ]);
      expect(new Set([slice.epoch, appended.epoch, other.epoch]).size).toBe(1);
      await expect.poll(() => heard.at(-1)?.top.offset).toBe(2);
      // Where the answer to its own append comes first, of the other one is told only that it is there.
      const told = toldOffsets(heard).filter((offset) => offset > slice.top.offset);
      expect([[], [2], [1, 2]]).toContainEqual(told);
    }
  });

  it('entries too large to be announced are told of, and read', async () => {
    const { one, two } = await pair();
    const heard = newsOf(two, 'c');
    await listening(two);
    const large = 'x'.repeat(1024 * 1024);
    await one.append('c', appendOf(large));
    await expect.poll(() => heard).toMatchObject([{ top: { offset: 1 }, entries: [] }]);
    expect(data(await two.read('c', rangeOf({ bytesMax: 1 })))).toEqual([large]);
    await one.append('c', appendOf('"small"'));
    await expect
      .poll(() => heard.at(-1))
      .toMatchObject({ top: { offset: 2 }, entries: [{ data: '"small"' }] });
  });

  it('a last announcement that was lost is found within five seconds', async () => {
    const { server, one, two } = await pair();
    // What this one announces, nobody hears: it publishes as in a Cluster.
    const unheard = await brokerOn(server, { sharded: true });
    const heard = newsOf(two, 'c');
    await one.append('c', appendOf('1'));
    await expect.poll(() => heard.at(-1)?.top.offset).toBe(1);
    const begun = systemClock.now();
    const { epoch, offset, check } = await unheard.append('c', appendOf('2'));
    await expect.poll(() => heard.length, { timeout: 6000 }).toBe(2);
    expect(systemClock.now() - begun).toBeLessThan(5000);
    expect(heard[1]).toMatchObject({ epoch, top: { offset, check }, entries: [] });
    // And what comes then follows.
    await one.append('c', appendOf('3'));
    await expect.poll(() => heard.at(-1)).toMatchObject({ entries: [{ offset: 3 }] });
  });

  it('what is stored is acknowledged though it could not be announced', async () => {
    const { server, one } = await pair();
    await one.append('c', appendOf('1'));
    await server.command('ACL', 'SETUSER', 'default', '-publish');
    expect(await one.append('c', appendOf('2'))).toMatchObject({ offset: 2, duplicate: false });
    expect((await one.read('c', rangeOf())).top.offset).toBe(2);
  });

  it('what else is published there is dropped and counted, and harms nothing', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { server, one, two } = await pair();
    const heard = newsOf(two, 'c');
    const { epoch } = await listening(two);
    const hostile = [
      '',
      'null',
      '{"__proto__":{"x":1}}',
      '1 a b',
      `1 rogue ${epoch} 5 5 1\n`,
      `1 rogue ${epoch} 5 5 1\n5 5 0 0 9\nabc`,
      `1 rogue ${epoch} 5 5 1\n5 5 0 0 3\nabcd`,
      `1 rogue ${epoch} 5 6 1\n5 5 0 0 3\nabc`,
      `1 rogue ${epoch} 1 5 9\n${'5 5 0 0 3\nabc'.repeat(9)}`,
      `1 rogue ${epoch} -5 5 0\n`,
      `1 rogue ${epoch} "5" 5 0\n`,
      `2 rogue ${epoch} 5 5 0\n`,
      `1 ro gue ${epoch} 5 5 0\n`,
      `1 rogue ${'e'.repeat(65)} 5 5 0\n`,
      `1 rogue ${epoch} 99999999999999999999 5 0\n`,
      `1 rogue ${epoch} 1 5 1\n5 5 7 0 3\nabc`,
      'x'.repeat(2 * 1024 * 1024),
    ];
    for (const message of hostile) await server.command('PUBLISH', 'app:{c}', message);
    await expect.poll(() => two.troubles.messagesDropped).toBe(hostile.length);
    await one.append('c', appendOf('1'));
    await expect.poll(() => toldOffsets(heard)).toEqual([1]);
    expect(heard.length).toBe(1);
    expect(warned.mock.calls.length).toBe(1);
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('was dropped'));
  });

  it('a message that lies makes whoever listens read, and what is read is the truth', async () => {
    const { server, one, two } = await pair();
    const heard = newsOf(two, 'c');
    await one.append('c', appendOf('1'));
    const before = await listening(two);
    await server.command('PUBLISH', 'app:{c}', `1 rogue ${before.epoch} 2 77 1\n77 5 0 0 5\n"lie"`);
    await server.command('PUBLISH', 'app:{c}', '1 rogue another 7 7 0\n');
    await expect.poll(() => heard.length).toBe(2);
    expect(await two.read('c', rangeOf())).toEqual(before);
    await one.append('c', appendOf('2'));
    await expect.poll(() => heard.at(-1)).toMatchObject({ epoch: before.epoch, top: { offset: 2 } });
  });
});
