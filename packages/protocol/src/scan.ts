/**
 * One pass over the text of a JSON array, before anything is built from it: how deep it nests, how many members it has,
 * and where each of its own elements begins and ends. The codec uses it to bound a frame (rule F3) and to cut payloads
 * out as the text their author sent (rule F9). It doesn't prove the text to be JSON; JSON.parse does that afterwards.
 */
import { SyncError } from './codes.ts';

/** The bounds a scan keeps; the server gives the table's, a client trusts its server's sizes. */
export interface ScanLimits {
  readonly depthMax: number;
  readonly membersMax: number;
}

/** For what comes from one's own server, or was bounded when it came. */
export const unbounded: ScanLimits = {
  depthMax: Number.POSITIVE_INFINITY,
  membersMax: Number.POSITIVE_INFINITY,
};

const space = 32;
const quote = 34;
const backslash = 92;
const comma = 44;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/**
 * The texts of an array's own elements, white space at their ends removed.
 *
 * @throws SyncError `bad_frame` when the text is no array, or nests deeper or holds more members than allowed.
 */
export function elements(text: string, bounds: ScanLimits): string[] {
  const found: string[] = [];
  let depth = 0;
  let members = 0;
  let start = 0;
  let opened = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= space) continue;
    const closes = c === closeBracket || c === closeBrace;
    // A container's first member shows by something standing in it, each further one by its comma.
    if (c === comma || (opened && !closes)) {
      if (++members > bounds.membersMax) throw beyond('holds more than', bounds.membersMax, 'members');
    }
    opened = false;
    if (c === quote) {
      i = endOfString(text, i);
    } else if (c === comma) {
      if (depth === 1) start = take(found, text, start, i);
    } else if (c === openBracket || c === openBrace) {
      if (++depth > bounds.depthMax) throw beyond('nests deeper than', bounds.depthMax, 'levels');
      opened = true;
      if (depth === 1) {
        if (c !== openBracket || text.slice(0, i).trim() !== '') throw notAnArray();
        start = i + 1;
      }
    } else if (closes && --depth === 0) {
      if (text.slice(i + 1).trim() !== '') throw notAnArray();
      if (members > 0) take(found, text, start, i);
      return found;
    }
  }
  throw notAnArray();
}

function take(found: string[], text: string, start: number, end: number): number {
  found.push(text.slice(start, end).trim());
  return end + 1;
}

/** The index of the quote that closes the string opened at `open`. */
function endOfString(text: string, open: number): number {
  let end = text.indexOf('"', open + 1);
  while (end !== -1) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  throw new SyncError('bad_frame', 'The frame ends inside a string.');
}

function notAnArray(): SyncError {
  return new SyncError('bad_frame', 'A text frame must be one JSON array.');
}

/** The error for a bound that isn't kept. It alone has a detail: what else a scan refuses is no JSON. */
function beyond(what: string, max: number, unit: string): SyncError {
  return new SyncError('bad_frame', `The frame ${what} ${max} ${unit}.`, { max });
}
