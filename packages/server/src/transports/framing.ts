/**
 * Server-to-client WebSocket frames as bytes (RFC 6455 section 5.2): unmasked, unfragmented, complete with their header,
 * so that one buffer can be written to any number of sockets. `ws` does everything else: handshake, parsing, closing.
 */

const textOpcode = 0x81;
const binaryOpcode = 0x82;

/** The longest payload whose length stands in the second byte. */
const shortBytesMax = 125;

/** A ping without payload, complete. */
export const pingFrame: Uint8Array = Buffer.from([0x89, 0]);

/** One text frame. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const buffer = Buffer.allocUnsafe(headerBytes(length) + length);
  buffer.write(text, writeHeader(buffer, 0, textOpcode, length));
  return buffer;
}

/** Several text frames, one after another, in one buffer. */
export function textFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const buffer = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerBytes(length) + length, 0));
  let at = 0;
  for (const [i, text] of texts.entries()) {
    at = writeHeader(buffer, at, textOpcode, lengths[i] ?? 0);
    at += buffer.write(text, at);
  }
  return buffer;
}

/**
 * Short text frames, written straight into one buffer: `write` puts one's payload at a place and returns where that ends.
 *
 * @param bytesMax size of the largest payload; up to 125
 */
export function shortFrames<T>(
  all: readonly T[],
  bytesMax: number,
  write: (buffer: Buffer, at: number, one: T) => number,
): Buffer {
  const buffer = Buffer.allocUnsafe(all.length * (2 + bytesMax));
  let at = 0;
  for (const one of all) {
    const end = write(buffer, at + 2, one);
    writeHeader(buffer, at, textOpcode, end - at - 2);
    at = end;
  }
  return buffer.subarray(0, at);
}

/** One binary frame. */
export function binaryFrame(bytes: Uint8Array): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes(bytes.length) + bytes.length);
  buffer.set(bytes, writeHeader(buffer, 0, binaryOpcode, bytes.length));
  return buffer;
}

function headerBytes(length: number): number {
  return length <= shortBytesMax ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes a header and returns where the payload goes. */
function writeHeader(buffer: Buffer, at: number, opcode: number, length: number): number {
  buffer[at] = opcode;
  if (length <= shortBytesMax) {
    buffer[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    buffer[at + 1] = 126;
    return buffer.writeUInt16BE(length, at + 2);
  }
  buffer[at + 1] = 127;
  return buffer.writeBigUInt64BE(BigInt(length), at + 2);
}
