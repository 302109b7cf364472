/**
 * What a log of keyed values tells of one key, read from entries, from lines of a snapshot and from what a view is told. The state
 * channel and its views use it; it must not know who shows it.
 */
import type { GoneReason } from '@syncline/protocol/wire';
import type { Channel } from './channel.ts';
import type { StateEntry } from './entries.ts';

/** What a key holds now, or, where it holds nothing any more, why. */
export interface Row<V> {
  readonly key: string;
  readonly entry: StateEntry<V> | undefined;
  readonly gone: GoneReason;
}

/** What follows a key in an entry: nothing, or a value and what is said of it besides. */
export type Rest = readonly [
  value?: unknown,
  facts?: { readonly at?: number; readonly expired?: boolean } | undefined,
];

/** What a snapshot, or what a view is told, says of a key that has a value (rule K8). */
export type Line = readonly [
  key: string,
  value: unknown,
  version: number,
  since: number,
  from: string | null,
  Rest[1],
];

/** What an entry does to a key. A value that isn't what the contract says is none. */
export function readRow<V>(
  channel: Pick<Channel<V>, 'decode'>,
  key: string,
  rest: Rest,
  version: number,
  since: number,
  from: string | null,
): Row<V> | Promise<Row<V>> {
  const [value, { at, expired } = {}] = rest;
  const none: Row<V> = { key, entry: undefined, gone: expired ? 'expire' : 'delete' };
  if (rest.length === 0 || expired) return none;
  const make = (valid: V): Row<V> => {
    const entry = { value: valid, version, since, from, ...(at !== undefined && { at }) };
    return { ...none, entry };
  };
  return channel.decode(version, value, make, none);
}

/** What a line of a snapshot says of its key. */
export function readLine<V>(
  channel: Pick<Channel<V>, 'decode'>,
  [key, value, version, since, from, facts]: Line,
): Row<V> | Promise<Row<V>> {
  return readRow(channel, key, [value, facts], version, since, from);
}
