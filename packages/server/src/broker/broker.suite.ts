/**
 * What every broker must do, as one suite: memory.test.ts, disk.test.ts and later brokers run it over their own. It sees
 * the contract of broker.ts only; what one broker alone promises is tested beside that broker.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { appendSuite } from './append.suite.ts';
import type { Announcement } from './broker.ts';
import { modelSuite } from './model.suite.ts';
import { readSuite } from './read.suite.ts';
import { appendOf, data, ear, expectWhole, type Make, made, rangeOf, refusal } from './testing.ts';

export function brokerSuite(name: string, make: Make): void {
  describe(name, () => {
    appendSuite(make);
    readSuite(make);
    listenRules(make);
    dataRules(make);
    closeRules(make);
    modelSuite(make);
  });
}

function listenRules(make: Make): void {
  it('tells what is appended to a channel, in order, and nothing of others', async () => {
    const { broker } = await made(make);
    const { heard, until } = ear(broker, 'c');
    const calls = Array.from({ length: 20 }, (_, i) =>
      broker.append(i % 2 ? 'c' : 'other', appendOf(`${i}`, { from: 'ann' })),
    );
    await Promise.all([...calls, until(10)]);
    expect(heard).toEqual((await broker.read('c', rangeOf())).entries);
  });

  it('tells neither retries nor refusals', async () => {
    const { broker } = await made(make);
    const { heard, until } = ear(broker, 'c');
    const send = (sequence: number) =>
      broker.append('c', appendOf(`${sequence}`, { producer: { id: 'p', sequence } }));
    await Promise.allSettled([send(1), send(1), send(5), send(2)]);
    await until(2);
    expect(heard.map((entry) => entry.data)).toEqual(['1', '2']);
  });

  it('tells each listener until it stops', async () => {
    const { broker } = await made(make);
    const one = ear(broker, 'c');
    const two = ear(broker, 'c');
    await Promise.all([broker.append('c', appendOf('1')), one.until(1), two.until(1)]);
    one.stop();
    one.stop();
    await Promise.all([broker.append('c', appendOf('2')), two.until(2)]);
    expect([one.heard.length, two.heard.length]).toEqual([1, 2]);
  });

  it('tells with each piece of news where the log ended then', async () => {
    const { broker } = await made(make);
    const heard: Announcement[] = [];
    broker.listen('c', (news) => heard.push(news));
    const { until } = ear(broker, 'c');
    await Promise.all([...['1', '2', '3'].map((text) => broker.append('c', appendOf(text))), until(3)]);
    await Promise.all([broker.append('c', appendOf('4')), until(4)]);
    for (const { top, entries } of heard) {
      const { offset, check } = entries.at(-1) ?? {};
      expect(top).toEqual({ offset, check });
    }
    expect(heard.at(-1)?.top).toEqual((await broker.read('c', rangeOf())).top);
  });

  it('what a read called after listening does not hold is told, whatever was under way', async () => {
    const { broker } = await made(make);
    const send = (text: string) => broker.append('c', appendOf(text));
    const before = [send('1'), send('2')];
    const { heard, until } = ear(broker, 'c');
    const reading = broker.read('c', rangeOf());
    await Promise.all([...before, send('3')]);
    const { top } = await reading;
    await until(1);
    const told = heard.map((entry) => entry.offset).filter((offset) => offset > top.offset);
    expect(told).toEqual([1, 2, 3].slice(top.offset));
    const later = await broker.read('c', rangeOf());
    expect(later.top.offset).toBeGreaterThanOrEqual(heard.at(-1)?.offset ?? 0);
  });

  it('a listener that throws harms neither the append nor other listeners', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const { broker } = await made(make);
    broker.listen('c', () => {
      throw new Error('thrown on purpose');
    });
    const { until } = ear(broker, 'c');
    expect((await broker.append('c', appendOf('1'))).offset).toBe(1);
    await until(1);
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('thrown on purpose'));
  });

  it('a listener that appends is told in order, and so are the others', async () => {
    const { broker } = await made(make);
    let reaction: Promise<unknown> | undefined;
    broker.listen('c', () => {
      reaction ??= broker.append('c', appendOf('"reaction"'));
    });
    const { heard, until } = ear(broker, 'c');
    await Promise.all([broker.append('c', appendOf('"action"')), until(2)]);
    await reaction;
    expect(heard.map((entry) => entry.offset)).toEqual([1, 2]);
  });
}

function dataRules(make: Make): void {
  const texts = [
    '',
    '"\\ud800"',
    '"\ud800"',
    '"\udc00\ud800"',
    '"a\u0000b"',
    '\u0000',
    '"\ufeff€😀"',
    '{"__proto__":1}',
    '\u{10ffff}',
    ' 1 ',
    '1'.repeat(100_000),
  ];

  it('[F9] text comes back exactly, whatever it is made of', async () => {
    const { broker, reopen } = await made(make);
    for (const text of texts) await broker.append('c', appendOf(text, { from: text.slice(0, 20) }));
    const slice = await broker.read('c', rangeOf());
    expect(data(slice)).toEqual(texts);
    expect(slice.entries.map((entry) => entry.from)).toEqual(texts.map((text) => text.slice(0, 20)));
    expectWhole(slice);
    if (reopen) expect(await (await reopen()).read('c', rangeOf())).toEqual(slice);
  });

  it('bytes come back exactly, also those that were a view of a larger buffer', async () => {
    const { broker, reopen } = await made(make);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const pieces = [
      new Uint8Array(),
      all,
      all.subarray(10, 20),
      Buffer.from(all.buffer, 128, 3),
      new Uint8Array(50_000),
    ];
    for (const bytes of pieces) await broker.append('c', appendOf(bytes));
    const before = await broker.read('c', rangeOf());
    for (const slice of reopen ? [before, await (await reopen()).read('c', rangeOf())] : [before]) {
      expectWhole(slice);
      for (const [i, bytes] of pieces.entries()) {
        expect(slice.entries[i]?.data).toBeInstanceOf(Uint8Array);
        expect(Buffer.compare(Buffer.from(slice.entries[i]?.data ?? ''), bytes)).toBe(0);
      }
    }
  });

  it('[C3] channels named __proto__, constructor or toString are channels like others', async () => {
    const { broker } = await made(make);
    for (const channel of ['__proto__', 'constructor', 'toString']) {
      const { until } = ear(broker, channel);
      await Promise.all([broker.append(channel, appendOf(`"${channel}"`)), until(1)]);
      expect(data(await broker.read(channel, rangeOf()))).toEqual([`"${channel}"`]);
    }
  });
}

function closeRules(make: Make): void {
  it('finishes what was begun, and refuses what comes later with `closed`', async () => {
    const { broker } = await made(make);
    const begun = [broker.append('c', appendOf('1')), broker.read('c', rangeOf())] as const;
    const closing = broker.close();
    expect(await refusal(broker.append('c', appendOf('2')))).toMatchObject({ code: 'closed' });
    await closing;
    expect((await begun[0]).offset).toBe(1);
    expect((await begun[1]).entries.length).toBe(1);
    for (const late of [
      broker.append('c', appendOf('2')),
      broker.read('c', rangeOf()),
      broker.compact('c', 'e', { offset: 1, check: 1, data: '' }),
    ]) {
      expect(await refusal(late)).toMatchObject({ code: 'closed' });
    }
    expect(() => broker.listen('c', () => {})).toThrow(SyncError);
    await broker.close();
  });
}
