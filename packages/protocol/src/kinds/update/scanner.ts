/**
 * A place in untrusted bytes that only ever moves forward: numbers, counts and texts are proven to be there and passed over, and
 * nothing is built from them. update.ts and values.ts walk with it; what the bytes mean it must not know.
 */

/** Why bytes aren't what they should be, as a half sentence, and where that showed. */
export class Malformed {
  readonly why: string;
  readonly at: number;

  constructor(why: string, at: number) {
    this.why = why;
    this.at = at;
  }
}

export class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** How many bytes there are up to the end. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Ends the walk for a reason that the walker knows. */
  refuse(why: string): never {
    throw new Malformed(why, this.#at);
  }

  /** The next byte without passing over it; undefined at the end. */
  get peek(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  byte(): number {
    const byte = this.peek ?? this.refuse('it ends too early');
    this.#at++;
    return byte;
  }

  skip(count: number): void {
    if (count > this.left) this.refuse('it ends too early');
    this.#at += count;
  }

  /** An unsigned integer: seven bits a byte, the lowest first, at most eight bytes and 2⁵³ − 1. */
  uint(): number {
    // Sums, not shifts: those end at 32 bits.
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    return this.refuse('a number is above 2^53 - 1');
  }

  /** An integer whose first byte holds its sign and six bits. */
  int(): void {
    let byte = this.byte();
    let value = byte & 63;
    for (let scale = 64; byte >= 128; scale *= 128) {
      // A scale beyond 2⁴⁸ would be the ninth byte.
      if (scale > 2 ** 48) this.refuse('a number is above 2^53 - 1');
      byte = this.byte();
      value += (byte & 127) * scale;
    }
    if (value > Number.MAX_SAFE_INTEGER) this.refuse('a number is above 2^53 - 1');
  }

  /** How many things follow that have so many bytes each at least: never more than there is room for. */
  count(bytesMin: number): number {
    const count = this.uint();
    if (count * bytesMin > this.left) this.refuse(`${count} of something can't be in ${this.left} bytes`);
    return count;
  }

  /** Passes over the length of a text or of bytes, and ends there until `widen` is called with what this returned. */
  narrow(): number {
    const outer = this.#end;
    const length = this.count(1);
    this.#end = this.#at + length;
    return outer;
  }

  /** What began with `narrow` has been passed over, all of it. */
  widen(outer: number): void {
    if (this.left > 0) this.refuse('a text holds more than it should');
    this.#end = outer;
  }

  /** Passes over a text. @returns how many UTF-16 code units it has */
  text(): number {
    const outer = this.narrow();
    let units = 0;
    while (this.#at < this.#end) units += this.letter();
    this.widen(outer);
    return units;
  }

  /** Passes over one code point of UTF-8. @returns how many UTF-16 code units it has */
  letter(): 1 | 2 {
    const first = this.byte();
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) this.refuse('a text is no UTF-8');
    // The bounds of the second byte keep out what has a shorter form, surrogates, and what lies beyond U+10FFFF.
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    this.#continue(low, high);
    if (first >= 0xe0) this.#continue(0x80, 0xbf);
    if (first >= 0xf0) this.#continue(0x80, 0xbf);
    return first >= 0xf0 ? 2 : 1;
  }

  #continue(low: number, high: number): void {
    const byte = this.byte();
    if (byte < low || byte > high) this.refuse('a text is no UTF-8');
  }
}
