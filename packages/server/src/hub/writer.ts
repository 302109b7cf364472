/**
 * What the server itself appends: messages, and keys that it sets or removes. Whoever runs the node calls it through the
 * server's front. It takes the way that clients' payloads take, with nobody to ask whether it may.
 */
import { type Duration, type Position, SyncError } from '@syncline/protocol';
import { deleteOperation, milliseconds, setOperation } from '@syncline/protocol/wire';
import type { Hub } from '../hub.ts';
import { payloadText } from './admission.ts';

/** What may be said of a removal. */
export interface DeleteIf {
  /** Only if the key's value is of this version, the offset of the entry that set it; 0: only if there is none. */
  readonly ifVersion?: number;
}

/** What may be said of a value that is set. */
export interface SetFor extends DeleteIf {
  /** How long it stays without being set again, where that is less than the channel allows. */
  readonly ttl?: Duration;
  /** When it was so, in ms since 1970: it doesn't replace a value with a later `at`. */
  readonly at?: number;
}

export class Writer {
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  async publish(channel: string, data: unknown): Promise<Position> {
    return await this.#append(channel, payloadText(data));
  }

  async set(channel: string, key: string, value: unknown, options: SetFor = {}): Promise<Position> {
    this.#checkKeyed(channel);
    const { at, ttl, ifVersion } = options;
    const ttlMs = ttl === undefined ? undefined : Math.ceil(milliseconds(ttl, '`ttl`'));
    return await this.#append(channel, setOperation(key, payloadText(value), { at, ttlMs, ifVersion }));
  }

  async delete(channel: string, key: string, options: DeleteIf = {}): Promise<Position> {
    this.#checkKeyed(channel);
    return await this.#append(channel, deleteOperation(key, options));
  }

  async #append(channel: string, payload: string): Promise<Position> {
    const { admission } = this.#hub;
    const definition = this.#hub.definition(channel);
    const intake = admission.take(channel, payload, definition, null);
    const { append } = await admission.examine(channel, intake, definition);
    const { epoch, offset, check } = await (await this.#hub.open(channel)).append({ ...append, from: null });
    return { epoch, offset, check };
  }

  #checkKeyed(channel: string): void {
    const { kind } = this.#hub.definition(channel);
    if (kind !== 'state')
      throw new SyncError('unsupported_data', `"${channel}" is a ${kind}: it has no keys to set or delete.`);
  }
}
