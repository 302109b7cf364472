/**
 * The values in a Yjs update: JSON texts, and those of lib0's `any`. Each function proves one value and passes over it, without
 * building it and no deeper than a frame may nest. update.ts calls them where content says that a value stands.
 */
import { depthMax } from '../../limits.ts';
import type { Scanner } from './scanner.ts';

/** Passes over a value as lib0's `writeAny` writes it. */
export function any(scan: Scanner, depth = 1): void {
  const type = scan.byte();
  // 127 undefined, 126 null, 121 false, 120 true: nothing follows.
  if (type === 127 || type === 126 || type === 121 || type === 120) return;
  if (type === 125) return scan.int();
  if (type === 124) return scan.skip(4);
  if (type === 123 || type === 122) return scan.skip(8);
  if (type === 119) return void scan.text();
  if (type === 116) return scan.skip(scan.count(1));
  if (type !== 118 && type !== 117) scan.refuse(`no value is of type ${type}`);
  if (depth > depthMax) scan.refuse(`a value nests deeper than ${depthMax} levels`);
  if (type === 117) {
    for (let left = scan.count(1); left > 0; left--) any(scan, depth + 1);
    return;
  }
  for (let left = scan.count(2); left > 0; left--) {
    scan.text();
    any(scan, depth + 1);
  }
}

/** Passes over the type of the `any` that must be an object, and over the object. */
export function anyObject(scan: Scanner): void {
  if (scan.peek !== 118) scan.refuse('the options of a document are no object');
  any(scan);
}

/** Passes over a text that is JSON. */
export function json(scan: Scanner): void {
  const outer = scan.narrow();
  space(scan);
  value(scan, 1);
  scan.widen(outer);
}

/** The same, or the word `undefined`, which stands for what JSON can't say. */
export function jsonOrUndefined(scan: Scanner): void {
  const outer = scan.narrow();
  space(scan);
  if (scan.peek === code('u')) word(scan, undefinedWord);
  else value(scan, 1);
  scan.widen(outer);
}

const code = (character: string): number => character.charCodeAt(0);
const bytesOf = (text: string): readonly number[] => [...text].map(code);
const undefinedWord = bytesOf('undefined');
const words = new Map(['true', 'false', 'null'].map((text) => [code(text), bytesOf(text)]));
/** What may follow a backslash, but for `u`. */
const escapes = new Set(bytesOf('"\\/bfnrt'));
const quote = code('"');
const backslash = code('\\');
const comma = code(',');
const colon = code(':');
const minus = code('-');
const zero = code('0');

/** Passes over a value and the white space after it. */
function value(scan: Scanner, depth: number): void {
  const first = scan.peek ?? 0;
  if (first === quote) string(scan);
  else if (first === code('{') || first === code('[')) {
    if (depth > depthMax) scan.refuse(`a value nests deeper than ${depthMax} levels`);
    scan.byte();
    members(scan, depth + 1, first === code('{'));
  } else if (first === minus || isDigit(first)) number(scan);
  else word(scan, words.get(first) ?? scan.refuse('a text is no JSON'));
  space(scan);
}

/** Passes over what stands in an array or an object, and over the bracket that ends it. */
function members(scan: Scanner, depth: number, named: boolean): void {
  const close = code(named ? '}' : ']');
  space(scan);
  if (scan.peek === close) return scan.skip(1);
  for (;;) {
    if (named) {
      string(scan);
      space(scan);
      expect(scan, colon);
      space(scan);
    }
    value(scan, depth);
    if (scan.peek === close) return scan.skip(1);
    expect(scan, comma);
    space(scan);
  }
}

function string(scan: Scanner): void {
  expect(scan, quote);
  for (let next = scan.peek; next !== quote; next = scan.peek) {
    if (next === undefined || next < 0x20) scan.refuse('a text is no JSON');
    scan.letter();
    if (next === backslash) escaped(scan);
  }
  scan.skip(1);
}

function escaped(scan: Scanner): void {
  const letter = scan.byte();
  if (escapes.has(letter)) return;
  if (letter !== code('u')) scan.refuse('a text is no JSON');
  for (let i = 0; i < 4; i++) {
    const digit = scan.byte();
    // With the bit of small letters set, capitals are small letters.
    const small = digit | 0x20;
    if (!isDigit(digit) && !(small >= code('a') && small <= code('f'))) scan.refuse('a text is no JSON');
  }
}

function number(scan: Scanner): void {
  if (scan.peek === minus) scan.skip(1);
  if (scan.peek === zero) scan.skip(1);
  else digits(scan);
  if (scan.peek === code('.')) {
    scan.skip(1);
    digits(scan);
  }
  if (scan.peek !== code('e') && scan.peek !== code('E')) return;
  scan.skip(1);
  if (scan.peek === minus || scan.peek === code('+')) scan.skip(1);
  digits(scan);
}

/** Passes over digits, one at least. */
function digits(scan: Scanner): void {
  if (!isDigit(scan.peek ?? 0)) scan.refuse('a text is no JSON');
  while (isDigit(scan.peek ?? 0)) scan.skip(1);
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= zero + 9;
}

function word(scan: Scanner, letters: readonly number[]): void {
  for (const letter of letters) expect(scan, letter);
}

/** Passes over white space. */
function space(scan: Scanner): void {
  for (
    let next = scan.peek;
    next === 0x20 || next === 0x09 || next === 0x0a || next === 0x0d;
    next = scan.peek
  )
    scan.skip(1);
}

function expect(scan: Scanner, byte: number): void {
  if (scan.peek !== byte) scan.refuse('a text is no JSON');
  scan.skip(1);
}
