/** The order of a log's news: each entry told once and in turn, waits that end, and logs that turn out to be another one. */
import { fakeClock } from '@syncline/protocol/testing';
import { type Entry, nextCheck } from '@syncline/protocol/wire';
import { describe, expect, it } from 'vitest';
import type { Announcement } from '../broker.ts';
import { Order } from './order.ts';

/** News of entries `from` to `to` of a log with these payloads. */
function newsOf(
  from: number,
  to: number,
  epoch = 'e',
  payload = (offset: number) => `"${offset}"`,
): Announcement {
  const entries: Entry[] = [];
  let check = 0;
  for (let offset = 1; offset <= to; offset++) {
    const data = payload(offset);
    check = nextCheck(check, data);
    if (offset >= from) entries.push({ offset, check, at: 1, from: null, data });
  }
  return { epoch, top: { offset: to, check }, entries };
}

const topOf = (offset: number, epoch = 'e') => {
  const { top } = newsOf(offset, offset, epoch);
  return { epoch, ...top };
};

function begun() {
  const clock = fakeClock();
  const told: Announcement[] = [];
  const order = new Order(clock, (news) => told.push(news));
  const offsets = () => told.flatMap(({ entries }) => entries.map(({ offset }) => offset));
  return { clock, told, order, offsets };
}

