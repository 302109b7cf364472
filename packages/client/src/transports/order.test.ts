/**
 * Several transports as one, with transports that do what a test says and a clock that stands still: which is tried when, which is
 * taken, what is remembered, and that a better one is found again.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, test, vi } from 'vitest';
import { inOrder } from './order.ts';
import type { Link, LinkHandlers, Transport } from './transport.ts';

interface Opened extends Link {
  readonly url: string;
  readonly token: string | undefined;
  readonly tell: LinkHandlers;
  readonly sent: unknown[];
  closed: number | undefined;
}

/** A transport, and what was opened by it. */
function scripted(): Transport & { readonly opened: Opened[]; fault: Error | undefined } {
  const opened: Opened[] = [];
  const transport = {
    opened,
    fault: undefined as Error | undefined,
    open: (url: string, token: string | undefined, tell: LinkHandlers) => {
      if (transport.fault) throw transport.fault;
      const link: Opened = {
        url,
        token,
        tell,
        sent: [],
        closed: undefined,
        bufferedAmount: 7,
        send: (data) => void link.sent.push(data),
        close: (code = 1005) => {
          link.closed ??= code;
        },
      };
      opened.push(link);
      return link;
    },
  };
  return transport;
}

/** It works: it says something, and something more. */
function answers({ tell }: Opened): void {
  tell.message('welcome');
  tell.message('an answer');
}

let hosts = 0;

function scene(count = 3) {
  const clock = fakeClock();
  const all = Array.from({ length: count }, scripted);
  const url = `wss://host${++hosts}/sync?ticket=secret`;
  const told: unknown[] = [];
  const open = (token?: string) =>
    inOrder(all, clock).open(url, token, {
      message: (data) => told.push(data),
      close: (code, reason) => told.push([code, reason]),
    });
  const at = (place: number, which = -1): Opened => {
    const link = all[place]?.opened.at(which);
    if (!link) throw new Error(`Nothing was opened by transport ${place}.`);
    return link;
  };
  const counts = () => all.map(({ opened }) => opened.length);
  return { clock, all, url, told, open, at, counts };
}

describe('several transports', () => {
  test('[L10] the first is tried alone, and taken when it says something', async () => {
    const { clock, open, at, counts, told } = scene();
    const link = open('token');
    expect(counts()).toEqual([1, 0, 0]);
    expect(at(0)).toMatchObject({ token: 'token' });
    at(0).tell.message('welcome');
    await clock.advance(3_600_000);
    expect(counts()).toEqual([1, 0, 0]);
    link.send('hello');
    expect([at(0).sent, link.bufferedAmount, told]).toEqual([['hello'], 7, ['welcome']]);
    at(0).tell.close(4410, 'why');
    expect(told).toEqual(['welcome', [4410, 'why']]);
  });

  test('[L10] one that fails without a word is followed by the next at once', () => {
    const { open, at, counts, told } = scene();
    open();
    at(0).tell.close(1006, '');
    expect(counts()).toEqual([1, 1, 0]);
    at(1).tell.message('welcome');
    at(1).tell.message('more');
    expect(told).toEqual(['welcome', 'more']);
  });

  test('[L10] one that says nothing for a while has the next beside it, and whichever speaks first is taken', async () => {
    const { clock, open, at, counts, told } = scene();
    open();
    await clock.advance(2_999);
    expect(counts()).toEqual([1, 0, 0]);
    await clock.advance(1);
    expect(counts()).toEqual([1, 1, 0]);
    await clock.advance(3_000);
    expect(counts()).toEqual([1, 1, 1]);
    at(0).tell.message('late, but first');
    expect([at(1).closed, at(2).closed, at(0).closed]).toEqual([1000, 1000, undefined]);
    at(1).tell.message('too late');
    at(2).tell.close(1006, '');
    expect(told).toEqual(['late, but first']);
  });

  test('[L10] an error that the server says is an answer: nothing else is tried', async () => {
    const { clock, open, at, counts, told } = scene();
    open();
    at(0).tell.message('["error",null,"unauthenticated","",null]');
    at(0).tell.close(4401, 'no');
    await clock.advance(60_000);
    expect(counts()).toEqual([1, 0, 0]);
    expect(told.at(-1)).toEqual([4401, 'no']);
  });

  test('when all have failed the last failure is told, once', async () => {
    const { clock, open, at, told } = scene();
    open();
    at(0).tell.close(1006, 'a');
    await clock.advance(3_000);
    at(1).tell.close(1006, 'b');
    expect(told).toEqual([]);
    at(2).tell.close(1006, 'c');
    await clock.advance(60_000);
    expect(told).toEqual([[1006, 'c']]);
  });

  test('what can not even be tried is passed over; where none can, that is thrown, or told when it is found later', () => {
    const { all, open, counts } = scene();
    for (const one of all) one.fault = new Error('not here');
    expect(open).toThrow('not here');
    for (const one of all.slice(1)) one.fault = undefined;
    open();
    expect(counts()).toEqual([0, 1, 0]);
    const later = scene(2);
    later.open();
    for (const one of later.all) one.fault = new Error('not any more');
    later.at(0).tell.close(1006, '');
    expect(later.told).toEqual([[1006, '']]);
  });

  test('closed before any has said something, all are closed, and nothing is told or tried any more', async () => {
    const { clock, open, at, counts, told } = scene();
    const link = open();
    await clock.advance(3_000);
    link.close(1000);
    at(0).tell.message('welcome');
    at(1).tell.close(1006, '');
    await clock.advance(60_000);
    expect([at(0).closed, at(1).closed, counts(), told]).toEqual([1000, 1000, [1, 1, 0], []]);
    expect(clock.timers).toBe(0);
  });
});

