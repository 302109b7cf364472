/**
 * A form with one field: the message, a name, a room. Enter sends it; what was typed and neither sent nor given up is kept while
 * the page lives. The main ones take the focus. It must not know what becomes of an answer.
 */
import { useState } from 'preact/hooks';

const drafts = new Map<string, string>();
/** Gives up what was typed there. */
export const forget = (about: string): unknown => drafts.delete(about);
const focus = (field: HTMLElement | null): void => field?.focus();

interface AskProps {
  readonly label: string;
  /** What is asked for, where several forms have one label: what is typed is kept under it. Default: the label. */
  readonly about?: string;
  readonly button: string;
  readonly charsMax: number;
  /** What stands in the field at first. */
  readonly first?: string;
  /** Whether Shift and Enter begin a new line. */
  readonly lines?: boolean;
  readonly onAnswer: (text: string) => void;
  /** Called while something is being typed. */
  readonly onType?: (() => void) | undefined;
  /** Called on Escape, when what was typed is given up. */
  readonly onCancel?: (() => void) | undefined;
}

export function Ask({ label, about = label, button, charsMax, first, lines = false, ...on }: AskProps) {
  const [text, setText] = useState(drafts.get(about) || first || '');
  const write = (next: string): void => {
    drafts.set(about, next);
    setText(next);
  };
  const send = (event: Event): void => {
    event.preventDefault();
    if (text.trim()) on.onAnswer(text.trim());
    write('');
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && on.onCancel) {
      forget(about);
      on.onCancel();
    }
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
  };
  const onInput = ({ currentTarget: { value } }: { currentTarget: HTMLTextAreaElement }): void => {
    write(value);
    if (value.trim()) on.onType?.();
  };
  const ref = lines || first !== undefined ? focus : null;
  const attributes = { ref, placeholder: label, maxLength: charsMax, value: text, onInput, onKeyDown };
  const Field = (lines ? 'textarea' : 'input') as 'textarea';
  return (
    <form onSubmit={send}>
      <Field aria-label={label} {...attributes} />
      {text.length > charsMax * 0.9 && <output>{charsMax - text.length}</output>}
      <button type="submit">{button}</button>
    </form>
  );
}
