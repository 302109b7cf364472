/**
 * What the tests of brokers share: how a broker is put under test, appends and ranges with only what a test is about, and
 * ways to look at answers. Suites and tests of this folder import it; no source does.
 */
import { SyncError } from '@syncline/protocol';
import type { FakeClock } from '@syncline/protocol/testing';
import { type Entry, follows, type Keep, origin } from '@syncline/protocol/wire';
import { expect, onTestFinished } from 'vitest';
import type { Append, Broker, Range, Slice } from './broker.ts';

/** One broker under test. */
export interface Subject {
  readonly broker: Broker;
  /** The clock it goes by; left out where time can't be set, and what needs that is skipped. */
  readonly clock?: FakeClock;
  /** Closes it and opens what it stored again; left out where nothing outlives it. */
  readonly reopen?: () => Promise<Broker>;
}

export type Make = () => Promise<Subject>;

/** Keeps all that a test appends. */
export const everything: Keep = {
  entriesMax: 1_000_000,
  bytesMax: 1_000_000_000,
  ageMs: Number.POSITIVE_INFINITY,
};

/** An append with only what a test is about. */
export function appendOf(data: Append['data'], more: Partial<Append> = {}): Append {
  return { data, from: null, keep: everything, ...more };
}

/** A range with only what a test is about. */
export function rangeOf(more: Partial<Range> = {}): Range {
  return {
    direction: 'after',
    offset: 0,
    entriesMax: 1000,
    bytesMax: 1_000_000_000,
    keep: everything,
    ...more,
  };
}

/** Asserts that a slice holds a gapless chain from `from` up to its top. */
export function expectWhole(slice: Slice, from = origin(slice.epoch)): void {
  let position = from;
  for (const entry of slice.entries) {
    expect(follows(position, entry), `entry ${entry.offset} follows`).toBe(true);
    position = { epoch: slice.epoch, offset: entry.offset, check: entry.check };
  }
  expect({ offset: position.offset, check: position.check }).toEqual(slice.top);
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<SyncError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof SyncError) return thrown;
  throw new Error(`Expected a refusal with a SyncError, got ${String(thrown)}.`);
}

/** Collects the entries announced on a channel and waits for so many of them. */
export function ear(broker: Broker, channel: string) {
  const heard: Entry[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const stop = broker.listen(channel, (news) => {
    heard.push(...news.entries);
    for (const { count, resolve } of waiting) if (heard.length >= count) resolve();
  });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      if (heard.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { heard, stop, until };
}

export const data = (slice: Slice) => slice.entries.map((entry) => entry.data);
export const offsets = (slice: Slice) => slice.entries.map((entry) => entry.offset);

/** A subject that is closed when the test ends. */
export async function made(make: Make): Promise<Subject> {
  const subject = await make();
  onTestFinished(() => subject.broker.close());
  return subject;
}

/** A subject with entries `"1"` to `"count"` in channel c. */
export async function filled(make: Make, count: number, more: Partial<Append> = {}): Promise<Subject> {
  const subject = await made(make);
  await Promise.all(
    Array.from({ length: count }, (_, i) => subject.broker.append('c', appendOf(`"${i + 1}"`, more))),
  );
  return subject;
}
