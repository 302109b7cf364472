/**
 * What a log comes to when whoever may append to it takes another name each time: what it stores, and what judging it costs. Logs of
 * entries alone, without a broker.
 */
import {
  type DurableView,
  durableEntry,
  durableKind,
  durableNext,
  durableProducersMax,
} from '@syncline/protocol/wire';
import { expect, test } from 'vitest';
import { type DurableRequest, judge } from './judge.ts';

class Log {
  view: DurableView = durableKind.empty();
  bytes = 0;
  /** How many entries say all. */
  marks = 0;

  ask(request: DurableRequest): void {
    const { act } = judge(this.view, request, { now: 1, keep: null });
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
  const facts = { type: 'text/plain', ttlS: null, expiresAt: null, closed: false };
  log.ask({ op: 'create', ...facts, body: { bytes: new Uint8Array(), fault: null } });
  const id = (i: number) => `mallory/${'x'.repeat(90)}${i}`;
  const idBytes = id(durableProducersMax).length;
  for (let i = 0; i < durableProducersMax; i++) log.append(id(i), 0);
  for (let i = 1; i <= 2000; i++) log.append(id(0), i);
  const appends = durableProducersMax + 2000;
  // An append says its producer, and as much again goes to entries that say all.
  expect(log.bytes).toBeLessThan(4 * appends * (idBytes + 60));
  expect(log.marks).toBeLessThan(30);
});
