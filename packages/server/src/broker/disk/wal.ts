/**
 * Tells a damaged write-ahead log from a torn one, before SQLite opens it: SQLite drops everything after the first bad frame
 * without a word, acknowledged or not. file.ts asks. It knows SQLite's "WAL-File Format", and nothing of what is in pages.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * What a log that can't be used as it is has: damage after so many good frames (none when its header is damaged), or a
 * server that writes to it.
 */
export type WalTrouble =
  | { readonly type: 'damaged'; readonly part: 'header' | 'frames'; readonly framesGood: number }
  | { readonly type: 'in use' };

const headerBytes = 32;
const frameHeaderBytes = 24;
/** 0x377f0682 or …83; the lowest bit tells the byte order of checksums. */
const magic = 0x377f0682;
/** What is read at once, about. */
const chunkBytes = 1024 * 1024;
/** Each commit is flushed before the next begins, so a torn write leaves one commit frame at most behind its bad frame. */
const commitsLost = 2;

type Sums = readonly [number, number];
/** What the header of a log says of the frames that follow it. */
interface Start {
  readonly pageBytes: number;
  readonly salts: Sums;
  readonly littleEndian: boolean;
  readonly sums: Sums;
}
type Damage = Extract<WalTrouble, { type: 'damaged' }>;

/** What is wrong with the write-ahead log at `path`, the log of `mainPath`; undefined when it is whole, torn at its end or absent. */
export function walTrouble(path: string, mainPath: string): WalTrouble | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const changed = changedAt(file);
    const damage = damageIn(file, mainPath);
    if (!damage) return undefined;
    // A log that is written to while it is read may look damaged; SQLite's own locks are not held yet.
    const again = damageIn(file, mainPath);
    const same = again?.part === damage.part && again.framesGood === damage.framesGood;
    return same && changedAt(file) === changed ? damage : { type: 'in use' };
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

function changedAt(file: number): string {
  const { mtimeNs, size } = fstatSync(file, { bigint: true });
  return `${mtimeNs} ${size}`;
}

function damageIn(file: number, mainPath: string): Damage | undefined {
  const header = new DataView(new ArrayBuffer(headerBytes));
  if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return undefined;
  const start = startOf(header);
  if (start) return damageInFrames(file, start);
  const sizes = new Set([header.getUint32(8), pageBytesOf(mainPath)].filter(isPageSize));
  const lost = [...sizes].some((pageBytes) => holdsCommits(file, pageBytes));
  return lost ? { type: 'damaged', part: 'header', framesGood: 0 } : undefined;
}

/** Undefined when the header is damaged. */
function startOf(header: DataView): Start | undefined {
  const littleEndian = header.getUint32(0) === magic;
  if (!littleEndian && header.getUint32(0) !== magic + 1) return undefined;
  const pageBytes = header.getUint32(8);
  const sums = summed(header, 0, 24, littleEndian, [0, 0]);
  if (!isPageSize(pageBytes) || !holds(header, 24, sums)) return undefined;
  return { pageBytes, salts: [header.getUint32(16), header.getUint32(20)], littleEndian, sums };
}

/** Looks for the first bad frame, and for commits of the same generation that would be lost with it. */
function damageInFrames(file: number, start: Start): Damage | undefined {
  let sums = start.sums;
  let framesGood = 0;
  let commits = 0;
  let bad = false;
  for (const frame of frames(file, start.pageBytes)) {
    if (!bad) {
      const next = frameSums(frame, start, sums);
      if (holds(frame, 8, start.salts) && holds(frame, 16, next)) {
        framesGood++;
        sums = next;
        continue;
      }
      if (isCommit(frame) || wasCommit(frame, start, sums)) commits += isOf(frame, start) ? 1 : 0;
      bad = true;
    } else if (isCommit(frame) && isOf(frame, start)) commits++;
    if (commits >= commitsLost) return { type: 'damaged', part: 'frames', framesGood };
  }
  return undefined;
}

/** Whether there are commits that belong together, in a log whose header doesn't tell which frames are of its generation. */
function holdsCommits(file: number, pageBytes: number): boolean {
  const commits = new Map<string, number>();
  for (const frame of frames(file, pageBytes)) {
    if (!isCommit(frame)) continue;
    const salts = `${frame.getUint32(8)} ${frame.getUint32(12)}`;
    const count = (commits.get(salts) ?? 0) + 1;
    if (count >= commitsLost) return true;
    commits.set(salts, count);
  }
  return false;
}

/** All whole frames, in order. A frame is valid until the next one is asked for. */
function* frames(file: number, pageBytes: number): Generator<DataView> {
  const frameBytes = frameHeaderBytes + pageBytes;
  const chunk = new Uint8Array(frameBytes * Math.ceil(chunkBytes / frameBytes));
  for (let position = headerBytes; ; position += chunk.length) {
    const bytes = readWhole(file, chunk, position);
    for (let at = 0; at + frameBytes <= bytes; at += frameBytes)
      yield new DataView(chunk.buffer, at, frameBytes);
    if (bytes < chunk.length) return;
  }
}

/** Fills `chunk` as far as the file goes; one read may give less. */
function readWhole(file: number, chunk: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < chunk.length) {
    const bytes = readSync(file, chunk, filled, chunk.length - filled, position + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}

/** The last frame of a transaction tells the size of the database after it; all others say 0 there. */
function isCommit(frame: DataView): boolean {
  return frame.getUint32(4) !== 0;
}

/** Whether one flipped bit made a commit frame look like none: the only flip that hides a commit. */
function wasCommit(frame: DataView, start: Start, sums: Sums): boolean {
  const found = Array.from({ length: 32 }, (_, bit) => bit).some((bit) => {
    frame.setUint32(4, (1 << bit) >>> 0);
    return holds(frame, 16, frameSums(frame, start, sums));
  });
  frame.setUint32(4, 0);
  return found;
}

/** Each generation has both salts anew, so one of them is enough when the other is what was damaged. */
function isOf(frame: DataView, { salts }: Start): boolean {
  return frame.getUint32(8) === salts[0] || frame.getUint32(12) === salts[1];
}

function holds(view: DataView, at: number, [first, second]: Sums): boolean {
  return view.getUint32(at) === first && view.getUint32(at + 4) === second;
}

/** The checksum of a frame covers all frames before it, the first 8 bytes of its header, and its page. */
function frameSums(frame: DataView, { littleEndian }: Start, before: Sums): Sums {
  const head = summed(frame, 0, 8, littleEndian, before);
  return summed(frame, frameHeaderBytes, frame.byteLength, littleEndian, head);
}

function summed(view: DataView, from: number, to: number, littleEndian: boolean, before: Sums): Sums {
  let [first, second] = before;
  for (let at = from; at < to; at += 8) {
    first = (first + view.getUint32(at, littleEndian) + second) | 0;
    second = (second + view.getUint32(at + 4, littleEndian) + first) | 0;
  }
  return [first >>> 0, second >>> 0];
}

function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

/** The page size that a main file states; 0 when it states none. */
function pageBytesOf(mainPath: string): number {
  const file = openIfThere(mainPath);
  if (file === undefined) return 0;
  try {
    const stated = new DataView(new ArrayBuffer(2));
    if (readSync(file, stated, 0, 2, 16) < 2) return 0;
    // 65,536 doesn't fit there and stands as 1.
    return stated.getUint16(0) === 1 ? 65_536 : stated.getUint16(0);
  } finally {
    closeSync(file);
  }
}
