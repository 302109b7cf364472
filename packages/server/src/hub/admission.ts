/**
 * What becomes of a payload on its way into a channel: its size and sort are checked, its kind says what is appended and which
 * part of it is a value, and the value is held to the schema. Sessions ask it for what clients send, the server for its own
 * publishes. It knows definitions and values; not who publishes, nor how it came.
 */
import { type Definition, type StateDefinition, SyncError } from '@syncline/protocol';
import {
  type Clock,
  type Data,
  deleteEntry,
  type Geo,
  type KindName,
  readPayload,
  readStateOperation,
  type StateFacts,
  setEntry,
  updateEntry,
  updateFault,
  validate,
} from '@syncline/protocol/wire';
import type { Append } from '../broker/broker.ts';
import { show } from '../options/show.ts';

/** What a payload becomes. */
export interface Intake {
  readonly append: Pick<Append, 'data' | 'key' | 'keyEnds' | 'ifKeyAt' | 'order' | 'keysMax'>;
  /** The value in it, as JSON: what schemas and hooks are about. Undefined where there is none. */
  readonly value: string | undefined;
  /** What its author says of the value. */
  readonly facts?: StateFacts;
}

/** What may be asked of whoever publishes. Null stands for the server itself, which may everything. */
export interface Author {
  /** Whether a key is its own (rule K7). */
  ownsKey(key: string): boolean;
}

/** Looks at a value, or at the removal of a key; what it returns is taken instead. */
export type Look = (
  key: string | undefined,
  value: unknown,
) => Promise<{ readonly data: unknown } | undefined>;

/** Tells the time, in ms since 1970, to those that ask for it. */
type Now = Pick<Clock, 'now'>;

/** What a kind makes of a payload, and how it puts another value in the place of the first. */
interface Entrance {
  readonly take: (data: Data, definition: Definition, author: Author | null, clock: Now) => Intake;
  readonly replace: (intake: Intake, value: string) => Intake;
}

/** How an edit begins: documents' beginnings and snapshots are the server's to write. */
const [editFormat] = updateEntry(new Uint8Array());

const whole: Entrance = {
  take: (data) => ({ append: { data }, value: typeof data === 'string' ? data : undefined }),
  replace: (_intake, value) => ({ append: { data: value }, value }),
};

const keyed: Entrance = {
  take: (data, definition, author, clock) => {
    const operation = readStateOperation(String(data));
    const { op, key, ifVersion: ifKeyAt } = operation;
    const { own, keysMax, geo } = definition as StateDefinition<unknown>;
    if (own && author && !author.ownsKey(key))
      throw new SyncError(
        'forbidden',
        `The key ${show(key)} is not yours: on this channel you may write the key that is your user name, and those that begin with it and a "/".`,
      );
    if (op === 'delete')
      return { append: { data: deleteEntry(key), key, keyEnds: true, ifKeyAt }, value: undefined };
    const { text: value, at, ttlMs } = operation;
    if (geo) checkPlace(geo, JSON.parse(value));
    const facts = { at, ttlMs };
    // A device whose clock is ahead would else shut the key for everyone until then (rule K4).
    const order = at === undefined ? undefined : Math.min(at, clock.now());
    return { append: { data: setEntry(key, value, facts), key, ifKeyAt, order, keysMax }, value, facts };
  },
  replace: ({ append, facts }, value) => ({
    append: { ...append, data: setEntry(append.key ?? '', value, facts) },
    value,
    facts: facts ?? {},
  }),
};

/** @throws SyncError `bad_payload` for a place that isn't on earth. A value without one lies nowhere, which may be. */
function checkPlace(geo: Geo, value: Readonly<Record<string, unknown>> | null): void {
  for (const [name, most] of [
    [geo.lat, 90],
    [geo.lng, 180],
  ] as const) {
    const degrees = value?.[name];
    if (typeof degrees === 'number' && Math.abs(degrees) > most)
      throw new SyncError(
        'bad_payload',
        `Expected \`${name}\` to be from -${most} to ${most} degrees, got ${degrees}. Were latitude and longitude swapped?`,
      );
  }
}

