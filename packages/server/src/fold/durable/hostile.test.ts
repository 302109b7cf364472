/**
 * What a log comes to when whoever may append to it takes another name each time: what it stores, and what judging it costs. Logs of
 * entries alone, without a broker.
 */
import {
  type DurableState,
  durableEntry,
  durableKind,
  durableNext,
  durableProducersMax,
  type Keep,
} from '@syncline/protocol/wire';
import { expect, test } from 'vitest';
import { type DurableRequest, judge } from './judge.ts';

class Log {
  view: DurableState = durableKind.empty();
  bytes = 0;
  /** How many entries say all. */
  marks = 0;
  readonly keep: Keep | null;

  constructor(keep: Keep | null = null) {
    this.keep = keep;
    const facts = { type: 'text/plain', ttlS: null, expiresAt: null, closed: false };
    this.ask({ op: 'create', ...facts, body: { bytes: new Uint8Array(), fault: null } });
  }

  ask(request: DurableRequest): void {
    const { act } = judge(this.view, request, { now: 1, keep: this.keep });
    if (!act) throw new Error('Nothing was stored.');
    this.bytes += durableEntry([act]).length;
    this.view = durableNext(this.view, act, 1);
    if (this.view.mark === this.view.offset) this.marks++;
  }

  append(id: string, seq: number): void {
    const body = { bytes: Uint8Array.of(120), fault: null };
    const producer = { id, epoch: 0, seq };
    this.ask({ op: 'append', type: 'text/plain', closed: false, seq: null, body, producer });
  }
}

test('a log that remembers many producers stores about what is appended to it', () => {
  const log = new Log();
  const id = (i: number) => `mallory/${'x'.repeat(90)}${i}`;
  const idBytes = id(durableProducersMax).length;
  for (let i = 0; i < durableProducersMax; i++) log.append(id(i), 0);
  for (let i = 1; i <= 2000; i++) log.append(id(0), i);
  const appends = durableProducersMax + 2000;
  // An append says its producer, and as much again goes to entries that say all.
  expect(log.bytes).toBeLessThan(4 * appends * (idBytes + 60));
  expect(log.marks).toBeLessThan(30);
});

const unbounded = Number.MAX_SAFE_INTEGER;

test.each([
  ['three entries', { entriesMax: 3, bytesMax: unbounded }],
  ['64 KiB', { entriesMax: unbounded, bytesMax: 65_536 }],
  ['a hundred entries of 64 KiB', { entriesMax: 100, bytesMax: 65_536 }],
  ['next to nothing', { entriesMax: 1, bytesMax: 1 }],
])('[P24] a log that keeps %s isn’t filled with what it knows of producers', (_what, kept) => {
  const keep = { ...kept, ageMs: Number.POSITIVE_INFINITY };
  const log = new Log(keep);
  log.append('bob/p', 0);
  for (let i = 0; i < durableProducersMax - 1; i++) log.append(`mallory/${'x'.repeat(60)}${i}`, 0);
  const before = log.bytes;
  let newest = 0;
  for (let i = 1; i <= 200; i++) {
    const bytes = log.bytes;
    log.append('ada/p', i - 1);
    newest = Math.max(newest, log.bytes - bytes);
  }
  // What it keeps is mostly what was appended, and an append stores little more than it says.
  expect(newest).toBeLessThan(Math.max(2048, keep.bytesMax / 3));
  expect((log.bytes - before) / 200).toBeLessThan(2048);
  // Who wrote last is remembered, whatever is forgotten; and who has few, whoever else has many.
  const producers = log.view.life?.producers;
  expect([producers?.get('ada/p')?.seq, producers?.get('bob/p')?.seq]).toEqual([199, 0]);
  expect(producers?.size).toBeGreaterThan(8);
});
