/**
 * What is stored of the body of a request to a durable log: the bytes as they came, or of JSON the messages in it, so that what is read
 * joins into one list whatever each request held. Whoever takes requests calls it; it knows no log.
 */
import { SyncError } from '@syncline/protocol';
import { readMessages } from '@syncline/protocol/wire';
import { type Body, essence } from './judge.ts';

/** What is stored of a body. @param creates an empty list is no fault then: the log begins with nothing */
export function bodyOf(type: string, bytes: Uint8Array, creates: boolean): Body {
  if (bytes.length === 0 || essence(type) !== 'application/json') return { bytes, fault: null };
  try {
    return { bytes: Buffer.from(readMessages(bytes, creates).join(',')), fault: null };
  } catch (thrown) {
    if (thrown instanceof SyncError) return { bytes, fault: thrown.message };
    throw thrown;
  }
}
