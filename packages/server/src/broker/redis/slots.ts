/**
 * Which of the 16,384 slots of a Cluster a key belongs to, and which server has which slots, as a Cluster tells it. Pure functions
 * over names and replies; whom to ask is cluster.ts's matter.
 */

export const slotCount = 16_384;

/** CRC-16 as Redis computes it: polynomial 0x1021, beginning with 0. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  return crc;
});

/** The slot of a key or a topic: that of the part in its first braces, unless that is empty. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const tag = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) crc = ((crc << 8) & 0xffff) ^ (table[((crc >> 8) ^ byte) & 0xff] ?? 0);
  return crc % slotCount;
}

/** A part of a name, for braces, that belongs to one of the slots that `is` is true of; undefined when there is none. */
export function tagIn(is: (slot: number) => boolean): string | undefined {
  // So many numbers reach nearly every slot; whoever has a single one may have to go on a little.
  for (let i = 0; i < 20 * slotCount; i++) if (is(slotOf(String(i)))) return String(i);
  return undefined;
}

/** Slots that follow one another, and their master. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly host: string;
  readonly port: number;
}

/**
 * The ranges in a reply to CLUSTER SLOTS. What doesn't look like one is left out.
 *
 * @param asked the host that was asked, which calls itself by no name when it doesn't know its own
 */
export function rangesOf(reply: unknown, asked: string): readonly Range[] {
  const ranges: Range[] = [];
  for (const row of Array.isArray(reply) ? reply : []) {
    const [from, to, master]: readonly unknown[] = Array.isArray(row) ? row : [];
    const [host, port]: readonly unknown[] = Array.isArray(master) ? master : [];
    if (!isSlot(from) || !isSlot(to) || from > to || !isPort(port)) continue;
    const said = host === null || host === undefined ? '' : String(host);
    ranges.push({ from, to, host: said === '' || said === '?' ? asked : said, port });
  }
  return ranges;
}

/** Where an error sends a command. */
export interface Redirection {
  readonly asking: boolean;
  readonly slot: number;
  /** Empty: the host that said so. */
  readonly host: string;
  readonly port: number;
}

/** What `MOVED 3999 127.0.0.1:6381` and `ASK 3999 127.0.0.1:6381` say; undefined for anything else. */
export function redirectionOf(message: string): Redirection | undefined {
  const [, word, digits, host = '', last] =
    /^(MOVED|ASK) (\d{1,5}) (\S{0,255}):(\d{1,5})$/.exec(message) ?? [];
  const [slot, port] = [Number(digits), Number(last)];
  if (!word || !isSlot(slot) || !isPort(port)) return undefined;
  return { asking: word === 'ASK', slot, host: host === '?' ? '' : host, port };
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < slotCount;
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}