describe('what worked', () => {
  test('[L10] is begun with for an hour, and the others are tried if it works no more', async () => {
    const { clock, open, at, counts } = scene();
    const first = open();
    at(0).tell.close(1006, '');
    answers(at(1));
    first.close();
    const second = open();
    expect(counts()).toEqual([1, 2, 0]);
    at(1).tell.close(1006, '');
    expect(counts()).toEqual([2, 2, 0]);
    at(0).tell.close(1006, '');
    answers(at(2));
    second.close();
    await clock.advance(3_599_999);
    open().close();
    expect(counts()).toEqual([2, 2, 2]);
    await clock.advance(1);
    open();
    expect(counts()).toEqual([3, 2, 2]);
  });

  test('is kept for the page, without what stands behind the path; a page that may keep nothing goes on', () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, text: string) => kept.set(key, text),
    };
    vi.stubGlobal('sessionStorage', storage);
    const { clock, open, at, url } = scene();
    open();
    at(0).tell.close(1006, '');
    answers(at(1));
    const key = `syncline ${url.split('?')[0]}`;
    expect([...kept]).toEqual([[key, `${clock.now() + 3_600_000} 1`]]);
    // Another page of the same session finds it.
    const other = scene();
    kept.set(`syncline ${other.url.split('?')[0]}`, `${clock.now() + 1} 2`);
    other.open();
    expect(other.counts()).toEqual([0, 0, 1]);
    for (const wrong of ['', 'x', '9e99 9', '9e99 -1', '9e99 x', '1']) {
      const page = scene();
      kept.set(`syncline ${page.url.split('?')[0]}`, wrong);
      page.open();
      expect(page.counts()).toEqual([1, 0, 0]);
    }
    const fault = () => {
      throw new Error('SecurityError');
    };
    vi.stubGlobal('sessionStorage', { getItem: fault, setItem: fault });
    const strict = scene();
    strict.open();
    answers(strict.at(0));
    expect(strict.told).toEqual(['welcome', 'an answer']);
    vi.unstubAllGlobals();
  });
});

describe('one that says a word and then nothing', () => {
  /** What has been opened after each of those that were taken fell silent, by their places. */
  test('[L10] is tried last the next time, and so is the next one that does', async () => {
    const { clock, open, at, counts } = scene();
    for (const place of [0, 1, 2, 0]) {
      const before = counts();
      const link = open();
      expect(counts()).toEqual(before.map((count, i) => count + Number(i === place)));
      at(place).tell.message('welcome');
      link.send('a question');
      await clock.advance(1_000);
      link.close(1000);
    }
  });

  test('[L10] or breaks, likewise; what ends in words is an answer', () => {
    const { open, at, counts } = scene(2);
    const ends = (place: number, code: number) => {
      const link = open();
      at(place).tell.message('welcome');
      link.send('a question');
      at(place).tell.close(code, '');
      link.close(1000);
    };
    ends(0, 1006);
    ends(1, 4429);
    ends(1, 1006);
    ends(0, 4429);
    expect(counts()).toEqual([2, 2]);
  });

  test('is not doubted where it was asked nothing, had no time, or has answered', async () => {
    const { clock, open, at, counts } = scene(2);
    const idle = open();
    at(0).tell.message('welcome');
    await clock.advance(100_000);
    idle.close(1000);
    const brief = open();
    at(0).tell.message('welcome');
    brief.send('a question');
    await clock.advance(999);
    brief.close(1000);
    const busy = open();
    answers(at(0));
    busy.send('a question');
    await clock.advance(100_000);
    busy.close(1000);
    const broken = open();
    answers(at(0));
    broken.send('a question');
    at(0).tell.close(1006, '');
    open();
    expect(counts()).toEqual([5, 0]);
  });

  test('[L10] is not gone back to for its first word', async () => {
    const { clock, open, at, counts, told } = scene(2);
    const first = open();
    at(0).tell.message('welcome');
    first.send('a question');
    await clock.advance(10_000);
    first.close(1000);
    const second = open();
    answers(at(1));
    for (let i = 0; i < 3; i++) {
      await clock.advance(900_000);
      at(0).tell.message('welcome');
      await clock.advance(10_000);
    }
    expect(told.map(String).filter((text) => text.startsWith('["bye"'))).toEqual([]);
    second.close(1000);
    open();
    expect(counts()[1]).toBe(2);
  });
});

