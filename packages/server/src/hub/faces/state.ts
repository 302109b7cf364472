/**
 * Keyed values as plain HTTP shows them: the change and control messages of the Durable Streams State Protocol, and the same changes
 * taken back as what clients publish. The faces of a node hand it out; it knows entries and no request.
 */
import { type Position, SyncError } from '@syncline/protocol';
import {
  deleteOperation,
  readMessages,
  readStateEntry,
  readStateLine,
  type StateValue,
  setOperation,
  splitList,
} from '@syncline/protocol/wire';
import { show } from '../../options/show.ts';
import type { Face, SnapshotFace } from '../face.ts';
import { writeToken } from '../token.ts';

/**
 * The face of a state channel.
 *
 * @param type what its values are called, as each message says it
 */
export function stateFace(type: string): Face {
  const word = JSON.stringify(type);
  return {
    type: 'application/json',
    form: 'json',
    name: 'changes',
    messages: ({ entries }) =>
      entries.map((entry) => {
        const change = readStateEntry(entry);
        const headers = { operation: change.op === 'set' ? 'update' : 'delete', timestamp: timeOf(entry.at) };
        return changeText(word, change.key, change.op === 'set' ? change.value.text : undefined, headers);
      }),
    ends: () => undefined,
    snapshot: (from) => new StateSnapshot(word, from !== undefined),
    payloads: (body) => readMessages(body).map((message) => operationOf(message, type)),
  };
}

class StateSnapshot implements SnapshotFace {
  readonly name: string;
  readonly end = undefined;
  readonly #type: string;
  readonly #replaces: boolean;
  #begun = false;

  /** @param replaces whether its reader has something that is to be forgotten */
  constructor(type: string, replaces: boolean) {
    this.name = replaces ? 'all anew' : 'all';
    this.#type = type;
    this.#replaces = replaces;
  }

  next({ data, more }: { readonly data: unknown; readonly more: boolean }, at: Position): readonly string[] {
    const offset = writeToken(at);
    const messages = readStateLine(String(data)).map(([key, value]) => rowText(this.#type, key, value));
    if (!this.#begun) {
      messages.unshift(controlText('snapshot-start', offset));
      if (this.#replaces) messages.unshift(controlText('reset', offset));
    }
    this.#begun = true;
    if (!more) messages.push(controlText('snapshot-end', offset));
    return messages;
  }
}

function rowText(type: string, key: string, { text, since }: StateValue): string {
  return changeText(type, key, text, { operation: 'insert', timestamp: timeOf(since) });
}

function changeText(type: string, key: string, value: string | undefined, headers: object): string {
  const what = value === undefined ? '' : `,"value":${value}`;
  return `{"type":${type},"key":${JSON.stringify(key)}${what},"headers":${JSON.stringify(headers)}}`;
}

function controlText(control: 'reset' | 'snapshot-start' | 'snapshot-end', offset: string): string {
  return JSON.stringify({ headers: { control, offset } });
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** What a client would publish for a change message. The value stays as it was written. @throws SyncError `bad_payload` */
function operationOf(message: string, type: string): string {
  const members = membersOf(message);
  const read = (name: string): unknown => JSON.parse(members.get(name) ?? 'null');
  const headers = read('headers');
  const operation =
    typeof headers === 'object' && headers !== null && 'operation' in headers && headers.operation;
  const key = read('key');
  if (typeof key !== 'string') throw refused('`key` to be a text', key);
  if (read('type') !== type)
    throw refused(`\`type\` to be ${JSON.stringify(type)} on this channel`, read('type'));
  if (operation === 'delete') return deleteOperation(key);
  if (operation !== 'insert' && operation !== 'update' && operation !== 'upsert')
    throw refused('`headers.operation` to be "insert", "update" or "delete"', operation);
  const value = members.get('value');
  if (value === undefined) throw refused('a `value`', undefined);
  return setOperation(key, value);
}

/** The members of an object as the texts that were written, the last of each name. @throws SyncError `bad_payload` */
function membersOf(message: string): ReadonlyMap<string, string> {
  if (!message.startsWith('{'))
    throw refused('an object with `type`, `key`, `value` and `headers`', JSON.parse(message));
  const members = splitList(`[${message.slice(1, -1)}]`).map((member): [string, string] => {
    const [, name = '""', value = 'null'] = /^("(?:[^"\\]|\\.)*")\s*:\s*([\s\S]*)$/.exec(member) ?? [];
    return [JSON.parse(name), value];
  });
  return new Map(members);
}

function refused(expected: string, got: unknown): SyncError {
  return new SyncError(
    'bad_payload',
    `What is appended to a state channel is a change message: expected ${expected}, got ${show(got)}.`,
  );
}
