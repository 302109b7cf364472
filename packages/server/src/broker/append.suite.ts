/**
 * The brokers' suite on appending: offsets and checks, producers and retries, conditions. broker.suite.ts runs it over each
 * broker; it sees the contract of broker.ts only.
 */
import { expect, it } from 'vitest';
import type { Append } from './broker.ts';
import {
  appendOf,
  data,
  everything,
  expectWhole,
  filled,
  type Make,
  made,
  rangeOf,
  refusal,
} from './testing.ts';

/** Appending: what a broker admits, and where it puts it. */
export function appendSuite(make: Make): void {
  logRules(make);
  producerRules(make);
  conditionRules(make);
}

function logRules(make: Make): void {
  it('[P1] numbers entries from 1, without a hole, in call order', async () => {
    const { broker } = await made(make);
    const answers = await Promise.all(
      ['"a"', '"b"', '"c"'].map((text) => broker.append('c', appendOf(text))),
    );
    expect(answers.map((answer) => answer.offset)).toEqual([1, 2, 3]);
    const slice = await broker.read('c', rangeOf());
    expect(data(slice)).toEqual(['"a"', '"b"', '"c"']);
  });

  it('[P3] [P4] carries the check from entry to entry, from 0', async () => {
    const { broker } = await filled(make, 20);
    const slice = await broker.read('c', rangeOf());
    expectWhole(slice);
    const { check, epoch } = await broker.append('c', appendOf('"last"'));
    expect((await broker.read('c', rangeOf())).top).toEqual({ offset: 21, check });
    expect(epoch).toBe(slice.epoch);
  });

  it('[P5] begins an epoch when a log is first used, and a different one for each log', async () => {
    const { broker } = await made(make);
    const [a, b] = await Promise.all([broker.read('a', rangeOf()), broker.read('b', rangeOf())]);
    expect(a).toEqual({
      epoch: a.epoch,
      top: { offset: 0, check: 0 },
      oldest: 1,
      snapshot: null,
      entries: [],
    });
    expect(a.epoch).toMatch(/^[A-Za-z0-9_-]{41,64}$/);
    expect(b.epoch).not.toBe(a.epoch);
    expect((await broker.append('a', appendOf('1'))).epoch).toBe(a.epoch);
  });

  it('reads see the appends called before them, and not those called after', async () => {
    const { broker } = await made(make);
    const calls = [
      broker.append('c', appendOf('1')),
      broker.read('c', rangeOf()),
      broker.append('c', appendOf('2')),
      broker.read('c', rangeOf()),
    ] as const;
    const [, first, , second] = await Promise.all(calls);
    expect(data(first)).toEqual(['1']);
    expect(data(second)).toEqual(['1', '2']);
  });

  it('keeps logs apart, however their appends mix', async () => {
    const { broker } = await made(make);
    const channels = Array.from({ length: 10 }, (_, i) => `room/${i}`);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => broker.append(channels[i % 10] ?? '', appendOf(`"${i}"`))),
    );
    for (const [i, channel] of channels.entries()) {
      const slice = await broker.read(channel, rangeOf());
      expectWhole(slice);
      expect(data(slice)).toEqual(Array.from({ length: 10 }, (_, n) => `"${n * 10 + i}"`));
    }
  });

  it('stamps each entry with the time and the author, and time never falls within a log', async ({
    skip,
  }) => {
    const { broker, clock } = await made(make);
    if (!clock) return skip();
    const now = clock.now();
    await broker.append('c', appendOf('1', { from: 'ann' }));
    clock.setNow(now - 3_600_000);
    await broker.append('c', appendOf('2'));
    clock.setNow(now + 5);
    await broker.append('c', appendOf('3', { from: '' }));
    const { entries } = await broker.read('c', rangeOf());
    expect(entries.map(({ at, from }) => [at - now, from])).toEqual([
      [0, 'ann'],
      [0, null],
      [5, ''],
    ]);
  });

  it('a log goes on in its epoch after a restart', async ({ skip }) => {
    const { reopen, broker } = await filled(make, 3);
    if (!reopen) return skip();
    const before = await broker.read('c', rangeOf());
    const again = await reopen();
    expect(await again.read('c', rangeOf())).toEqual(before);
    expect(await again.append('c', appendOf('4'))).toMatchObject({ epoch: before.epoch, offset: 4 });
    expectWhole(await again.read('c', rangeOf()));
  });
}

