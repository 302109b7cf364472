/**
 * The door for a field of a page that several write in: binds an input or textarea to a Y.Text, so that what two type at once stays,
 * and carets too. It is imported as `@syncline/client/text`. It must not know where the text comes from, nor who else has it.
 */
import type { Text, YTextEvent } from 'yjs';

/** What of a field is needed: any `<input>` of text and any `<textarea>` will do. */
export type TextField = Pick<
  HTMLTextAreaElement,
  'value' | 'scrollTop' | 'setSelectionRange' | 'addEventListener' | 'removeEventListener'
> & {
  readonly selectionStart: number | null;
  readonly selectionEnd: number | null;
  matches(selectors: string): boolean;
};

/**
 * Shows a text in a field from now on, and makes what is typed there the smallest edit of it. Both at once: a field that is shown a
 * moment later, as frameworks do with values of their state, loses what others type in between. So leave the field's value alone.
 *
 * While an input method composes, the field is left as it is; what others typed meanwhile is shown after that.
 *
 * @param text plain: without formats and embedded things
 * @param edit makes an edit: in a transaction of whatever origin an undo manager tracks. Default: one whose origin is the field
 * @returns ends it
 * @example
 * const unbind = bindText(textarea, board.doc.getText('text'))
 */
export function bindText(
  field: TextField,
  text: Text,
  edit: (run: () => void) => void = (run) => text.doc?.transact(run, field),
): () => void {
  /** What the text was when the field last showed it. */
  let shown = '';
  /** What has become of it since. */
  let missed: YTextEvent['delta'][] = [];
  let composing = false;

  const show = (...carets: readonly number[]): void => {
    const { scrollTop } = field;
    const [start, end] = carets;
    shown = text.toString();
    missed = [];
    if (field.value === shown) return;
    field.value = shown;
    field.scrollTop = scrollTop;
    // Elsewhere it would take the focus, in some browsers.
    if (field.matches(':focus')) field.setSelectionRange(start ?? 0, end ?? start ?? 0);
  };
  const moved = (place: number | null): number => missed.reduce(after, place ?? 0);
  const told = ({ delta }: YTextEvent): void => {
    missed.push(delta);
    if (!composing) show(moved(field.selectionStart), moved(field.selectionEnd));
  };
  const typed = (): void => {
    const { value } = field;
    if (composing || value === shown) return;
    const { start, end, added } = difference(shown, value, field.selectionEnd ?? value.length);
    const from = moved(start);
    const gone = moved(end) - from;
    // It is shown at the end of this, not while it is made.
    composing = true;
    edit(() => {
      text.delete(from, gone);
      text.insert(from, added);
    });
    composing = false;
    show(from + added.length);
  };
  const composes = (): void => {
    composing = true;
  };
  const composed = (): void => {
    composing = false;
    if (field.value === shown) show(moved(field.selectionStart), moved(field.selectionEnd));
    else typed();
  };

  show();
  text.observe(told);
  field.addEventListener('input', typed);
  field.addEventListener('compositionstart', composes);
  field.addEventListener('compositionend', composed);
  return () => {
    text.unobserve(told);
    field.removeEventListener('input', typed);
    field.removeEventListener('compositionstart', composes);
    field.removeEventListener('compositionend', composed);
  };
}

/** Where a place in a text is after an edit. What comes in right there comes behind it. */
function after(place: number, delta: YTextEvent['delta']): number {
  let at = 0;
  let now = place;
  for (const { retain = 0, insert = '', delete: gone = 0 } of delta) {
    const come = typeof insert === 'string' ? insert.length : 1;
    at += retain;
    if (at < now) now += come - Math.min(gone, now - at);
    at += come;
  }
  return now;
}

/**
 * What is to be done to a text for it to be another: from `start` to `end` it goes, and `added` comes. What stands behind the caret is
 * taken for what stood there before, so that of several letters that are alike the one that was typed is added.
 */
function difference(before: string, now: string, caret: number) {
  const most = Math.min(before.length, now.length);
  let tail = 0;
  while (tail < Math.min(most, now.length - caret) && before.at(-1 - tail) === now.at(-1 - tail)) tail++;
  let start = 0;
  while (start < most - tail && before[start] === now[start]) start++;
  // What two units of UTF-16 make is never taken apart.
  if (/[\ud800-\udbff]/.test(now[start - 1] ?? '')) start--;
  if (/[\udc00-\udfff]/.test(now.at(-tail) ?? '') && tail > 0) tail--;
  return { start, end: before.length - tail, added: now.slice(start, now.length - tail) };
}
