/**
 * The kind for keyed values: vehicle positions, cursors, presence. An entry is `[key, value]`, or `[key]` for a removal,
 * and the log folds into the last value of each key. Keys are data: `__proto__` is a key like any other (rule C3).
 * Values stay the texts that their authors sent: whoever wants one parses it.
 */

import { SyncError } from '../codes.ts';
import type { Data, Entry } from '../entry.ts';
import type { Kind } from '../kind.ts';
import { elements, unbounded } from '../scan.ts';

/**
 * What an author adds to a value: when it was so, as its device knows the time, and how long it may stay, both in ms. And what
 * a server adds to a member's: the node that holds it (rule N8).
 */
export interface StateFacts {
  readonly at?: number | undefined;
  readonly ttlMs?: number | undefined;
  readonly node?: string | undefined;
}

/** One key's value. */
export interface StateValue extends StateFacts {
  /** JSON, as its author sent it; only line ends between its members are spaces here. */
  readonly text: string;
  /** The offset of the entry that set it. */
  readonly version: number;
  /** The server's time when it was set, in ms since 1970. */
  readonly since: number;
  readonly from: string | null;
}

/** What one entry does to one key. */
export type StateChange =
  | { readonly op: 'set'; readonly key: string; readonly value: StateValue }
  | { readonly op: 'delete' | 'expire'; readonly key: string };

export interface StateView {
  readonly offset: number;
  /** In the order of their versions. */
  readonly values: ReadonlyMap<string, StateValue>;
}

/** A snapshot's lines are about this long at most, in characters; a line of one row may be longer. */
const lineCharsMax = 64 * 1024;

/** The text of an entry that sets `key` to a value, given as JSON. */
export function setEntry(key: string, value: string, facts: StateFacts = {}): string {
  return `[${JSON.stringify(key)},${value}${tail(facts)}]`;
}

/** The same entry with facts behind its value, of which it had none. */
export function withFacts(entry: string, facts: StateFacts): string {
  return `${entry.slice(0, -1)}${tail(facts)}]`;
}

/** The text of an entry that removes `key`. */
export function deleteEntry(key: string): string {
  return JSON.stringify([key]);
}

/** The text of an entry that tells that the value of `key` has lived its time. */
export function expireEntry(key: string): string {
  return `[${JSON.stringify(key)},null,{"expired":true}]`;
}

/** What an entry of a state channel does. @throws SyncError `corrupt` for what is no such entry */
export function readStateEntry(entry: Pick<Entry, 'offset' | 'at' | 'from' | 'data'>): StateChange {
  const [key, text, facts] = readList(entry.data, 'an entry is no [key, value]');
  if (typeof key !== 'string') throw damaged('an entry is no [key, value]');
  if (text === undefined) return { op: 'delete', key };
  const { expired, ...said } = readFacts(facts);
  if (expired === true) return { op: 'expire', key };
  const { offset: version, at: since, from } = entry;
  return { op: 'set', key, value: { text, version, since, from, ...said } };
}

/** A value as a row of a snapshot (rule K8). */
export function stateRow(key: string, { text, version, since, from, ...facts }: StateValue): string {
  return `[${JSON.stringify(key)},${text},${version},${since},${JSON.stringify(from)}${tail(facts)}]`;
}

/**
 * Values as the lines of a snapshot (rules K8, S9), one at a time, so that whoever has many may pause between them. Each line
 * is a list of rows; there is one line at least.
 */
export function* stateLines(
  values: Iterable<readonly [key: string, value: StateValue]>,
): Generator<string, void, undefined> {
  let line = '';
  for (const [key, value] of values) {
    const row = stateRow(key, value);
    if (line !== '' && line.length + row.length > lineCharsMax) {
      yield `[${line}]`;
      line = '';
    }
    line = line === '' ? row : `${line},${row}`;
  }
  yield `[${line}]`;
}

/** The rows of one line of a snapshot. @throws SyncError `corrupt` */
export function readStateLine(line: string): (readonly [key: string, value: StateValue])[] {
  return textsOf(line, 'its snapshot is not a list').map((row) => {
    const fault = 'a row of its snapshot is no [key, value, version, since, from]';
    const [key, text, ...rest] = readList(row, fault);
    const [version, since, from] = rest.slice(0, 3).map(parse);
    const whole = typeof key === 'string' && text !== undefined && Number.isSafeInteger(version);
    if (!whole || !Number.isSafeInteger(since) || !(from === null || typeof from === 'string'))
      throw damaged(fault);
    const { expired: _, ...facts } = readFacts(rest[3]);
    return [key, { text, version: version as number, since: since as number, from, ...facts }];
  });
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
      const change = readStateEntry(entry);
      values.delete(change.key);
      if (change.op === 'set') values.set(change.key, change.value);
      offset = entry.offset;
    }
    return { offset, values };
  },
  snapshot: (view) => [...stateLines(view.values)].join('\n'),
  restore: (snapshot, offset) => {
    if (typeof snapshot !== 'string') throw damaged('it holds bytes');
    return { offset, values: new Map(snapshot.split('\n').flatMap(readStateLine)) };
  },
  conflate: (entries) => {
    const last = new Map<string, Entry>();
    for (const entry of entries) {
      const { key } = readStateEntry(entry);
      last.delete(key);
      last.set(key, entry);
    }
    return [...last.values()];
  },
};

/** What follows a value, where there is something to say of it. */
function tail({ at, ttlMs, node }: StateFacts): string {
  const none = at === undefined && ttlMs === undefined && node === undefined;
  return none ? '' : `,${JSON.stringify({ at, ttlMs, node })}`;
}

/** A list's first element, which must be the text of a key, and the texts of the others. Line ends would part a snapshot. */
function readList(data: Data, fault: string): [key: unknown, ...texts: string[]] {
  const [key, ...texts] = textsOf(data, fault);
  if (texts[0]?.includes('\n')) texts[0] = texts[0].replaceAll('\n', ' ');
  return [parse(key ?? ''), ...texts];
}

function readFacts(text: string | undefined): { expired?: unknown } & StateFacts {
  if (text === undefined) return {};
  const facts = parse(text);
  if (typeof facts !== 'object' || facts === null) return {};
  const { expired, at, ttlMs, node } = facts as Record<string, unknown>;
  const time = (value: unknown) => (typeof value === 'number' ? value : undefined);
  // Left out where there is none, as nearly everywhere: a node holds many values.
  const held = typeof node === 'string' ? { node } : {};
  return { expired, at: time(at), ttlMs: time(ttlMs), ...held };
}

function textsOf(data: Data, fault: string): string[] {
  if (typeof data !== 'string') throw damaged('it holds bytes');
  try {
    return elements(data, unbounded);
  } catch {
    throw damaged(fault);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged('it holds a text that is not JSON');
  }
}

function damaged(why: string): SyncError {
  return new SyncError('corrupt', `A state channel can't be read: ${why}.`);
}
