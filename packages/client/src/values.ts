/**
 * What the client must know of values that it neither makes nor looks into: how the contract has them, and whether their text can be
 * sent. Channels, presence and signals use it; it must not know what a value is for.
 */
import { SyncError } from '@syncline/protocol';
import { tooMuch } from './faults.ts';
import { payloadFault } from './frames.ts';

/** How the contract has a value; throws where it hasn't. */
export type Validate<V> = (value: unknown) => V | Promise<V>;

/** What the contract says of a channel, as far as a client goes by it; undefined where only the server has one. */
export type Terms<V = unknown, P = unknown> =
  | {
      readonly validate: Validate<V> | undefined;
      readonly presence?: Terms<P> | null;
    }
  | undefined;

/** A value as JSON, taken now; an error where it is none. */
export function textOf(value: unknown): string | SyncError {
  try {
    return JSON.stringify(value) ?? badPayload('It is no JSON value.');
  } catch (thrown) {
    return badPayload(thrown);
  }
}

/** Why a value's text can't be sent to a server that takes so many bytes; undefined when it can. */
export function textFault(text: string, payloadBytesMax: number): SyncError | undefined {
  if (new TextEncoder().encode(text).length > payloadBytesMax)
    return new SyncError('payload_too_large', tooMuch(`${payloadBytesMax} bytes`));
  const fault = payloadFault(text);
  return fault === undefined ? undefined : badPayload(fault);
}

/** Why a value doesn't go through, in the words of whoever found out. */
export function badPayload(thrown: unknown, prefix = ''): SyncError {
  return new SyncError('bad_payload', prefix + (thrown instanceof Error ? thrown.message : thrown));
}
