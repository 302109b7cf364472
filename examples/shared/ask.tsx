/**
 * A form with one field: the message, a name, a room. Enter sends it; what was typed and not sent is kept while the page
 * lives. The main ones take the focus. It must not know what becomes of an answer.
 */
import { useState } from 'preact/hooks';

const drafts = new Map<string, string>();
const focus = (field: HTMLElement | null): void => field?.focus();

interface AskProps {
  readonly label: string;
  readonly button: string;
  readonly charsMax: number;
  /** What stands in the field at first. */
  readonly first?: string;
  /** Whether Shift and Enter begin a new line. */
  readonly lines?: boolean;
  readonly onAnswer: (text: string) => void;
  /** Called while something is being typed. */
  readonly onType?: (() => void) | undefined;
  /** Called on Escape. */
  readonly onCancel?: (() => void) | undefined;
}

export function Ask({ label, button, charsMax, first, lines = false, ...on }: AskProps) {
  const [text, setText] = useState(drafts.get(label) || first || '');
  const write = (next: string): void => {
    drafts.set(label, next);
    setText(next);
  };
  const send = (event: Event): void => {
    event.preventDefault();
    if (text.trim()) on.onAnswer(text.trim());
    write('');
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') on.onCancel?.();
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