/** Edits of documents. They are proven to be well-formed in one pass, and nothing is built of them (rule Y2). */
const edits: Entrance = {
  take: (data) => {
    const bytes = typeof data === 'string' ? new Uint8Array() : data;
    const fault =
      bytes[0] === editFormat ? updateFault(bytes.subarray(1)) : 'it is of no format that clients publish';
    if (fault) throw new SyncError('bad_payload', `The payload is no edit of a document: ${fault}.`);
    return { append: { data }, value: undefined };
  },
  replace: (intake) => intake,
};

/** Durable logs are written by what is known of them, which no payload says. */
const sealed: Entrance = {
  take: () => {
    throw new SyncError(
      'unsupported_data',
      'A durable log is written over HTTP (Durable Streams): POST to the path of its channel below "/streams".',
    );
  },
  replace: (intake) => intake,
};

const entrances: { readonly [K in KindName]: Entrance } = {
  stream: whole,
  state: keyed,
  doc: edits,
  durable: sealed,
};

export class Admission {
  readonly #payloadBytesMax: number;
  readonly #clock: Now;
  readonly #presenceBytesMax: number;

  /** @param presenceBytesMax size of what members say of themselves, and of signals */
  constructor(payloadBytesMax: number, clock: Now, presenceBytesMax = payloadBytesMax) {
    this.#payloadBytesMax = payloadBytesMax;
    this.#clock = clock;
    this.#presenceBytesMax = presenceBytesMax;
  }

  /**
   * What is to be appended for a payload, at once.
   *
   * @throws SyncError `payload_too_large`, `unsupported_data`, `bad_payload`, `forbidden`
   */
  take(channel: string, data: Data, definition: Definition, author: Author | null): Intake {
    if (definition.leased)
      throw new SyncError(
        'forbidden',
        `Nobody publishes on "${channel}": its keys belong to the members, who enter and leave.`,
      );
    this.#check(channel, data, definition);
    return entrances[definition.kind].take(data, definition, author, this.#clock);
  }

  /** What is to be appended for a member who enters a companion under its key (rule N5). @throws SyncError `payload_too_large` */
  enter(key: string, value: string, definition: Definition): Intake {
    this.checkMember(value);
    const { keysMax } = definition as StateDefinition<unknown>;
    return { append: { data: setEntry(key, value), key, keysMax }, value };
  }

  /** Size of what a member says of itself, or signals. @throws SyncError `payload_too_large` */
  checkMember(value: string): void {
    const bytes = Buffer.byteLength(value);
    if (bytes <= this.#presenceBytesMax) return;
    throw new SyncError(
      'payload_too_large',
      `The data of a member or a signal have ${bytes} bytes; this server takes up to ${this.#presenceBytesMax}.`,
    );
  }

  /**
   * Holds the value to the channel's schema and has it looked at: what is validated is what travels, but for what `look` puts in
   * its place. A removal is looked at too, and stays one.
   *
   * @throws SyncError `bad_payload`, or what `look` threw
   */
  async examine(channel: string, intake: Intake, definition: Definition, look?: Look): Promise<Intake> {
    const { value, append } = intake;
    if (value === undefined) {
      if (append.key !== undefined) await look?.(append.key, undefined);
      return intake;
    }
    const parsed: unknown = JSON.parse(value);
    if (definition.schema) await validate(definition.schema, parsed);
    const instead = await look?.(append.key, parsed);
    if (!instead) return intake;
    const replaced = entrances[definition.kind].replace(intake, payloadText(instead.data));
    if (definition.leased) this.checkMember(replaced.value ?? '');
    else this.#check(channel, replaced.append.data, definition);
    return replaced;
  }

  /** Size and sort, for whatever is appended. */
  #check(channel: string, data: Data, { carries }: Definition): void {
    // No code unit takes more than three bytes, so few texts need be counted.
    const counted = typeof data === 'string' && data.length * 3 > this.#payloadBytesMax;
    const bytes = counted ? Buffer.byteLength(data) : data.length;
    if (bytes > this.#payloadBytesMax)
      throw new SyncError(
        'payload_too_large',
        `The payload has ${bytes} bytes; this server takes up to ${this.#payloadBytesMax}.`,
      );
    if ((typeof data === 'string' ? 'json' : 'bytes') !== carries)
      throw new SyncError(
        'unsupported_data',
        `"${channel}" carries ${carries === 'json' ? 'JSON' : 'bytes'}.`,
      );
  }
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
