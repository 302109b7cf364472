/**
 * Whether bytes are one well-formed Yjs update in the first encoding (rule Y2), told in one pass that builds nothing. A server
 * asks it of each update that a client publishes: Yjs itself believes every count and length that it reads, and an update that it
 * can't take would hide all that its author writes later. What an update does to a document it must not know.
 */
import { Malformed, Scanner } from './update/scanner.ts';
import { any, anyObject, json, jsonOrUndefined } from './update/values.ts';

/**
 * What is wrong with an update, as a half sentence; undefined when Yjs can take it. It costs one look at each byte, and a stack as
 * deep as a frame may nest.
 *
 * @example
 * const fault = updateFault(bytes)
 * if (fault) throw new SyncError('bad_payload', `The edit is no Yjs update: ${fault}.`)
 */
export function updateFault(update: Uint8Array): string | undefined {
  const scan = new Scanner(update);
  try {
    structs(scan);
    deletions(scan);
    if (scan.left > 0) scan.refuse(`${scan.left} bytes follow its end`);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Malformed) return `${thrown.why}, at byte ${thrown.at}`;
    throw thrown;
  }
}

/** The bits of the byte that a struct begins with: what it holds, and what is said of its place. */
const contentBits = 0b0001_1111;
const parentKeyBit = 0b0010_0000;
const rightBit = 0b0100_0000;
const leftBit = 0b1000_0000;

/** What a struct that is no item begins with. */
const garbage = 0;
const gap = 10;

/** The structs of each client: what was inserted, and holes in between. */
function structs(scan: Scanner): void {
  let before = Number.POSITIVE_INFINITY;
  // How many structs, whose, from which clock on; and one struct.
  for (let clients = scan.count(5); clients > 0; clients--) {
    const left = scan.uint();
    const client = scan.uint();
    const clock = scan.uint();
    // Yjs writes them so. It would take a client that comes twice for one that comes once, here so and there otherwise.
    if (client >= before) scan.refuse('its clients are not in descending order');
    before = client;
    if (left === 0 || left * 2 > scan.left) scan.refuse(`${left} structs can't be in ${scan.left} bytes`);
    structsOf(scan, client, clock, left);
  }
}

function structsOf(scan: Scanner, client: number, first: number, count: number): void {
  let clock = first;
  for (let left = count; left > 0; left--) {
    const info = scan.byte();
    const length = info === garbage || info === gap ? scan.uint() : item(scan, info, client, clock);
    clock = after(scan, clock, length);
  }
}

/** The clock behind so many. Nothing is of no length, and none goes beyond what a number holds. */
function after(scan: Scanner, clock: number, length: number): number {
  if (length === 0) scan.refuse('something has no length');
  if (clock + length > Number.MAX_SAFE_INTEGER) scan.refuse('a clock is above 2^53 - 1');
  return clock + length;
}

/** Passes over an item: where it stands, then what it holds. @returns how far it takes the clock */
function item(scan: Scanner, info: number, client: number, clock: number): number {
  if (info & leftBit) id(scan, client, clock);
  if (info & rightBit) id(scan, client, clock);
  if ((info & (leftBit | rightBit)) === 0) {
    const root = scan.uint();
    if (root > 1) scan.refuse('a parent is neither named nor numbered');
    if (root === 1) scan.text();
    else id(scan, client, clock);
    if (info & parentKeyBit) scan.text();
  }
  return content(scan, info & contentBits);
}

/** What an item of this client and clock stands beside or in. Nothing stands beside what comes after it: Yjs wouldn't wait for it. */
function id(scan: Scanner, ownClient: number, ownClock: number): void {
  const client = scan.uint();
  const clock = scan.uint();
  if (client === ownClient && clock >= ownClock) scan.refuse('an item stands beside one that comes after it');
}

/** Passes over what an item holds. @returns its length */
function content(scan: Scanner, type: number): number {
  switch (type) {
    case 1: // deleted: only its length is left
      return scan.uint();
    case 2: // JSON, as Yjs wrote it before there was `any`
      return each(scan, jsonOrUndefined);
    case 3: // bytes
      scan.skip(scan.count(1));
      return 1;
    case 4: // text
      return scan.text();
    case 5: // embedded in a text
      json(scan);
      return 1;
    case 6: // a format of the text that follows
      scan.text();
      json(scan);
      return 1;
    case 7: // a shared type
      sharedType(scan);
      return 1;
    case 8: // values
      return each(scan, any);
    case 9: // a document: its id and its options
      scan.text();
      anyObject(scan);
      return 1;
    default:
      return scan.refuse(`no struct holds content of type ${type}`);
  }
}

function each(scan: Scanner, pass: (scan: Scanner) => void): number {
  const count = scan.count(1);
  for (let left = count; left > 0; left--) pass(scan);
  return count;
}

/** 0 list, 1 map, 2 text, 3 XML element, 4 XML fragment, 5 XML hook, 6 XML text. */
function sharedType(scan: Scanner): void {
  const type = scan.uint();
  if (type > 6) scan.refuse(`no shared type is of type ${type}`);
  // The name of the element or of the hook.
  if (type === 3 || type === 5) scan.text();
}

/** What was deleted of each client. */
function deletions(scan: Scanner): void {
  // Whose, and how many ranges.
  for (let clients = scan.count(2); clients > 0; clients--) {
    scan.uint();
    for (let ranges = scan.count(2); ranges > 0; ranges--) {
      const clock = scan.uint();
      after(scan, clock, scan.uint());
    }
  }
}
