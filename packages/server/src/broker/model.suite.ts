/**
 * The property behind the brokers' suite: whatever is called, in whatever order and without waiting, a broker answers as
 * a model of some fifty plain lines does. The suite runs it; the model keeps everything for ever and counts naively.
 */
import { SyncError } from '@syncline/protocol';
import { type Entry, nextCheck } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Append, Range, Snapshot } from './broker.ts';
import { type Make, made } from './testing.ts';

type Keep = Append['keep'];
type Call =
  | {
      readonly type: 'append';
      readonly size: number;
      readonly producer: { readonly id: string; readonly sequence: number } | undefined;
      readonly key: string | undefined;
      readonly ifKeyAt: number | undefined;
      readonly ifTopAt: number | undefined;
      readonly keyEnds: boolean;
      readonly order: number | undefined;
      readonly keysMax: number | undefined;
    }
  | {
      readonly type: 'read';
      readonly direction: Range['direction'];
      readonly offset: number;
      readonly entriesMax: number;
      readonly bytesMax: number;
    }
  | { readonly type: 'compact'; readonly offset: number }
  | { readonly type: 'time'; readonly ms: number };

const key = fc.constantFrom('a', 'b', '__proto__');
const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('append' as const),
        size: fc.nat(20),
        producer: fc.option(
          fc.record({ id: fc.constantFrom('p', 'q'), sequence: fc.integer({ min: 0, max: 6 }) }),
          { nil: undefined },
        ),
        key: fc.option(key, { nil: undefined }),
        ifKeyAt: fc.option(fc.nat(4), { nil: undefined, freq: 4 }),
        ifTopAt: fc.oneof(
          { weight: 6, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.nat(6) },
        ),
        keyEnds: fc.boolean(),
        order: fc.option(fc.nat(3), { nil: undefined }),
        keysMax: fc.option(fc.constant(2), { nil: undefined }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('read' as const),
        direction: fc.constantFrom('before' as const, 'after' as const),
        offset: fc.nat(20),
        entriesMax: fc.nat(6),
        bytesMax: fc.nat(60),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('compact' as const), offset: fc.nat(12) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.integer({ min: -50, max: 200 }) }),
    },
  ),
  { maxLength: 40 },
);
const keeps: fc.Arbitrary<Keep> = fc.option(
  fc.record({
    entriesMax: fc.integer({ min: 1, max: 8 }),
    bytesMax: fc.integer({ min: 1, max: 100 }),
    ageMs: fc.constantFrom(50, 300, Number.POSITIVE_INFINITY),
  }),
);