function producerRules(make: Make): void {
  const by = (sequence: number, id = 'p') => ({ producer: { id, sequence } });

  it('[A2] a retried append returns its first position, and nothing is stored', async () => {
    const { broker } = await made(make);
    const first = await broker.append('c', appendOf('1', by(1)));
    await broker.append('c', appendOf('2', by(1, 'other')));
    const again = await broker.append('c', appendOf('1', by(1)));
    expect(again).toEqual({ ...first, duplicate: true });
    expect((await broker.read('c', rangeOf())).top.offset).toBe(2);
  });

  it('[A2] [A5] each of 64 pipelined sequence numbers can be retried, in any order', async () => {
    const { broker } = await made(make);
    const send = (sequence: number) => broker.append('c', appendOf(`${sequence}`, by(sequence)));
    const sequences = Array.from({ length: 100 }, (_, i) => i + 1);
    const first = await Promise.all(sequences.map(send));
    for (const sequence of sequences.slice(-64).reverse())
      expect(await send(sequence)).toEqual({ ...first[sequence - 1], duplicate: true });
    expect(await refusal(send(36))).toMatchObject({ code: 'sequence', detail: { expected: 101 } });
    expect((await send(101)).offset).toBe(101);
  });

  it('[A2] a retry after a restart returns the first position', async ({ skip }) => {
    const { broker, reopen } = await made(make);
    if (!reopen) return skip();
    const first = await Promise.all(
      Array.from({ length: 70 }, (_, i) => broker.append('c', appendOf(`${i}`, by(i + 1)))),
    );
    const again = await reopen();
    for (const sequence of [70, 40, 7])
      expect(await again.append('c', appendOf('x', by(sequence)))).toEqual({
        ...first[sequence - 1],
        duplicate: true,
      });
    expect(await refusal(again.append('c', appendOf('x', by(72))))).toMatchObject({
      code: 'sequence',
      detail: { expected: 71 },
    });
    expect((await again.append('c', appendOf('x', by(71)))).offset).toBe(71);
  });

  it('[A2] [A5] remembers 10,000 producers; an owner who adds more loses its own first, after a restart too', async () => {
    const { broker, reopen } = await made(make);
    await broker.append('c', appendOf('1', by(1, 'victim/p')));
    await Promise.all(
      Array.from({ length: 9_999 }, (_, i) => broker.append('c', appendOf('1', by(1, `mallory/${i + 2}`)))),
    );
    const again = reopen ? await reopen() : broker;
    const send = (sequence: number, id: string) => again.append('c', appendOf('1', by(sequence, id)));
    const unknown = { code: 'sequence', detail: { expected: 1 } };
    expect((await send(2, 'mallory/2')).offset).toBe(10_001);
    const added = [send(1, 'mallory/a'), send(1, 'mallory/b')];
    expect((await Promise.all(added)).map((answer) => answer.duplicate)).toEqual([false, false]);
    expect(await refusal(send(2, 'mallory/3'))).toMatchObject(unknown);
    expect(await refusal(send(2, 'mallory/4'))).toMatchObject(unknown);
    for (const [sequence, id, offset] of [
      [1, 'victim/p', 1],
      [2, 'mallory/2', 10_001],
      [1, 'mallory/5', 5],
      [1, 'mallory/a', 10_002],
    ] as const)
      expect(await send(sequence, id), id).toMatchObject({ duplicate: true, offset });
    await send(1, 'stranger/p');
    expect(await refusal(send(2, 'victim/p'))).toMatchObject(unknown);
    expect(await send(1, 'mallory/5')).toMatchObject({ duplicate: true, offset: 5 });
  });

  it('[A2] any other number is refused with the one that fits', async () => {
    const { broker } = await made(make);
    expect(await refusal(broker.append('c', appendOf('x', by(2))))).toMatchObject({
      code: 'sequence',
      detail: { expected: 1 },
    });
    await broker.append('c', appendOf('1', by(1)));
    for (const wrong of [0, -1, 3, 1000, Number.MAX_SAFE_INTEGER]) {
      expect(await refusal(broker.append('c', appendOf('x', by(wrong)))), `sequence ${wrong}`).toMatchObject({
        code: 'sequence',
        detail: { expected: 2 },
      });
    }
    expect((await broker.append('c', appendOf('2', by(2)))).offset).toBe(2);
  });

  it('[A3] a refused number stays free, and burns no offset', async () => {
    const { broker } = await made(make);
    const outcomes = await Promise.allSettled([
      broker.append('c', appendOf('1', by(1))),
      broker.append('c', appendOf('no', by(3))),
      broker.append('c', appendOf('no', { ...by(2), key: 'k', ifKeyAt: 9 })),
      broker.append('c', appendOf('2', by(2))),
      broker.append('c', appendOf('3', by(3))),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    const slice = await broker.read('c', rangeOf());
    expect(data(slice)).toEqual(['1', '2', '3']);
    expectWhole(slice);
  });

  it('[A2] producers are counted by themselves, on each log by itself', async () => {
    const { broker } = await made(make);
    for (const [channel, id] of [
      ['a', 'p'],
      ['a', 'q'],
      ['b', 'p'],
      ['a', '__proto__'],
      ['a', 'constructor'],
    ] as const) {
      expect((await broker.append(channel, appendOf('1', by(1, id)))).duplicate, `${channel} ${id}`).toBe(
        false,
      );
    }
  });
}

function conditionRules(make: Make): void {
  it('appends only if the newest entry of the key is where the author thinks', async () => {
    const { broker } = await made(make);
    const set = (ifKeyAt: number | undefined, key = 'k') =>
      broker.append('c', appendOf('1', { key, ifKeyAt }));
    expect((await set(0)).offset).toBe(1);
    expect(await refusal(set(0))).toMatchObject({ code: 'precondition', detail: { offset: 1 } });
    expect((await set(1)).offset).toBe(2);
    expect((await set(undefined)).offset).toBe(3);
    expect(await refusal(set(2))).toMatchObject({ code: 'precondition', detail: { offset: 3 } });
    expect((await set(0, 'other')).offset).toBe(4);
  });

  it('appends only if the log ends where the author thinks, the key of its newest entry and a snapshot no matter', async () => {
    const { broker, reopen } = await made(make);
    const add = (ifTopAt: number | undefined, key?: string, to = broker) =>
      to.append('c', appendOf('1', { key, ifTopAt, keep: null }));
    const outcomes = await Promise.allSettled([add(0), add(0), add(undefined, 'k'), add(1), add(2)]);
    expect(
      outcomes.map((one) => (one.status === 'fulfilled' ? one.value.offset : one.reason.detail)),
    ).toEqual([1, { offset: 1 }, 2, { offset: 2 }, 3]);
    expect(await refusal(add(0))).toMatchObject({ code: 'precondition', detail: { offset: 3 } });
    const { epoch, top } = await broker.read('c', rangeOf({ keep: null }));
    expect(await broker.compact('c', epoch, { ...top, data: '1' })).toBe(true);
    const again = reopen ? await reopen() : broker;
    expect(await refusal(add(0, undefined, again))).toMatchObject({ code: 'precondition' });
    expect((await add(3, undefined, again)).offset).toBe(4);
  });

  it('[A2] a retry is answered even if its conditions no longer hold', async () => {
    const { broker } = await made(make);
    const once = appendOf('1', {
      producer: { id: 'p', sequence: 1 },
      ...{ key: 'k', ifKeyAt: 0, ifTopAt: 0, order: 1, keysMax: 1 },
    });
    const first = await broker.append('c', once);
    await broker.append('c', appendOf('2', { key: 'k', order: 2 }));
    expect(await broker.append('c', once)).toEqual({ ...first, duplicate: true });
  });

  it('forgets a key with the entry that says that it ends, a restart later too', async () => {
    const { broker, reopen } = await made(make);
    const set = (more: Partial<Append>) => broker.append('c', appendOf('1', { key: 'k', ...more }));
    await set({ order: 9 });
    expect(await refusal(set({ keyEnds: true, ifKeyAt: 0 }))).toMatchObject({ code: 'precondition' });
    expect((await set({ keyEnds: true, ifKeyAt: 1 })).offset).toBe(2);
    const again = reopen ? await reopen() : broker;
    expect((await again.append('c', appendOf('1', { key: 'k', ifKeyAt: 0, order: 1 }))).offset).toBe(3);
  });

  it('refuses an entry whose order is below that of the newest of its key, a restart later too', async () => {
    const { broker, reopen } = await made(make);
    const set = (order: number | undefined, key = 'k', to = broker) =>
      to.append('c', appendOf('1', { key, order }));
    expect((await set(10)).offset).toBe(1);
    expect(await refusal(set(9))).toMatchObject({ code: 'superseded', detail: { offset: 1 } });
    expect((await set(10)).offset).toBe(2);
    expect((await set(9, 'other')).offset).toBe(3);
    expect((await set(Number.MAX_SAFE_INTEGER)).offset).toBe(4);
    const again = reopen ? await reopen() : broker;
    expect(await refusal(set(Number.MAX_SAFE_INTEGER - 1, 'k', again))).toMatchObject({
      code: 'superseded',
      detail: { offset: 4 },
    });
    expect((await set(undefined, 'k', again)).offset).toBe(5);
    expect((await set(0, 'k', again)).offset).toBe(6);
    expect((await set(10, 'other', again)).offset).toBe(7);
  });

  it('[A3] what is superseded or has no room burns neither an offset nor a sequence number', async () => {
    const { broker } = await made(make);
    const by = (sequence: number, more: Partial<Append>) =>
      broker.append('c', appendOf('1', { producer: { id: 'p', sequence }, ...more }));
    const outcomes = await Promise.allSettled([
      by(1, { key: 'k', order: 5, keysMax: 1 }),
      by(2, { key: 'k', order: 4, keysMax: 1 }),
      by(2, { key: 'other', keysMax: 1 }),
      by(2, { key: 'k', order: 6, keysMax: 1 }),
    ]);
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value.offset : one.reason.code))).toEqual([
      1,
      'superseded',
      'too_many',
      2,
    ]);
  });

  it('takes no more keys than it may have, whatever becomes of those that it has', async () => {
    const { broker, reopen } = await made(make);
    const set = (key: string, more: Partial<Append> = {}, to = broker) =>
      to.append('c', appendOf('1', { key, keysMax: 2, ...more }));
    await set('a');
    await set('b');
    expect(await refusal(set('c'))).toMatchObject({ code: 'too_many' });
    const again = reopen ? await reopen() : broker;
    expect(await refusal(set('c', {}, again))).toMatchObject({ code: 'too_many' });
    expect((await set('a', {}, again)).offset).toBe(3);
    expect((await set('never set', { keyEnds: true }, again)).offset).toBe(4);
    await set('b', { keyEnds: true }, again);
    expect((await set('c', {}, again)).offset).toBe(6);
    expect(await refusal(set('b', {}, again))).toMatchObject({ code: 'too_many' });
  });

  it('[C3] keys such as __proto__ are keys, and keys that differ only in broken surrogates are two', async ({
    skip,
  }) => {
    const { broker, reopen } = await made(make);
    const odd = ['__proto__', 'constructor', 'toString', '', '\u0000', '\ud800', '\udfff', '\ufffd'];
    for (const [i, key] of odd.entries())
      expect((await broker.append('c', appendOf('1', { key, ifKeyAt: 0 }))).offset).toBe(i + 1);
    if (!reopen) return skip();
    const again = await reopen();
    for (const [i, key] of odd.entries()) {
      expect(await refusal(again.append('c', appendOf('1', { key, ifKeyAt: 0 })))).toMatchObject({
        code: 'precondition',
        detail: { offset: i + 1 },
      });
    }
  });

  it('a key is remembered as long as its newest entry is kept, after a restart too', async () => {
    const keep = { ...everything, entriesMax: 3 };
    const { broker, reopen } = await made(make);
    for (const key of ['a', 'b', 'c', 'a']) await broker.append('c', appendOf('1', { key, keep }));
    const again = reopen ? await reopen() : broker;
    const at = async (key: string) =>
      (await refusal(again.append('c', appendOf('1', { key, ifKeyAt: 99, keep })))).detail?.['offset'];
    expect([await at('a'), await at('b'), await at('c')]).toEqual([4, 2, 3]);
    await again.append('c', appendOf('1', { keep }));
    expect([await at('a'), await at('b'), await at('c')]).toEqual([4, 0, 3]);
    await again.append('c', appendOf('1', { keep }));
    expect([await at('a'), await at('b'), await at('c')]).toEqual([4, 0, 0]);
  });
}
