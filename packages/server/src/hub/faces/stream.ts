/**
 * Messages as plain HTTP shows them: a list of JSON values, each as its author wrote it. Of stamped channels the payload alone. The faces
 * of a node hand it out; it knows entries and no request.
 */
import { SyncError } from '@syncline/protocol';
import { readPayload, splitList } from '@syncline/protocol/wire';
import type { Face } from '../face.ts';

export const streamFace: Face = {
  type: 'application/json',
  form: 'json',
  name: 'messages',
  messages: ({ entries }) => entries.map(({ data }) => data),
  ends: () => undefined,
  snapshot: () => {
    throw new SyncError('corrupt', 'There is a snapshot where only messages are kept.');
  },
  payloads: (body) => jsonMessages(body),
};

/**
 * The messages in the body of a request: a list is taken apart, one level deep; anything else is one message.
 *
 * @throws SyncError `bad_payload`
 */
export function jsonMessages(body: Uint8Array): readonly string[] {
  const text = readPayload(textOf(body));
  if (!text.startsWith('[')) return [text];
  const messages = splitList(text);
  if (messages.length > 0) return messages;
  throw new SyncError('bad_payload', 'The list has no messages. Send at least one.');
}

/** @throws SyncError `bad_payload` */
function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new SyncError('bad_payload', 'The body is not UTF-8.');
  }
}