export function modelSuite(make: Make): void {
  it('[P1] [A2] [A3] answers as the model does, whatever is called without waiting', async ({ skip }) => {
    const { broker, clock } = await made(make);
    if (!clock) return skip();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(keeps, calls, async (keep, list) => {
        const channel = `run/${run++}`;
        const { epoch } = await broker.read(channel, {
          direction: 'after',
          offset: 0,
          entriesMax: 0,
          bytesMax: 0,
          keep,
        });
        const model = new Model(epoch, keep);
        const expected: unknown[] = [];
        const answered: Promise<unknown>[] = [];
        for (const [i, call] of list.entries()) {
          if (call.type === 'time') {
            clock.setNow(clock.now() + call.ms);
            continue;
          }
          if (call.type === 'append') {
            const append: Append = { ...call, data: `${i}`.padEnd(call.size, '.'), from: null, keep };
            expected.push(outcomeOf(() => model.append(append, clock.now())));
            answered.push(settled(broker.append(channel, append)));
          } else if (call.type === 'read') {
            expected.push(outcomeOf(() => model.read({ ...call, keep }, clock.now())));
            answered.push(settled(broker.read(channel, { ...call, keep })));
          } else {
            const snapshot = {
              offset: call.offset,
              check: model.all[call.offset - 1]?.check ?? 0,
              data: `"${i}"`,
            };
            expected.push(outcomeOf(() => model.compact(snapshot)));
            answered.push(settled(broker.compact(channel, epoch, snapshot)));
          }
        }
        expect(await Promise.all(answered)).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });
}

/** What came of a call, comparable: an error as its code and detail. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof SyncError) return { code: thrown.code, detail: thrown.detail };
    throw thrown;
  }
}

function settled(call: Promise<unknown>): Promise<unknown> {
  return call.catch((thrown: unknown) =>
    outcomeOf(() => {
      throw thrown;
    }),
  );
}

class Model {
  readonly all: Entry[] = [];
  readonly #epoch: string;
  readonly #keep: Keep;
  readonly #sequences = new Map<string, Entry[]>();
  readonly #keys = new Map<string, number>();
  readonly #orders = new Map<string, number | undefined>();
  #oldest = 1;
  #snapshot: Snapshot | null = null;

  constructor(epoch: string, keep: Keep) {
    this.#epoch = epoch;
    this.#keep = keep;
  }

  append({ data, producer, key: about, ifKeyAt, ifTopAt, keyEnds, order, keysMax }: Append, now: number) {
    const stored = this.#sequences.get(producer?.id ?? '') ?? [];
    if (producer && producer.sequence !== stored.length + 1) {
      const first = stored[producer.sequence - 1];
      if (!first) throw new SyncError('sequence', '', { expected: stored.length + 1 });
      return { epoch: this.#epoch, offset: first.offset, check: first.check, at: first.at, duplicate: true };
    }
    if (ifTopAt !== undefined && ifTopAt !== this.all.length)
      throw new SyncError('precondition', '', { offset: this.all.length });
    const keyAt = (about !== undefined && this.#keys.get(about)) || 0;
    if (ifKeyAt !== undefined && ifKeyAt !== keyAt)
      throw new SyncError('precondition', '', { offset: keyAt });
    const orderThen = about === undefined ? undefined : this.#orders.get(about);
    if (order !== undefined && orderThen !== undefined && order < orderThen)
      throw new SyncError('superseded', '', { offset: keyAt });
    if (about !== undefined && keyAt === 0 && !keyEnds && keysMax !== undefined && this.#keys.size >= keysMax)
      throw new SyncError('too_many');
    const last = this.all.at(-1);
    const entry = {
      offset: this.all.length + 1,
      check: nextCheck(last?.check ?? 0, data),
      at: Math.max(last?.at ?? 0, now),
      from: null,
      data,
    };
    this.all.push(entry);
    if (producer) this.#sequences.set(producer.id, [...stored, entry]);
    if (about !== undefined) {
      this.#keys.delete(about);
      this.#orders.set(about, order);
      if (!keyEnds) this.#keys.set(about, entry.offset);
      else this.#orders.delete(about);
    }
    this.#trim(now);
    return { epoch: this.#epoch, offset: entry.offset, check: entry.check, at: entry.at, duplicate: false };
  }

  read({ direction, offset, entriesMax, bytesMax }: Range, now: number) {
    this.#trim(now);
    const wanted = this.#kept().filter((entry) =>
      direction === 'after' ? entry.offset > offset : entry.offset < offset,
    );
    if (direction === 'before') wanted.reverse();
    const entries: Entry[] = [];
    let left = bytesMax;
    for (const entry of wanted.slice(0, entriesMax)) {
      left -= entry.data.length;
      if (left < 0 && entries.length > 0) break;
      entries.push(entry);
    }
    if (direction === 'before') entries.reverse();
    const top = { offset: this.all.length, check: this.all.at(-1)?.check ?? 0 };
    const snapshot = direction === 'after' && offset < this.#oldest - 1 ? this.#snapshot : null;
    return { epoch: this.#epoch, top, oldest: this.#oldest, snapshot, entries };
  }

  compact(snapshot: Snapshot): boolean {
    const { offset } = snapshot;
    if (offset < this.#oldest || offset > this.all.length || offset <= (this.#snapshot?.offset ?? 0))
      return false;
    this.#snapshot = snapshot;
    this.#oldest = offset + 1;
    return true;
  }

  #forget(about: string): void {
    this.#keys.delete(about);
    this.#orders.delete(about);
  }

  #kept(): Entry[] {
    return this.all.slice(this.#oldest - 1);
  }

  #trim(now: number): void {
    const keep = this.#keep;
    if (!keep) return;
    const over = (kept: Entry[]) =>
      kept.length > keep.entriesMax ||
      (kept.length > 1 && kept.reduce((sum, { data }) => sum + data.length, 0) > keep.bytesMax);
    while (this.#kept().some((oldest, i, kept) => i === 0 && (over(kept) || now - oldest.at > keep.ageMs)))
      this.#oldest++;
    if (this.#snapshot && this.#snapshot.offset < this.#oldest - 1) this.#snapshot = null;
    if (!this.#snapshot) for (const [about, at] of this.#keys) if (at < this.#oldest) this.#forget(about);
  }
}
