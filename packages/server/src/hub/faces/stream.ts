/**
 * Messages as plain HTTP shows them: a list of JSON values, each as its author wrote it. Of stamped channels the payload alone. The faces
 * of a node hand it out; it knows entries and no request.
 */
import { SyncError } from '@syncline/protocol';
import { readMessages } from '@syncline/protocol/wire';
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
  payloads: (body) => readMessages(body),
};
