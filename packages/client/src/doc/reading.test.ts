/**
 * What a log says is put together: when it is shown, what of it counts, and how far it can be trusted to hold what it held.
 */
import { beginning, docSnapshot, noLineage, updateEntry } from '@syncline/protocol/wire';
import { expect, test } from 'vitest';
import * as Y from 'yjs';
import type { Received, Recovery } from '../subscription.ts';
import { type Item, type Listener, Reading } from './reading.ts';

const start: Recovery = { via: 'start' };
const at = (offset: number) => ({ epoch: 'e', offset, check: 0 });
const place = (offset: number, top: number) => ({ position: at(offset), top });
const contentOf = (text: string): Y.Doc => {
  const doc = new Y.Doc();
  doc.getText('t').insert(0, text);
  return doc;
};
const edit = (text: string) => updateEntry(Y.encodeStateAsUpdate(contentOf(text)));
const begun = (text: string) => beginning(new Uint8Array(16).fill(1), Y.encodeStateAsUpdate(contentOf(text)));
const entries = (first: number, ...all: Uint8Array[]): Received[] =>
  all.map((data, i) => ({ offset: first + i, data, at: null, from: null }));

/** What whoever shows the document is told, one line each: kinds of what was said, doubts, places. */
function readingOf() {
  const told: string[] = [];
  const errors: unknown[] = [];
  const shown: Item[] = [];
  const kinds = (items: readonly Item[]) => items.map(({ said }) => said.type).join(' ');
  const listener: Listener = {
    anew: (items, _, doubt) => {
      shown.push(...items);
      told.push(`anew: ${kinds(items)}${doubt ? `, ${doubt}` : ''}`);
    },
    more: (items) => told.push(`more: ${kinds(items)}`),
    read: ({ offset }) => told.push(`read ${offset}`),
  };
  const reading = new Reading(listener, (error) => errors.push(error));
  return { reading, told, errors, shown };
}

test('a log is shown when it was read to where it was when that began, and then as it goes on', () => {
  const { reading, told } = readingOf();
  reading.begin(start, place(0, 3));
  reading.entries(entries(1, edit('a'), edit('b')), at(2));
  expect([told, reading.caughtUp]).toEqual([[], false]);
  reading.entries(entries(3, edit('c')), at(3));
  expect([told, reading.caughtUp]).toEqual([['anew: update update update', 'read 3'], true]);
  reading.entries(entries(4, edit('d')), at(4));
  expect(told.slice(2)).toEqual(['more: update', 'read 4']);
});

test('[Y1] what came before a beginning is no part of the document', () => {
  const { reading, told } = readingOf();
  reading.begin(start, place(0, 4));
  reading.entries(entries(1, edit('a'), begun('b'), edit('c')), at(3));
  reading.entries(entries(4, edit('d')), at(4));
  expect(told).toEqual(['anew: beginning update update', 'read 4']);
});

test('a snapshot that broke off is no part of the next one', () => {
  const whole = docSnapshot(noLineage, Y.encodeStateAsUpdateV2(contentOf('some text')));
  const { reading, told, errors, shown } = readingOf();
  reading.begin(start, place(0, 5));
  reading.snapshot(whole.subarray(0, 12), undefined);
  reading.begin(start, place(0, 5));
  reading.snapshot(whole.subarray(0, 20), undefined);
  reading.snapshot(whole.subarray(20), at(5));
  expect([told, errors]).toEqual([['anew: snapshot', 'read 5'], []]);
  expect(shown[0]?.data).toEqual(whole);
});

test('a log that is gone on with is no other; one that has a gap, or was folded meanwhile, may lack what it held', () => {
  const whole = docSnapshot(noLineage, Y.encodeStateAsUpdateV2(contentOf('x')));
  const { reading, told } = readingOf();
  reading.begin({ via: 'recovered' }, place(3, 3));
  reading.snapshot(whole, at(5));
  reading.begin({ via: 'gap', reason: 'epoch' }, place(0, 5));
  reading.snapshot(whole, at(5));
  reading.begin({ via: 'gap', reason: 'epoch' }, place(0, 0));
  expect(told).toEqual([
    'read 3',
    ...['anew: snapshot, folded', 'read 5'],
    ...['anew: snapshot, gap', 'read 5'],
    ...['anew: , gap', 'read 0'],
  ]);
});

test('what was put together is for nothing when nobody follows any more, and what can not be read is told', () => {
  const { reading, told, errors } = readingOf();
  reading.begin(start, place(0, 2));
  reading.entries(entries(1, edit('a')), at(1));
  reading.end();
  expect(reading.caughtUp).toBe(false);
  reading.begin({ via: 'recovered' }, place(1, 2));
  reading.entries(entries(2, Uint8Array.of(99)), at(2));
  expect([told, errors.length]).toEqual([['read 1', 'read 2'], 1]);
});
