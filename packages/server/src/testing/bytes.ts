/**
 * Requests and frames as bytes, right and wrong, and what comes back taken apart again. Tests that speak to a server byte by byte
 * are written with it, the simulator reads frames with it; it opens no socket and asserts nothing.
 */

/** Header fields that differ from a good request's: null leaves one out, a list repeats it. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

const end = '\r\n\r\n';

/** A request for an upgrade. */
export function request(line: string, fields: Changes): string {
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}`),
  );
  return `${[line, ...lines].join('\r\n')}${end}`;
}

/** What may be wrong with a frame; what is left out is as it should be. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits, the first of them worth 4. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** The length that the header tells, where it isn't the payload's. */
  readonly declared?: bigint;
}

export const opcodes = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** A client's frame. */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = opcodes.text, fin = true, rsv = 0, masked = true } = options;
  const bytes = Buffer.from(payload);
  const length = options.declared ?? BigInt(bytes.length);
  const short = length < 126n ? Number(length) : length < 65_536n ? 126 : 127;
  const header = Buffer.alloc(short < 126 ? 2 : short === 126 ? 4 : 10);
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  header[1] = (masked ? 0x80 : 0) | short;
  if (short === 126) header.writeUInt16BE(Number(length), 2);
  if (short === 127) header.writeBigUInt64BE(length, 2);
  if (!masked) return Buffer.concat([header, bytes]);
  return Buffer.concat([header, mask, bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** A close frame. */
export function close(code: number, reason: string | Uint8Array = ''): Buffer {
  return frame(Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]), {
    opcode: opcodes.close,
  });
}

/** An HTTP answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One of the server's frames. */
export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** What stands at the front of some bytes, and what comes after it; undefined while it isn't all there. */
export type Taken<T> = { readonly value: T; readonly rest: Buffer } | undefined;

/** The HTTP answer at the front. Its body is as long as it says. */
export function takeAnswer(bytes: Buffer): Taken<HttpAnswer> {
  const at = bytes.indexOf(end);
  if (at < 0) return undefined;
  const [status = '', ...lines] = bytes.subarray(0, at).toString('latin1').split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const headers = new Map(fields);
  const bodyAt = at + end.length;
  const bodyEnd = bodyAt + Number(headers.get('content-length') ?? 0);
  if (bytes.length < bodyEnd) return undefined;
  const body = bytes.toString('utf8', bodyAt, bodyEnd);
  return { value: { status: Number(status.split(' ')[1]), headers, body }, rest: bytes.subarray(bodyEnd) };
}

/** The frame at the front, which is unmasked. */
export function takeFrame(bytes: Buffer): Taken<ServerFrame> {
  if (bytes.length < 2) return undefined;
  const [first = 0, short = 0] = bytes;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const length = start === 2 ? short : start === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return undefined;
  const payload = bytes.subarray(start, start + length);
  return { value: { opcode: first & 15, payload }, rest: bytes.subarray(start + length) };
}