describe('the order of news', () => {
  it('tells each entry once, whether it comes by this node’s own answer, by message, or both', () => {
    const { order, offsets } = begun();
    order.begin();
    order.settle(newsOf(1, 3));
    order.hear({ ...newsOf(3, 3), entries: [] }, true);
    order.hear(newsOf(1, 3), false);
    order.hear(newsOf(2, 5), false);
    order.hear(newsOf(4, 5), false);
    expect(offsets()).toEqual([1, 2, 3, 4, 5]);
  });

  it('what comes early waits for what is missing before it', async () => {
    const { clock, order, offsets, told } = begun();
    order.hear(newsOf(1, 1), false);
    order.hear(newsOf(4, 4), false);
    order.hear(newsOf(3, 3), false);
    expect(offsets()).toEqual([1]);
    order.hear(newsOf(2, 2), false);
    expect(offsets()).toEqual([1, 2, 3, 4]);
    await clock.advance(1000);
    expect(told.length).toBe(4);
    expect(clock.timers).toBe(0);
  });

  it('what is missing for 100 ms is not waited for: only is told where the log ends', async () => {
    const { clock, order, told } = begun();
    order.hear(newsOf(1, 1), false);
    order.hear(newsOf(5, 6), false);
    order.hear(newsOf(3, 3), false);
    await clock.advance(99);
    expect(told.length).toBe(1);
    await clock.advance(1);
    expect(told.slice(1)).toEqual([{ ...newsOf(6, 6), entries: [] }]);
    order.hear(newsOf(7, 7), false);
    expect(told.at(-1)).toEqual(newsOf(7, 7));
    order.hear(newsOf(2, 4), false);
    expect(told.length).toBe(3);
  });

  it('so much waits, and no more', () => {
    const { order, told } = begun();
    order.hear(newsOf(1, 1), false);
    for (let offset = 3; offset < 1000 && told.length === 1; offset++)
      order.hear(newsOf(offset, offset), false);
    expect(told.at(-1)).toMatchObject({ top: { offset: 258 }, entries: [] });
  });

  it('own messages wait until their append is answered, and stand in for an answer that was lost', () => {
    const { order, told, offsets } = begun();
    order.hear(newsOf(1, 1), false);
    order.begin();
    order.hear({ ...newsOf(2, 2), entries: [] }, true);
    expect(told.length).toBe(1);
    order.settle();
    expect(told.at(-1)).toMatchObject({ top: { offset: 2 }, entries: [] });
    order.hear(newsOf(3, 3), false);
    expect(offsets()).toEqual([1, 3]);
  });

  it('[P3] entries that contradict what was told are told as a log that was rolled back', () => {
    const { order, told } = begun();
    order.hear(newsOf(1, 5), false);
    const other = newsOf(4, 4, 'e', (offset) => (offset === 4 ? '"other"' : `"${offset}"`));
    order.hear(other, false);
    expect(told.at(-1)).toEqual({ ...other, asked: true });
    const next = newsOf(5, 5, 'e', (offset) => (offset === 4 ? '"other"' : `"${offset}"`));
    order.hear(next, false);
    expect(told.at(-1)).toEqual(next);
  });

  it('another epoch is told as it comes, and what waited for the old one is forgotten', async () => {
    const { clock, order, told } = begun();
    order.hear(newsOf(1, 1), false);
    order.hear(newsOf(3, 3), false);
    order.hear(newsOf(1, 1, 'f'), false);
    await clock.advance(1000);
    expect(told.map(({ epoch, top }) => [epoch, top.offset])).toEqual([
      ['e', 1],
      ['f', 1],
    ]);
  });

  describe('a look at the head', () => {
    it('that shows what is known tells nothing, and nothing does that was overtaken', async () => {
      const { clock, order, told } = begun();
      order.hear(newsOf(1, 3), false);
      order.look(order.told, topOf(3));
      const before = order.told;
      order.hear(newsOf(4, 6), false);
      order.look(before, topOf(4));
      order.look(before, topOf(3));
      order.look(before, topOf(9, 'f'));
      await clock.advance(1000);
      expect(told.length).toBe(2);
    });

    it('that goes beyond what was told waits for the message a moment, and then tells it', async () => {
      const { clock, order, told, offsets } = begun();
      order.hear(newsOf(1, 1), false);
      order.look(order.told, topOf(2));
      order.hear(newsOf(2, 2), false);
      await clock.advance(1000);
      expect(told.length).toBe(2);
      order.look(order.told, topOf(4));
      await clock.advance(100);
      expect(told.at(-1)).toMatchObject({ top: { offset: 4 }, entries: [] });
      order.hear(newsOf(5, 5), false);
      expect(offsets()).toEqual([1, 2, 5]);
    });

    it('that ends before what was told, or at another check, tells a log that was rolled back', () => {
      const { order, told } = begun();
      order.hear(newsOf(1, 5), false);
      order.look(order.told, topOf(3));
      expect(told.at(-1)).toMatchObject({ top: { offset: 3 }, entries: [], asked: true });
      order.hear(newsOf(4, 5), false);
      order.look(order.told, { epoch: 'e', offset: 5, check: 1 });
      expect(told.at(-1)).toMatchObject({ top: { offset: 5, check: 1 }, asked: true });
    });

    it('tells another epoch, that there is no log, and the head of one of which nothing is known', () => {
      const { order, told } = begun();
      order.look(undefined, topOf(2));
      expect(told.at(-1)).toMatchObject({ epoch: 'e', top: { offset: 2 }, asked: true });
      order.look(order.told, topOf(1, 'f'));
      expect(told.at(-1)).toMatchObject({ epoch: 'f', top: { offset: 1 }, asked: true });
      order.look(order.told, undefined);
      expect(told.at(-1)).toMatchObject({ epoch: '', top: { offset: 0 }, asked: true });
      order.look(order.told, undefined);
      expect(told.length).toBe(3);
    });
  });

  it('tells nothing once it is stopped', async () => {
    const { clock, order, told } = begun();
    order.hear(newsOf(1, 1), false);
    order.hear(newsOf(3, 3), false);
    order.stop();
    await clock.advance(1000);
    expect(told.length).toBe(1);
  });

  it('waits no longer than ever when it goes on after it was stopped while something waited', async () => {
    const { clock, order, told } = begun();
    order.hear(newsOf(1, 1), false);
    order.hear(newsOf(3, 3), false);
    order.stop();
    order.hear(newsOf(5, 5), false);
    await clock.advance(100);
    expect(told.at(-1)).toMatchObject({ top: { offset: 5 }, entries: [] });
  });
});
