/**
 * What goes into Redis and what comes out of it: texts, payloads and numbers as bytes, arguments of scripts, replies and messages
 * taken apart. Everything that comes out is looked at like a client's input: anyone who may write there could have written it. Logs
 * call it; it knows neither connections nor rules.
 */
import { isUtf8 } from 'node:buffer';
import { type Data, type Entry, hash, type Keep } from '@syncline/protocol/wire';
import type { Announcement, Append, Snapshot } from '../broker.ts';
import { dataBytes } from '../head.ts';
import { ownerOf } from '../producer.ts';

export type Argument = string | Buffer;

/** What can't be: an answer that none of our scripts gives. Nothing is known of what was asked. */
export class Garbled extends Error {
  override readonly name = 'Garbled';
}

/** What is stored can't be: the log is broken, in that epoch. */
export class Broken extends Error {
  override readonly name = 'Broken';
  readonly epoch: string;

  constructor(message: string, epoch: string) {
    super(message);
    this.epoch = epoch;
  }
}

/** How an entry is encoded, as a sum: its payload is bytes, it has an author. */
const isBytes = 1;
const isFrom = 2;

/** A surrogate without the other half. */
const broken = /\p{Surrogate}/u;
/** Begins a text that no UTF-8 can stand for, in UTF-16; no UTF-8 begins with it. */
const utf16 = 0xff;

/** A text as bytes; one with broken surrogates too comes back as it was. */
export function encodeText(text: string): Argument {
  if (!broken.test(text)) return text;
  return Buffer.concat([Buffer.of(utf16), Buffer.from(text, 'utf16le')]);
}

