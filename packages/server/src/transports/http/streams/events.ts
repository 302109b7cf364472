/**
 * Server-sent events as bytes: what was appended, and after it where the reader stands, so that one buffer can be written to any number of
 * readers. sse.ts writes them. It knows messages and places, no response.
 */
import type { Position } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Form } from '../../../hub/face.ts';
import { writeToken } from '../../../hub/token.ts';

/** What a reader is told of where it stands. */
export interface Standing {
  readonly at: Position;
  readonly cursor: number;
  readonly upToDate: boolean;
  readonly closed: boolean;
}

/** A line that is no event, and keeps the connection busy. */
export const heartbeat: Uint8Array = Buffer.from(':\n');

/** Says after how many ms a browser comes back when the connection is over. */
export function retryIn(ms: number): Uint8Array {
  return Buffer.from(`retry: ${ms}\n\n`);
}

/**
 * What was appended, and where the reader stands then. A browser that has the first knows its place by its id, even when the second is
 * lost.
 */
export function eventsOf(form: Form, messages: readonly Data[], standing: Standing): Uint8Array {
  if (messages.length === 0) return Buffer.from(controlEvent(standing, true));
  const data = `event: data\nid: ${writeToken(standing.at)}\n${lines(textOf(form, messages))}\n`;
  return Buffer.from(data + controlEvent(standing, false));
}

/** Where the reader stands. @param named whether its id isn't that of an event before it */
export function controlEvent({ at, cursor, upToDate, closed }: Standing, named: boolean): string {
  const streamNextOffset = writeToken(at);
  const told = {
    streamNextOffset,
    ...(!closed && { streamCursor: String(cursor) }),
    ...(upToDate && { upToDate }),
    ...(closed && { streamClosed: true }),
  };
  return `event: control\n${named ? `id: ${streamNextOffset}\n` : ''}data: ${JSON.stringify(told)}\n\n`;
}

/**
 * A part of what is one event, however many parts it has: nobody is told of it before it is whole.
 *
 * @param at where the reader stands once it has all of it
 */
export function partOf(
  form: Form,
  messages: readonly Data[],
  { isFirst, isLast }: { readonly isFirst: boolean; readonly isLast: boolean },
  at: Position,
): Uint8Array {
  const [before, after] = form === 'json' ? [isFirst ? '[' : ',', isLast ? ']' : ''] : ['', ''];
  const head = isFirst ? `event: data\nid: ${writeToken(at)}\n` : '';
  const none = messages.length === 0 && before !== '[' && after === '';
  const text =
    form === 'json' ? `${before}${messages.map(String).join(',')}${after}` : textOf(form, messages);
  return Buffer.from(`${head}${none ? '' : lines(text)}${isLast ? '\n' : ''}`);
}

/** Messages as one text, as it is between the marks of an event. */
function textOf(form: Form, messages: readonly Data[]): string {
  if (form === 'json') return `[${messages.map(asText).join(',')}]`;
  if (form === 'text') return messages.map(asText).join('');
  return Buffer.concat(messages.map((message) => Buffer.from(message))).toString('base64');
}

function asText(message: Data): string {
  return typeof message === 'string' ? message : Buffer.from(message).toString();
}

/** A text as lines of an event: whatever ends a line in it begins another one, so that no text can end the event or name another. */
function lines(text: string): string {
  return `${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n')}\n`;
}
