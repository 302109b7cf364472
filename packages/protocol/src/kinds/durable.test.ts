/**
 * The kind for logs that HTTP clients create: it passes the law with lives that follow each other and marks in between, forgets a log
 * with its deletion, and refuses what it can't read.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../codes.ts';
import { logOf } from '../testing.ts';
import {
  type DurableHeader,
  type DurableState,
  durableAct,
  durableEntry,
  durableKind,
  durableNext,
  durableProducersMax,
  type Life,
  type ProducerTuple,
  readDurableEntry,
} from './durable.ts';
import { kindSuite } from './kind.suite.ts';

const text = fc.constantFrom('a', 'b', '__proto__', 'constructor', '"', 'ä', '\u2028');
const body = fc.uint8Array({ maxLength: 8 });
const producer: fc.Arbitrary<ProducerTuple> = fc.record({ id: text, epoch: fc.nat(3), seq: fc.nat(9) });
const lifetime = fc.record({
  ttlS: fc.option(fc.nat(), { nil: null }),
  expiresAt: fc.option(fc.nat(), { nil: null }),
});
const life: fc.Arbitrary<Life> = fc
  .tuple(
    lifetime,
    fc.record({
      created: fc.nat(),
      createdAfter: fc.nat(),
      type: text,
      usedAt: fc.nat(),
      closed: fc.boolean(),
      closedBy: fc.option(producer, { nil: null }),
      seq: fc.option(text, { nil: null }),
    }),
    fc.array(producer),
  )
  .map(([times, facts, producers]) => ({
    ...times,
    ...facts,
    producers: new Map(producers.map((one) => [one.id, one])),
  }));
const header: fc.Arbitrary<DurableHeader> = fc.oneof(
  fc
    .tuple(fc.record({ type: text, closed: fc.boolean() }), lifetime)
    .map(([said, times]): DurableHeader => ({ op: 'create', ...said, ...times })),
  {
    weight: 8,
    arbitrary: fc
      .record({ closed: fc.boolean(), seq: text, producer, before: life }, { requiredKeys: ['closed'] })
      .map((said): DurableHeader => ({ op: 'append', ...said })),
  },
  fc
    .record({ closed: fc.boolean(), before: life }, { requiredKeys: ['closed'] })
    .map((said): DurableHeader => ({ op: 'touch', ...said })),
  fc.constant<DurableHeader>({ op: 'delete' }),
);
const data = fc.array(
  fc
    .array(
      fc.tuple(header, body).map(([said, bytes]) => durableAct(said, bytes)),
      { minLength: 1, maxLength: 4 },
    )
    .map(durableEntry),
  { maxLength: 20 },
);

kindSuite<DurableState>({ kind: durableKind, data, content: (view) => view });

const entryOf = (header: DurableHeader) => durableEntry([durableAct(header)]);
const fold = (...headers: readonly DurableHeader[]) =>
  durableKind.apply(durableKind.empty(), logOf(headers.map(entryOf)));

describe('what a durable log comes to', () => {
  test('an entry is read as it was written, and its body is as it was sent', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(header, body), { minLength: 1 }), (acts) => {
        const read = readDurableEntry(durableEntry(acts.map(([said, bytes]) => durableAct(said, bytes))));
        expect(read.map((act) => [act.header, new Uint8Array(act.body)])).toEqual(acts);
      }),
    );
  });

  test('what comes next may be judged by what a log would come to, alone or with what is stored in the same entry', () => {
    const acts = [
      durableAct({ op: 'append', producer: { id: 'a', epoch: 0, seq: 0 } }),
      durableAct({ op: 'append', closed: true, seq: '1' }),
    ];
    const create = durableEntry([durableAct({ op: 'create', type: 'text/plain' })]);
    const view = durableKind.apply(durableKind.empty(), logOf([create]));
    const would = acts.reduce((so, act) => durableNext(so, act, 1001), view);
    const does = durableKind.apply(durableKind.empty(), logOf([create, durableEntry(acts)]));
    expect(would.life).toEqual(does.life);
    // It is never taken for closer to what says all than it is.
    expect(would.offset - would.mark).toBeGreaterThanOrEqual(does.offset - does.mark);
    expect(would.sinceMark).toBeGreaterThanOrEqual(does.sinceMark);
  });

  test('an append costs a few bytes beside its body', () => {
    expect(durableEntry([durableAct({ op: 'append' }, new Uint8Array(100))]).length).toBeLessThan(112);
  });

  test('its life begins with its creation, is put off by each entry, and ends with its deletion', () => {
    const first = fold({ op: 'create', type: 'text/plain', ttlS: 60 });
    expect(first.life).toMatchObject({
      created: 1,
      createdAfter: 0,
      type: 'text/plain',
      ttlS: 60,
      usedAt: 1000,
    });
    const used = fold({ op: 'create', type: 'text/plain' }, { op: 'append' }, { op: 'touch' });
    expect(used.life).toMatchObject({ created: 1, usedAt: 1002, closed: false });
    expect(fold({ op: 'create', type: 'text/plain' }, { op: 'delete' }).life).toBeNull();
    const anew = fold({ op: 'create', type: 'a/b' }, { op: 'delete' }, { op: 'create', type: 'c/d' });
    expect(anew.life).toMatchObject({ created: 3, type: 'c/d', seq: null, closed: false });
    const [, mark] = logOf([entryOf({ op: 'create', type: 'a/b' }), entryOf({ op: 'delete' })]);
    expect(anew.life?.createdAfter).toBe(mark?.check);
  });

  test('what closed it stays what closed it, whatever follows', () => {
    const who = { id: 'a', epoch: 1, seq: 4 };
    const closed = fold(
      { op: 'create', type: 'text/plain' },
      { op: 'append', closed: true, producer: who },
      { op: 'touch' },
      { op: 'append', closed: true },
    );
    expect(closed.life).toMatchObject({ closed: true, closedBy: who });
  });

  test('the producer that was stored longest ago is forgotten first', () => {
    const entries = Array.from({ length: durableProducersMax + 1 }, (_, i): DurableHeader => {
      return { op: 'append', producer: { id: `p${i}`, epoch: 0, seq: 0 } };
    });
    const again: DurableHeader = { op: 'append', producer: { id: 'p0', epoch: 0, seq: 1 } };
    const [first, ...more] = entries;
    const view = fold(
      { op: 'create', type: 'a/b' },
      first ?? again,
      ...more.slice(0, -1),
      again,
      ...more.slice(-1),
    );
    expect(view.life?.producers.size).toBe(durableProducersMax);
    expect(view.life?.producers.get('p0')).toMatchObject({ seq: 1 });
    expect(view.life?.producers.has('p1')).toBe(false);
  });

  test('whoever has many producers makes the log forget their own, and nobody else’s', () => {
    const by = (id: string): DurableHeader => ({ op: 'append', producer: { id, epoch: 0, seq: 0 } });
    const many = Array.from({ length: durableProducersMax + 5 }, (_, i) => by(`mallory/${i}`));
    const view = fold({ op: 'create', type: 'a/b' }, by('ada/p'), by('p'), ...many, by('bob/p'));
    const known = view.life?.producers;
    expect(known?.size).toBe(durableProducersMax);
    expect(known?.has('ada/p')).toBe(false);
    expect(['p', 'bob/p', 'mallory/7', 'mallory/6'].map((id) => known?.has(id))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test.each<[string, string | Uint8Array]>([
    ['a text', '{}'],
    ['nothing', new Uint8Array()],
    ['another format', Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 0, 123, 125)],
    ['a format alone', Uint8Array.of(0x20)],
    ['half a size', Uint8Array.of(0x20, 0, 0, 0, 2, 0, 0)],
    ['a header beyond its end', Uint8Array.of(0x20, 0, 0, 0, 3, 0, 0, 0, 0, 123, 125)],
    ['a body beyond its end', Uint8Array.of(0x20, 0, 0, 0, 2, 0, 0, 0, 1, 123, 125)],
    ['a header of 4 GiB', Uint8Array.of(0x20, 255, 255, 255, 255, 0, 0, 0, 0, 123, 125)],
    ['a header that is no JSON', Uint8Array.of(0x20, 0, 0, 0, 1, 0, 0, 0, 0, 123)],
    ['a header that is no object', Uint8Array.of(0x20, 0, 0, 0, 1, 0, 0, 0, 0, 49)],
    ['an unknown act', entryOf({ op: 'unknown' } as unknown as DurableHeader)],
    ['a creation without a type', entryOf({ op: 'create' } as unknown as DurableHeader)],
  ])('%s is no entry', (_what, bytes) => {
    const [entry] = logOf([bytes]);
    const read = () => durableKind.apply(durableKind.empty(), entry ? [entry] : []);
    expect(read).toThrow(SyncError);
    expect(read).toThrow(/can't be read/);
  });
});
