/**
 * The body of a plain HTTP request as what is in it: a text, or messages. Whoever takes bodies reads them here; it knows no request and no
 * channel.
 */
import { readPayload, splitList } from './codec.ts';
import { SyncError } from './codes.ts';

/** The text of a body in UTF-8, a byte order mark included. @throws SyncError `bad_payload` */
export function readText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new SyncError('bad_payload', 'The body is not UTF-8.');
  }
}

/**
 * The messages of a body in JSON, each as it was written: a list is taken apart, one level deep; anything else is one message.
 *
 * @param mayBeNone whether an empty list will do; default: no
 * @throws SyncError `bad_payload`
 * @example
 * readMessages(Buffer.from('[{"n": 1.0},[2]]')) // ['{"n": 1.0}', '[2]']
 */
export function readMessages(body: Uint8Array, mayBeNone = false): string[] {
  const text = readPayload(readText(body));
  const messages = text.startsWith('[') ? splitList(text) : [text];
  if (messages.length > 0 || mayBeNone) return messages;
  throw new SyncError('bad_payload', 'The list has no messages. Send at least one.');
}