describe('a better one', () => {
  test('[L10] [L3] is tried again from time to time, without a token; where it works, the link says bye as a server does', async () => {
    const { clock, open, at, counts, told } = scene();
    const link = open('secret');
    at(0).tell.close(1006, '');
    at(1).tell.close(1006, '');
    answers(at(2));
    await clock.advance(60_000);
    expect(counts()).toEqual([2, 1, 1]);
    expect(at(0).token).toBeUndefined();
    at(0).tell.close(1006, '');
    expect(counts()).toEqual([2, 2, 1]);
    at(1).tell.close(1006, '');
    await clock.advance(119_999);
    expect(counts()).toEqual([2, 2, 1]);
    await clock.advance(1);
    expect(counts()).toEqual([3, 2, 1]);
    at(0).tell.message('["error",null,"unauthenticated","",null]');
    expect(told).toEqual(['welcome', 'an answer']);
    at(0).tell.close(4401, '');
    expect(told.map(String)).toEqual(['welcome', 'an answer', expect.stringMatching(/^\["bye",".*",0\]$/)]);
    expect(at(2).closed).toBeUndefined();
    // The link goes on until its owner, who begins with what works, closes it.
    at(2).tell.message('more');
    expect(told.at(-1)).toBe('more');
    open('secret');
    expect(counts()).toEqual([4, 2, 1]);
    link.close();
    expect(at(2).closed).toBe(1005);
  });

  test('[L10] that lets nobody in without a token is asked for a sign of life, and has to give one', async () => {
    const { clock, open, at, told, counts } = scene(2);
    open();
    at(0).tell.close(1006, '');
    answers(at(1));
    await clock.advance(60_000);
    at(0).tell.message('welcome');
    expect(at(0).sent).toEqual(['["heartbeat"]']);
    await clock.advance(9_999);
    expect(at(0).closed).toBeUndefined();
    await clock.advance(1);
    expect(at(0).closed).toBe(1000);
    expect(told).toEqual(['welcome', 'an answer']);
    await clock.advance(120_000);
    expect(counts()).toEqual([3, 1]);
    answers(at(0));
    expect(told.map(String).at(-1)).toMatch(/^\["bye"/);
    expect(at(0).closed).toBe(1000);
    open();
    expect(counts()).toEqual([4, 1]);
  });

  test('that can not even be tried is tried again later', async () => {
    const { all, clock, open, at, counts, told } = scene(2);
    const [first] = all;
    if (first) first.fault = new Error('not here');
    open();
    at(1).tell.message('welcome');
    await clock.advance(60_000);
    if (first) first.fault = undefined;
    await clock.advance(120_000);
    expect(counts()).toEqual([1, 1]);
    answers(at(0));
    expect(told).toHaveLength(2);
  });

  test('is tried every quarter of an hour at the least', async () => {
    const { clock, open, at, counts } = scene(2);
    open();
    at(0).tell.close(1006, '');
    at(1).tell.message('welcome');
    for (let i = 0; i < 12; i++) {
      await clock.advance(900_000);
      at(0).tell.close(1006, '');
    }
    expect(counts()[0]).toBeGreaterThan(12);
  });

  test('is not tried by a link that is closed, nor goes on being tried', async () => {
    const { clock, open, at, counts } = scene(2);
    const link = open();
    at(0).tell.close(1006, '');
    at(1).tell.message('welcome');
    await clock.advance(60_000);
    link.close();
    expect(at(0).closed).toBe(1005);
    await clock.advance(3_600_000);
    expect(counts()).toEqual([2, 1]);
    expect(clock.timers).toBe(0);
  });
});
