/**
 * What is stored of the body of a request to a durable log: the bytes as they came, or of JSON the messages in it, so that what is read
 * joins into one list whatever each request held. Whoever takes requests calls it; it knows no log.
 */
import { SyncError } from '@syncline/protocol';
import { readPayload, splitList } from '@syncline/protocol/wire';
import { type Body, essence } from './judge.ts';

/** What is stored of a body. @param creates an empty list is no fault then: the log begins with nothing */
export function bodyOf(type: string, bytes: Uint8Array, creates: boolean): Body {
  if (bytes.length === 0 || essence(type) !== 'application/json') return { bytes, fault: null };
  try {
    const messages = messagesOf(readPayload(textOf(bytes)));
    if (messages.length === 0 && !creates)
      throw new SyncError('bad_payload', 'The list has no messages. Send at least one.');
    return { bytes: Buffer.from(messages.join(',')), fault: null };
  } catch (thrown) {
    if (thrown instanceof SyncError) return { bytes, fault: thrown.message };
    throw thrown;
  }
}

/** A list is taken apart, one level deep; anything else is one message. */
function messagesOf(text: string): readonly string[] {
  return text.startsWith('[') ? splitList(text) : [text];
}

/** @throws SyncError `bad_payload` */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SyncError('bad_payload', 'The body is not UTF-8.');
  }
}
