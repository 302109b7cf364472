/**
 * The kind for keyed values: vehicle positions, cursors, presence. An entry is `[key, value]`, or `[key]` for a removal,
 * and the log folds into the last value of each key. Keys are data: `__proto__` is a key like any other (rule C3).
 */

import { SyncError } from '../codes.ts';
import type { Data, Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';

/** One key's value, and the offset of the entry that set it: its version. */
export interface StateValue {
  readonly value: unknown;
  readonly version: number;
}

export interface StateView {
  readonly offset: number;
  readonly values: ReadonlyMap<string, StateValue>;
}

/** The text of an entry that sets `key`, or removes it when no value is given. */
export function stateData(key: string, value?: unknown): string {
  return JSON.stringify(value === undefined ? [key] : [key, value]);
}

export const stateKind: Kind<StateView> = {
  name: 'state',
  folds: true,
  empty: () => ({ offset: 0, values: new Map() }),
  apply: (view, entries) => {
    const values = new Map(view.values);
    let { offset } = view;
    for (const entry of entries) {
      if (entry.offset <= offset) continue;
      const [key, value] = change(entry.data);
      if (value === undefined) values.delete(key);
      else values.set(key, { value, version: entry.offset });
      offset = entry.offset;
    }
    return { offset, values };
  },
  snapshot: (view) =>
    JSON.stringify([...view.values].map(([key, { value, version }]) => [key, value, version])),
  restore: (snapshot, offset) => {
    const rows = parse(snapshot);
    if (!Array.isArray(rows)) throw damaged('its snapshot is not a list');
    const values = new Map<string, StateValue>();
    for (const row of rows as unknown[]) {
      if (!Array.isArray(row) || typeof row[0] !== 'string' || !Number.isSafeInteger(row[2]))
        throw damaged('a row of its snapshot is no [key, value, version]');
      values.set(row[0], { value: row[1] as unknown, version: row[2] as number });
    }
    return { offset, values };
  },
  conflate: (entries) => {
    const last = new Map<string, Entry>();
    for (const entry of entries) {
      const [key] = change(entry.data);
      last.delete(key);
      last.set(key, entry);
    }
    return [...last.values()];
  },
};

function change(data: Data): [key: string, value: unknown] {
  const parsed = parse(data);
  if (!Array.isArray(parsed) || typeof parsed[0] !== 'string') throw damaged('an entry is no [key, value]');
  return [parsed[0], parsed[1] as unknown];
}

function parse(data: Data): unknown {
  if (typeof data !== 'string') throw damaged('it holds bytes');
  try {
    return JSON.parse(data);
  } catch {
    throw damaged('it holds a text that is not JSON');
  }
}

function damaged(why: string): SyncError {
  return new SyncError('corrupt', `A state channel can't be read: ${why}.`);
}
