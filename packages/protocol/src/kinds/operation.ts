/**
 * What a client publishes on a state channel: not an entry, but an operation with the conditions under which it holds (rule
 * K1). Clients write operations and the server's intake reads them; what becomes of one is not decided here.
 */

import { SyncError } from '../codes.ts';
import { describe } from '../field.ts';
import { keyCharsMax } from '../limits.ts';
import { elements, unbounded } from '../scan.ts';

/** What an author may say of a value that it sets. */
export interface SetOptions {
  /** When it was so, in ms since 1970 as the author's device knows it: an older value doesn't replace a newer one (rule K4). */
  readonly at?: number | undefined;
  /** How long it stays without being set again, in ms, where that is less than the channel allows. */
  readonly ttlMs?: number | undefined;
  /** Set it only if the key's value is of this version; 0: only if there is none. */
  readonly ifVersion?: number | undefined;
}

export type StateOperation =
  | (SetOptions & { readonly op: 'set'; readonly key: string; readonly text: string })
  | { readonly op: 'delete'; readonly key: string; readonly ifVersion?: number | undefined };

/** The least that each option may be. All are whole numbers. */
const least: { readonly [O in keyof Required<SetOptions>]: number } = { at: 0, ttlMs: 1, ifVersion: 0 };
const optionsOf = { set: ['at', 'ttlMs', 'ifVersion'], delete: ['ifVersion'] } as const;

/** The payload that sets `key` to a value, given as JSON. */
export function setOperation(key: string, value: string, { at, ttlMs, ifVersion }: SetOptions = {}): string {
  return `["set",${JSON.stringify(key)},${value}${tail({ at, ttlMs, ifVersion })}]`;
}

/** The payload that removes `key`. */
export function deleteOperation(key: string, { ifVersion }: Pick<SetOptions, 'ifVersion'> = {}): string {
  return `["delete",${JSON.stringify(key)}${tail({ ifVersion })}]`;
}

/**
 * Reads a payload, which is JSON, as an operation. What isn't known is refused rather than passed over: a condition with a
 * typing error in it would else be none.
 *
 * @throws SyncError `bad_payload`
 */
export function readStateOperation(payload: string): StateOperation {
  const texts = payload.startsWith('[') ? elements(payload, unbounded) : [];
  const op: unknown = JSON.parse(texts[0] ?? 'null');
  if (op !== 'set' && op !== 'delete')
    throw refused('a list that begins with "set" or "delete"', texts.length > 0 ? op : JSON.parse(payload));
  const key: unknown = texts[1] === undefined ? undefined : JSON.parse(texts[1]);
  if (typeof key !== 'string' || key.length < 1 || key.length > keyCharsMax)
    throw refused(`a key of 1 to ${keyCharsMax} characters after "${op}"`, key);
  const [text, options, ...more] = op === 'set' ? texts.slice(2) : [undefined, ...texts.slice(2)];
  if (op === 'set' && text === undefined) throw refused('a value after the key', undefined);
  if (more[0] !== undefined) throw refused('nothing after the options', JSON.parse(more[0]));
  const read = options === undefined ? {} : readOptions(JSON.parse(options), optionsOf[op]);
  return op === 'set' ? { op, key, text: text ?? '', ...read } : { op, key, ifVersion: read.ifVersion };
}

function readOptions(given: unknown, known: readonly (keyof SetOptions)[]): SetOptions {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw refused(`its options to be an object of ${known.join(', ')}`, given);
  const entries = Object.entries<unknown>({ ...given }).map(([name, value]) => {
    const option = known.find((one) => one === name);
    if (!option) throw refused(`its options to be of ${known.join(', ')}`, name);
    // The sum with 0 turns -0, which JSON can say, into 0.
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least[option])
      return [option, value + 0];
    throw refused(`\`${option}\` to be an integer from ${least[option]} up`, value);
  });
  return Object.fromEntries(entries) as SetOptions;
}

function tail(options: SetOptions): string {
  const text = JSON.stringify(options);
  return text === '{}' ? '' : `,${text}`;
}

function refused(expected: string, got: unknown): SyncError {
  return new SyncError(
    'bad_payload',
    `What is published on a state channel is an operation: expected ${expected}, got ${describe(got)}. Such as ["set", "key", value] or ["delete", "key"].`,
  );
}
