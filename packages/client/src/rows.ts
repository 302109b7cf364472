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

/** What is said of a value besides. */
type Facts = { readonly at?: number; readonly expired?: boolean } | undefined;

/** What an entry of the log does to a key (rule K1). */
export type Operation = readonly [key: string, value?: unknown, facts?: Facts];

/** What a snapshot, or what a view is told, says of a key that has a value (rule K8). */
export type Line = readonly [
  key: string,
  value: unknown,
  version: number,
  since: number,
  from: string | null,
  facts?: Facts,
];

/** What a line says of its key, or an entry that was made one. A value that isn't what the contract says is none. */
export function readLine<V>(
  channel: Pick<Channel<V>, 'decode'>,
  [key, value, version, since, from, { at, expired } = {}]: Line,
): Row<V> | Promise<Row<V>> {
  const none: Row<V> = { key, entry: undefined, gone: expired ? 'expire' : 'delete' };
  // JSON has no undefined: where there is no value the key was removed.
  if (value === undefined || expired) return none;
  const make = (valid: V): Row<V> => {
    const entry = { value: valid, version, since, from, ...(at !== undefined && { at }) };
    return { ...none, entry };
  };
  return channel.decode(version, value, make, none);
}
