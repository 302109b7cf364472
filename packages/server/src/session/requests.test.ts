/**
 * Requests in their lines: order within one, none between two, the bound over all, and an end that waits for answers.
 */
import { SyncError } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { gate, turns } from '../testing/meddle.ts';
import { Requests } from './requests.ts';

function requestsOf(max: number) {
  const refused: [ref: number, code: unknown][] = [];
  const requests = new Requests(max, {
    answerError: (ref, thrown) => refused.push([ref, thrown instanceof SyncError ? thrown.code : thrown]),
  });
  return { requests, refused };
}

describe('requests', () => {
  it('[F6] of one line run in order, those of another do not wait for them', async () => {
    const { requests } = requestsOf(10);
    const ran: string[] = [];
    const held = gate();
    requests.run(1, 'a', () => held.passed.then(() => void ran.push('a1')));
    requests.run(2, 'a', async () => void ran.push('a2'));
    requests.run(3, 'b', async () => void ran.push('b1'));
    await turns();
    expect(ran).toEqual(['b1']);
    expect(requests.line('a')).toBeInstanceOf(Promise);
    expect(requests.line('b')).toBeUndefined();
    held.open();
    await turns();
    expect(ran).toEqual(['b1', 'a1', 'a2']);
    expect(requests.line('a')).toBeUndefined();
  });

  it('[F6] that fail are answered with why, and the line goes on', async () => {
    const { requests, refused } = requestsOf(10);
    const ran: number[] = [];
    requests.run(1, 'a', () => Promise.reject(new SyncError('forbidden')));
    requests.run(2, 'a', async () => void ran.push(2));
    await turns();
    expect(refused).toEqual([[1, 'forbidden']]);
    expect(ran).toEqual([2]);
  });

  it('[F6] are refused beyond the bound, whichever way they count', async () => {
    const { requests, refused } = requestsOf(2);
    const held = gate();
    requests.begin();
    requests.run(1, 'a', () => held.passed);
    requests.run(2, 'b', () => held.passed);
    expect(requests.admit(3)).toBe(false);
    expect(refused).toEqual([
      [2, 'too_many'],
      [3, 'too_many'],
    ]);
    requests.end();
    expect(requests.admit(4)).toBe(true);
    held.open();
    await turns();
    requests.begin();
    expect(requests.admit(5)).toBe(true);
  });

  it('[L1] that are under way are waited for, and none begins any more', async () => {
    const { requests, refused } = requestsOf(10);
    let done = 0;
    const held = gate();
    requests.run(1, 'a', () => held.passed);
    requests.finish(() => done++);
    requests.run(2, 'a', async () => {});
    expect(refused).toEqual([[2, 'restart']]);
    expect(done).toBe(0);
    held.open();
    await turns();
    expect(done).toBe(1);
    const idle = requestsOf(1);
    idle.requests.finish(() => done++);
    expect(done).toBe(2);
  });
});
