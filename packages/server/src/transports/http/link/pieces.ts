/**
 * Texts that nodes tell each other, in pieces small enough to be told, and put together again. The relay writes and reads them; what
 * comes is read like a client's input, and what is never whole is forgotten after a while. It must not know what is asked.
 */
import type { Clock } from '@syncline/protocol/wire';

/** One piece of something told. */
export interface Sent {
  readonly type: 'ask' | 'held' | 'reply' | 'drop';
  /** The node that tells it. */
  readonly from: string;
  /** What both nodes call the request by: the one that passes it on makes it up. */
  readonly ref: string;
  readonly head: readonly unknown[];
  /** Which piece of how many, and what it holds. */
  readonly part?: number;
  readonly parts?: number;
  readonly data?: Buffer;
}

/** Bytes in one piece; told in base64, they stay well below what nodes tell at once. */
const pieceBytesMax = 393_216;
/** Pieces of one text: more than the largest frame makes. */
const piecesMax = 128;
/** How long pieces wait for the others, in ms, and how many bytes of them may. */
const waitMs = 10_000;
const waitingBytesMax = 64 * 1024 * 1024;

/** Everything as the texts that tell it. */
export function* split(sent: Sent, body: Uint8Array): Generator<string> {
  const { type, from, ref, head } = sent;
  const parts = Math.max(1, Math.ceil(body.length / pieceBytesMax));
  for (let part = 0; part < parts; part++) {
    const data = body.subarray(part * pieceBytesMax, (part + 1) * pieceBytesMax);
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64');
    yield JSON.stringify([type, from, ref, part, parts, head, text]);
  }
}

/** What a text tells; undefined where it is none of ours. */
export function readSent(text: string): Sent | undefined {
  try {
    const [type, from, ref, part, parts, head, data]: unknown[] = JSON.parse(text);
    const named = isType(type) && typeof from === 'string' && typeof ref === 'string';
    const whole = Array.isArray(head) && typeof data === 'string';
    if (!named || !whole || !isCount(part) || !isCount(parts) || part >= parts || parts > piecesMax)
      return undefined;
    return { type, from, ref, part, parts, head, data: Buffer.from(data, 'base64') };
  } catch {
    return undefined;
  }
}

/** What of one text came so far. */
interface Partial {
  readonly pieces: (Buffer | undefined)[];
  readonly until: number;
  missing: number;
  bytes: number;
}

export class Pieces {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #partial = new Map<string, Partial>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a piece; returns all of them, once the last of its text is there. */
  add({ type, from, ref, part = 0, parts = 1, data = Buffer.alloc(0) }: Sent): Buffer | undefined {
    if (parts === 1) return data;
    const key = `${type} ${from} ${ref}`;
    const now = this.#clock.now();
    for (const [old, { until }] of this.#partial) {
      if (until > now && this.#bytes <= waitingBytesMax) break;
      this.#forget(old);
    }
    const partial = this.#partial.get(key) ?? {
      pieces: Array<Buffer | undefined>(parts).fill(undefined),
      until: now + waitMs,
      missing: parts,
      bytes: 0,
    };
    this.#partial.set(key, partial);
    if (partial.pieces.length !== parts || partial.pieces[part]) return undefined;
    partial.pieces[part] = data;
    partial.bytes += data.length;
    this.#bytes += data.length;
    if (--partial.missing > 0) return undefined;
    this.#forget(key);
    return Buffer.concat(partial.pieces.filter((piece) => piece !== undefined));
  }

  clear(): void {
    this.#partial.clear();
    this.#bytes = 0;
  }

  #forget(key: string): void {
    this.#bytes -= this.#partial.get(key)?.bytes ?? 0;
    this.#partial.delete(key);
  }
}

function isType(type: unknown): type is Sent['type'] {
  return type === 'ask' || type === 'held' || type === 'reply' || type === 'drop';
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && Number(count) >= 0;
}
