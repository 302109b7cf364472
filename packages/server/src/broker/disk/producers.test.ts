/**
 * Producers in the file against producers in memory: whatever is asked in whatever order, with room for two of them and in
 * between a restart, both give the same answers. And what is asked of the file: one producer at a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HeldProducers, newProducer, type Producers, remember } from '../producer.ts';
import { openFile } from './file.ts';
import { StoredProducers } from './producers.ts';
import { Tables } from './tables.ts';

/** Producers of new logs in a new file, and those of a log as a later start finds them. */
function stored(heldMax?: number) {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  const db = openFile({ dir });
  onTestFinished(() => {
    db.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const tables = new Tables(db);
  db.exec('BEGIN');
  let logs = 0;
  const begin = () => {
    const log = tables.addLog(`log ${logs++}`, 'epoch');
    return { log, producers: new StoredProducers(tables, () => log, heldMax) };
  };
  const again = (log: number) => new StoredProducers(tables, () => log, heldMax);
  return { begin, again };
}

/** Stores an entry by a producer, as head.ts does. */
function store(producers: Producers, id: string, offset: number): void {
  const producer = producers.get(id) ?? newProducer();
  remember(producer, { offset, check: (offset * 2_654_435_761) >>> 0, at: 1_800_000_000_000 + offset });
  producers.set(id, producer);
}

const ids = ['', 'a', 'b', 'ann/1', 'ann/2', 'ann/x/1', 'ann/x/2', '/', '\ud800/1', '\ud800/2', 'a\0b/1'];
const owners = [undefined, '', 'ann/', 'ann/x/', '/', '\ud800/', 'a\0b/', 'nobody/'];
const calls = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('store' as const),
        id: fc.constantFrom(...ids),
        /** Some entries are by others, and a turn lags by 64 at most: steps on both sides of that. */
        step: fc.constantFrom(1, 1, 2, 30, 63, 64, 65, 200),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('get' as const), id: fc.constantFrom(...ids) }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('oldest' as const), owner: fc.constantFrom(...owners) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('forget' as const), owner: fc.constantFrom(...owners) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('save' as const, 'restart' as const) }) },
  ),
  { maxLength: 60 },
);

describe('producers in the file', () => {
  it('[A2] [A5] are those in memory, whatever is asked, and only so many of them are held', () => {
    const { begin, again } = stored(2);
    fc.assert(
      fc.property(calls, (list) => {
        const memory = new HeldProducers();
        const { log, producers } = begin();
        let file = producers;
        let offset = 0;
        for (const call of list) {
          if (call.type === 'store') {
            offset += call.step;
            for (const one of [memory, file]) store(one, call.id, offset);
          } else if (call.type === 'get') expect(file.get(call.id)).toEqual(memory.get(call.id));
          else if (call.type === 'oldest') expect(file.oldest(call.owner)).toBe(memory.oldest(call.owner));
          else if (call.type === 'forget') {
            const id = memory.oldest(call.owner) ?? 'unknown';
            for (const one of [memory, file]) one.delete(id);
          } else {
            file.save();
            if (call.type === 'restart') file = again(log);
          }
          expect(file.size).toBe(memory.size);
          expect(file.held).toBeLessThanOrEqual(2);
        }
        for (const id of ids) expect(file.get(id)).toEqual(memory.get(id));
      }),
      { numRuns: 500 },
    );
  });

  it('the oldest of many is found with a look at few, even when those in front have stored again', () => {
    const { begin, again } = stored();
    const { log, producers } = begin();
    const owner = (i: number) => (i % 2 ? 'ann' : 'bob');
    let offset = 0;
    for (let i = 1; i <= 3000; i++) store(producers, `${owner(i)}/${i}`, ++offset);
    for (let time = 0; time < 2; time++) {
      for (let i = 1; i <= 200; i++) store(producers, `${owner(i)}/${i}`, ++offset);
      producers.save();
    }
    const later = again(log);
    const { byTurn } = Tables.prototype;
    let looked = 0;
    const spy = vi.spyOn(Tables.prototype, 'byTurn').mockImplementation(function* (this: Tables, ...asked) {
      for (const row of byTurn.apply(this, asked)) {
        looked++;
        yield row;
      }
    });
    onTestFinished(() => spy.mockRestore());
    for (let i = 201; i <= 3000; i++) {
      const id = i % 100 ? later.oldest() : later.oldest(`${owner(i)}/`);
      expect(id).toBe(`${owner(i)}/${i}`);
      later.delete(id ?? '');
    }
    expect(looked).toBeLessThanOrEqual(2 * 2800);
    looked = 0;
    expect([later.oldest(), later.oldest('bob/'), later.oldest('eve/')]).toEqual([
      'ann/1',
      'bob/2',
      undefined,
    ]);
    expect(looked).toBeLessThanOrEqual(2 * 64);
    expect(later.held).toBe(0);
  });
});
