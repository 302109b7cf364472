/** The memory broker: the brokers' suite, and the bound on its logs. */
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { brokerSuite } from './broker.suite.ts';
import { memory } from './memory.ts';
import { appendOf, rangeOf } from './testing.ts';

brokerSuite('memory', async () => {
  const clock = fakeClock();
  return { broker: memory({ clock }), clock };
});

describe('memory, bounded', () => {
  it('[P5] forgets the log used longest ago, which then begins another epoch', async () => {
    const broker = memory({ logsMax: 2 });
    const first = await broker.append('a', appendOf('1'));
    await broker.append('b', appendOf('1'));
    await broker.read('a', rangeOf());
    await broker.append('c', appendOf('1'));
    expect((await broker.read('a', rangeOf())).epoch).toBe(first.epoch);
    expect((await broker.read('b', rangeOf())).top.offset).toBe(0);
  });

  it('forgets names that were only read before a log that holds something', async () => {
    const broker = memory({ logsMax: 3 });
    const { epoch } = await broker.append('kept', appendOf('1'));
    for (let i = 0; i < 20; i++) await broker.read(`read${i}`, rangeOf());
    expect(await broker.read('kept', rangeOf())).toMatchObject({ epoch, top: { offset: 1 } });
  });

  it('never forgets a log that somebody listens to, until they stop', async () => {
    const broker = memory({ logsMax: 1 });
    const stop = broker.listen('a', () => {});
    const { epoch } = await broker.append('a', appendOf('1'));
    for (const channel of ['b', 'c', 'd']) await broker.append(channel, appendOf('1'));
    expect((await broker.read('a', rangeOf())).epoch).toBe(epoch);
    stop();
    for (const channel of ['b', 'c']) await broker.append(channel, appendOf('1'));
    expect((await broker.read('a', rangeOf())).epoch).not.toBe(epoch);
  });
});
