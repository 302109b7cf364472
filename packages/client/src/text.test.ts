/**
 * A field that is bound to a text: what is typed becomes the smallest edit, what others type is shown at once, and the caret stays in
 * the words where it was. The field is as browsers have it, as far as the binding looks; in a browser tests/browser does the same.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { bindText, type TextField } from './text.ts';

/** A field with the caret where it was put, that says when someone typed. */
class Field extends EventTarget implements TextField {
  value = '';
  scrollTop = 0;
  selectionStart = 0;
  selectionEnd = 0;
  focused = true;

  matches(): boolean {
    return this.focused;
  }

  setSelectionRange(start: number, end: number): void {
    this.selectionStart = start;
    this.selectionEnd = end;
  }

  /** Types over what is selected. */
  type(text: string, from = this.selectionStart, to = Math.max(from, this.selectionEnd)): void {
    this.value = this.value.slice(0, from) + text + this.value.slice(to);
    this.setSelectionRange(from + text.length, from + text.length);
    this.dispatchEvent(new Event('input'));
  }
}

function bound(content = '') {
  const doc = new Y.Doc();
  const text = doc.getText('text');
  text.insert(0, content);
  const field = new Field();
  const deltas: unknown[] = [];
  text.observe(({ delta }) => deltas.push(delta));
  const unbind = bindText(field, text);
  return { doc, text, field, deltas, unbind };
}

describe('typing', () => {
  test('shows what the text is, and makes what is typed the smallest edit', () => {
    const { text, field, deltas } = bound('milk and bread');
    expect(field.value).toBe('milk and bread');
    field.type('oat ', 0);
    field.type('jam', 13, 18);
    expect(text.toString()).toBe('oat milk and jam');
    expect(deltas).toEqual([[{ insert: 'oat ' }], [{ retain: 13 }, { delete: 5 }, { insert: 'jam' }]]);
    expect(field.selectionStart).toBe(16);
  });

  test('of letters that are alike the one at the caret is added and taken away', () => {
    const { field, deltas } = bound('aaa');
    field.type('a', 1);
    field.type('', 0, 1);
    expect(deltas).toEqual([[{ retain: 1 }, { insert: 'a' }], [{ delete: 1 }]]);
  });

  test('an emoji is never taken apart', () => {
    const { text, field } = bound('a😀b');
    field.type('😁', 1, 3);
    expect(text.toString()).toBe('a😁b');
    field.type('🈁', 1, 3);
    expect(text.toString()).toBe('a🈁b');
  });

  test('an undo manager that tracks the field takes back what was typed there only', () => {
    const { text, field } = bound('a');
    const undo = new Y.UndoManager(text, { trackedOrigins: new Set([field]) });
    field.type('b', 1);
    text.insert(0, '0');
    undo.undo();
    expect(field.value).toBe('0a');
  });

  test('whoever makes edits in their own way does', () => {
    const doc = new Y.Doc();
    const field = new Field();
    const origins: unknown[] = [];
    doc.on('update', (_: Uint8Array, origin: unknown) => origins.push(origin));
    bindText(field, doc.getText('text'), (run) => doc.transact(run, 'pen'));
    field.type('a');
    expect(origins).toEqual(['pen']);
  });

  test('nothing is bound any more once it is unbound', () => {
    const { text, field, unbind } = bound('a');
    unbind();
    field.type('b');
    text.insert(0, 'c');
    expect([field.value, text.toString()]).toEqual(['ba', 'ca']);
  });
});

describe('what others type', () => {
  test.each([
    ['before the caret', 0, 0, 'more ', 10],
    ['at the caret', 5, 0, 'more ', 5],
    ['behind it', 9, 0, 'more ', 5],
    ['by taking away what is before it', 0, 3, '', 2],
    ['by taking away what is around it', 4, 5, '', 4],
  ])('%s: it stays in its words', (_, at, gone, come, caret) => {
    const { text, field } = bound('milk and bread');
    field.setSelectionRange(5, 5);
    text.doc?.transact(() => {
      text.delete(at, gone);
      text.insert(at, come);
    });
    expect(field.value).toBe(text.toString());
    expect([field.selectionStart, field.selectionEnd]).toEqual([caret, caret]);
  });

  test('a field that has no focus gets none, and none is scrolled', () => {
    const { text, field } = bound('a\nb');
    field.focused = false;
    field.scrollTop = 40;
    text.insert(0, 'c');
    expect([field.value, field.selectionStart, field.scrollTop]).toEqual(['ca\nb', 0, 40]);
  });

  test('while something is composed waits, and what was composed goes where it belongs', () => {
    const { text, field } = bound('milk bread');
    field.setSelectionRange(5, 5);
    field.dispatchEvent(new Event('compositionstart'));
    field.type('に');
    text.insert(0, 'oat ');
    expect([field.value, text.toString()]).toEqual(['milk にbread', 'oat milk bread']);
    field.type('日', 5, 6);
    field.dispatchEvent(new Event('compositionend'));
    expect(text.toString()).toBe('oat milk 日bread');
    expect([field.value, field.selectionStart]).toEqual(['oat milk 日bread', 10]);
  });

  test('while nothing comes of what is composed is shown after it', () => {
    const { text, field } = bound('a');
    field.dispatchEvent(new Event('compositionstart'));
    text.insert(0, 'b');
    expect(field.value).toBe('a');
    field.dispatchEvent(new Event('compositionend'));
    expect(field.value).toBe('ba');
  });
});

test('two who type at once, in any order and with any delay, lose nothing, and end with the same', () => {
  const step = fc.record({
    who: fc.constantFrom(0, 1),
    act: fc.constantFrom('type', 'type', 'erase', 'hear'),
    at: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const ends = [bound(), bound()];
      const queues: Uint8Array[][] = [[], []];
      ends.forEach(({ doc }, me) => {
        doc.on('update', (update: Uint8Array, origin: unknown) => {
          if (origin !== 'far') queues[1 - me]?.push(update);
        });
      });
      const hear = (me: number) => {
        for (const update of queues[me]?.splice(0) ?? [])
          Y.applyUpdate(ends[me]?.doc as Y.Doc, update, 'far');
      };
      let typed = 0;
      let erased = 0;
      for (const { who, act, at } of steps) {
        const field = ends[who]?.field as Field;
        const place = Math.min(at, field.value.length);
        if (act === 'hear') hear(who);
        else if (act === 'type') {
          field.type('ab'[who] ?? '', place, place);
          typed++;
        } else if (place > 0) {
          field.type('', place - 1, place);
          erased++;
        }
        expect(field.value).toBe(ends[who]?.text.toString());
      }
      hear(0);
      hear(1);
      const [a, b] = ends.map(({ field, text }) => [field.value, text.toString()]);
      expect(a).toEqual(b);
      expect(a?.[0]).toBe(a?.[1]);
      // Two may erase the same letter.
      expect(a?.[0]?.length).toBeGreaterThanOrEqual(typed - erased);
    }),
    { numRuns: 200 },
  );
});
