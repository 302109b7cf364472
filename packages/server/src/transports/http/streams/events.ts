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
  const data = `${idOf(standing.at)}event: data\n${lines(textOf(form, messages))}\n`;
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
  return `${named ? idOf(at) : ''}event: control\ndata:${JSON.stringify(told)}\n\n`;
}

/** The line by which a browser knows where it stands once it has the event that it is of. */
function idOf(at: Position): string {
  return `id:${writeToken(at)}\n`;
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
  const head = isFirst ? `${idOf(at)}event: data\n` : '';
  const comma = isFirst || messages.length === 0 ? '' : ',';
  const list = `${isFirst ? '[' : comma}${messages.map(asText).join(',')}${isLast ? ']' : ''}`;
  const text = form === 'json' ? list : textOf(form, messages);
  return Buffer.from(`${head}${text === '' ? '' : lines(text)}${isLast ? '\n' : ''}`);
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

/**
 * A text as lines of an event: whatever ends a line in it begins another one, so that no text can end the event or name another. Of a
 * line's own first space readers take one away.
 */
function lines(text: string): string {
  const named = text.split(/\r\n|\r|\n/).map((line) => `data:${line.startsWith(' ') ? ' ' : ''}${line}\n`);
  return named.join('');
}