/** The text that bytes stand for; undefined where they stand for none. */
export function decodeText(bytes: Buffer): string | undefined {
  if (bytes[0] === utf16) return bytes.length % 2 === 1 ? bytes.toString('utf16le', 1) : undefined;
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

function encodeData(data: Data): Argument {
  return typeof data === 'string'
    ? encodeText(data)
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function decodeData(bytes: Buffer, encoding: number): Data | undefined {
  // A copy: what the library hands out is a view of all that it received at once.
  return encoding & isBytes ? new Uint8Array(bytes) : decodeText(bytes);
}

/** What a log keeps, as three arguments. */
export function keepArguments(keep: Keep | null): readonly Argument[] {
  if (!keep) return ['', '', ''];
  return [keep.entriesMax, keep.bytesMax, keep.ageMs].map(numberText);
}

/** A number as Lua reads it. */
export function numberText(number: number): string {
  return number === Number.POSITIVE_INFINITY ? 'inf' : String(number);
}

/** One append, as six arguments; append.lua says which. */
export function appendArguments(append: Append): readonly Argument[] {
  const { data, from, producer, key, keyEnds, ifKeyAt, ifTopAt, order, keysMax } = append;
  const encoding = (typeof data === 'string' ? 0 : isBytes) + (from === null ? 0 : isFrom);
  const id = producer?.id ?? '';
  const owner = ownerOf(id);
  const about = key === undefined ? '-' : keyEnds ? 'x' : 'k';
  const facts = [
    ...[hash(data), encoding, dataBytes(data)],
    ...[producer?.sequence ?? '-', ifTopAt ?? '-', ifKeyAt ?? '-', order ?? '-', keysMax ?? '-', about],
  ];
  return [
    facts.join(' '),
    encodeText(from ?? ''),
    encodeText(owner),
    encodeText(id.slice(owner.length)),
    encodeText(key ?? ''),
    encodeData(data),
  ];
}

/** A snapshot as one argument: how it is encoded, then what it holds. */
export function snapshotArgument(data: Data): Argument {
  const bytes = encodeData(data);
  if (typeof data === 'string' && typeof bytes === 'string') return `t${bytes}`;
  return Buffer.concat([Buffer.from(typeof data === 'string' ? 't' : 'b'), Buffer.from(bytes)]);
}

/** Where an append was stored, or the refusal's code, its number and what more there is to say. */
export type Outcome =
  | {
      readonly type: 'stored' | 'duplicate';
      readonly offset: number;
      readonly check: number;
      readonly at: number;
    }
  | { readonly type: 'refused'; readonly code: string; readonly number: number; readonly more: string };

/** What append.lua replies. @throws Garbled */
export function parseAppended(reply: unknown, count: number) {
  const [epoch, aside, between, ...lines] = listOf(reply);
  if (lines.length !== count) throw new Garbled(`There are ${lines.length} answers to ${count} appends.`);
  return {
    epoch: epochOf(epoch),
    aside: lineOf(aside),
    between: parseBetween(between),
    outcomes: lines.map(parseOutcome),
  };
}

function parseOutcome(value: unknown): Outcome {
  const line = lineOf(value);
  const [, sign, ...place] = /^([+=]) (\d{1,16}) (\d{1,10}) (\d{1,16})$/.exec(line) ?? [];
  if (sign) {
    const [offset = 0, check = 0, at = 0] = place.map(Number);
    return { type: sign === '+' ? 'stored' : 'duplicate', offset, check, at };
  }
  const [, code, number, more = ''] = /^- ([a-z_]{1,20}) (\d{1,16}) ([a-z]{0,10})$/.exec(line) ?? [];
  if (!code) throw new Garbled('The answer to an append is none.');
  return { type: 'refused', code, number: Number(number), more };
}

/** One page of a log, as read.lua replies it. */
export interface Page {
  readonly epoch: string;
  /** Why the log was moved aside just now; empty when it wasn't. */
  readonly aside: string;
  readonly top: Announcement['top'];
  readonly oldest: number;
  readonly snapshot: Snapshot | null;
  readonly entries: readonly Entry[];
}

/** @throws Garbled, Broken */
export function parsePage(reply: unknown): Page {
  const [name, aside, numbers, snapshot, entries] = listOf(reply);
  const epoch = epochOf(name);
  const line = lineOf(numbers);
  if (!/^\d{1,16}( \d{1,16}){4}$/.test(line)) throw new Garbled('The head of a page is none.');
  const [offset = 0, check = 0, oldest = 0, snapshotOffset = 0, snapshotCheck = 0] = line
    .split(' ')
    .map(Number);
  const held = bytesOf(snapshot);
  return {
    epoch,
    aside: lineOf(aside),
    top: { offset, check },
    oldest,
    snapshot: held.length > 0 ? parseSnapshot(held, snapshotOffset, snapshotCheck, epoch) : null,
    entries: listOf(entries).map((item) => {
      const entry = parseEntry(item);
      if (!entry) throw new Broken('one of its entries is none', epoch);
      return entry;
    }),
  };
}

function parseSnapshot(held: Buffer, offset: number, check: number, epoch: string): Snapshot {
  const type = String.fromCharCode(held[0] ?? 0);
  const data = decodeData(held.subarray(1), type === 'b' ? isBytes : 0);
  if (data === undefined || !'tb'.includes(type)) throw new Broken('its snapshot is none', epoch);
  return { offset, check, data };
}

/** What stood before the appended entries: a hint, as an announcement is. */
function parseBetween(reply: unknown): readonly Entry[] {
  const entries = listOf(reply).map(parseEntry);
  return entries.every((entry) => entry !== undefined) ? entries : [];
}

/** The fields of a stored entry, in their order. */
const fieldNames = 'anbefd';

/** An entry as the stream holds it; undefined where it is none of ours. */
function parseEntry(item: unknown): Entry | undefined {
  const [id, fields] = listOf(item);
  const [, offset, check] = /^(\d{1,16})-(\d{1,10})$/.exec(lineOf(id)) ?? [];
  const parts = listOf(fields).map(bytesOf);
  const names = parts.filter((_, i) => i % 2 === 0).join('');
  const [at, , , encoding, from, data] = parts.filter((_, i) => i % 2 === 1);
  if (names !== fieldNames || !at || !encoding || !from || !data) return undefined;
  if (at.length > 16 || encoding.length > 1 || !/^\d+ [0-3]$/.test(`${at} ${encoding}`)) return undefined;
  return decodeEntry(Number(offset), Number(check), Number(at), Number(encoding), from, data);
}

function decodeEntry(
  offset: number,
  check: number,
  at: number,
  encoding: number,
  author: Buffer,
  payload: Buffer,
): Entry | undefined {
  const from = encoding & isFrom ? decodeText(author) : null;
  const data = decodeData(payload, encoding);
  return from === undefined || data === undefined ? undefined : { offset, check, at, from, data };
}

/** Whether a snapshot was taken, as compact.lua replies it. @throws Garbled */
export function parseCompacted(reply: unknown): { readonly aside: string; readonly taken: boolean } {
  const [, aside, taken] = listOf(reply);
  return { aside: lineOf(aside), taken: taken === 1 };
}

/** Where a log ends, and whether it would vanish soon, as look.lua replies it; undefined where there is none. @throws Garbled */
export function parseHead(
  reply: unknown,
): { readonly epoch: string; readonly top: Announcement['top']; readonly vanishes: boolean } | undefined {
  const [epoch, head, vanishes] = listOf(reply);
  if (!epoch || !head) return undefined;
  const [, offset, check] = /^(\d{1,16}) (\d{1,10}) /.exec(lineOf(head)) ?? [];
  return offset
    ? {
        epoch: epochOf(epoch),
        top: { offset: Number(offset), check: Number(check) },
        vanishes: vanishes === 1,
      }
    : undefined;
}

/** Why a log was moved aside, as aside.lua replies it; empty when another node had done it. @throws Garbled */
export function parseAside(reply: unknown): string {
  const [, aside] = listOf(reply);
  return lineOf(aside);
}

/** A message of a node, and which one's. */
export interface Message {
  readonly sender: string;
  readonly news: Announcement;
}

/** What is announced is smaller; and so is one line of it. */
const messageBytesMax = 1024 * 1024;
const lineBytesMax = 200;

/**
 * What log.lua announces; undefined for anything else that anyone may have published there.
 *
 * @param own the sender whose entries aren't looked at: it knows them
 */
export function parseMessage(message: Buffer, own: string): Message | undefined {
  if (message.length > messageBytesMax) return undefined;
  const head = lineAt(message, 0);
  const [, sender, epoch, ...numbers] =
    /^1 ([\w-]{1,64}) ([\w-]{1,64}) (\d{1,16}) (\d{1,10}) (\d{1,3})$/.exec(head ?? '') ?? [];
  if (head === undefined || !sender || !epoch) return undefined;
  const [offset = 0, check = 0, count = 0] = numbers.map(Number);
  const top = { offset, check };
  if (sender === own) return { sender, news: { epoch, top, entries: [] } };
  const entries = messageEntries(message, head.length + 1, offset, count);
  if (!entries || (count > 0 && entries.at(-1)?.check !== check)) return undefined;
  return { sender, news: { epoch, top, entries } };
}

/** The entries of a message from `place` on, `count` of them up to `offset`; undefined unless it holds these and nothing else. */
function messageEntries(
  message: Buffer,
  from: number,
  offset: number,
  count: number,
): readonly Entry[] | undefined {
  const entries: Entry[] = [];
  let place = from;
  for (let i = 1; i <= count; i++) {
    const line = lineAt(message, place);
    const [, ...facts] = /^(\d{1,10}) (\d{1,16}) ([0-3]) (\d{1,7}) (\d{1,7})$/.exec(line ?? '') ?? [];
    const [checked = 0, at = 0, encoding = 0, fromBytes = 0, bytes = 0] = facts.map(Number);
    if (line === undefined || facts.length === 0) return undefined;
    const begins = place + line.length + 1;
    place = begins + fromBytes + bytes;
    if (place > message.length || offset - count + i < 1) return undefined;
    const author = message.subarray(begins, begins + fromBytes);
    const payload = message.subarray(begins + fromBytes, place);
    const entry = decodeEntry(offset - count + i, checked, at, encoding, author, payload);
    if (!entry) return undefined;
    entries.push(entry);
  }
  return place === message.length ? entries : undefined;
}

/** The line that begins there, without its end. */
function lineAt(message: Buffer, place: number): string | undefined {
  const end = message.subarray(place, place + lineBytesMax).indexOf(10);
  return end < 0 ? undefined : message.toString('latin1', place, place + end);
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Garbled('A list was expected in an answer of Redis.');
  return value;
}

function bytesOf(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new Garbled('A text was expected in an answer of Redis.');
  return value;
}

/** A short text that our scripts made. */
function lineOf(value: unknown): string {
  const bytes = bytesOf(value);
  if (bytes.length > 1000) throw new Garbled('A short text was expected in an answer of Redis.');
  return bytes.toString('latin1');
}

function epochOf(value: unknown): string {
  const epoch = lineOf(value);
  if (!/^[\w-]{1,64}$/.test(epoch)) throw new Garbled('An epoch was expected in an answer of Redis.');
  return epoch;
}
