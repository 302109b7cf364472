/**
 * What must hold of a payload before a channel takes it: its size, its sort, its schema. Sessions ask it for what clients
 * send, the server for its own publishes. It knows definitions and values; not who publishes, nor how it came.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import { type Data, readPayload, validate } from '@syncline/protocol/wire';
import { show } from '../options.ts';

/** Size and sort, for whatever is appended. @throws SyncError `payload_too_large`, `unsupported_data` */
export function checkData(channel: string, data: Data, { carries }: Definition, bytesMax: number): void {
  const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
  if (bytes > bytesMax)
    throw new SyncError(
      'payload_too_large',
      `The payload has ${bytes} bytes; this server takes up to ${bytesMax}.`,
    );
  if ((typeof data === 'string' ? 'json' : 'bytes') !== carries)
    throw new SyncError('unsupported_data', `"${channel}" carries ${carries === 'json' ? 'JSON' : 'bytes'}.`);
}

/** What a text stands for, held to the channel's schema: what is validated is what travels. @throws SyncError `bad_payload` */
export async function checkValue(text: string, { schema }: Definition): Promise<unknown> {
  const value: unknown = JSON.parse(text);
  if (schema) await validate(schema, value);
  return value;
}

/** The text of a payload given as a value. @throws SyncError `bad_payload` for what JSON can't say */
export function payloadText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (thrown) {
    throw new SyncError(
      'bad_payload',
      `The payload can't be written as JSON: ${thrown instanceof Error ? thrown.message : 'it is not a JSON value'}.`,
    );
  }
  if (text === undefined)
    throw new SyncError('bad_payload', `Expected the payload to be a JSON value, got ${show(value)}.`);
  return readPayload(text);
}
