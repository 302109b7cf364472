/**
 * How the disk broker stores what a log remembers of a producer: steps between offsets, checks, and steps between times,
 * some eight bytes for each sequence number, since this is written with every group. tables.ts uses it; it knows no log.
 */
import { eachRemembered, type Producer, producerOf, type Stored, sequencesRemembered } from '../producer.ts';

/** Two steps of up to eight bytes each, and a check, for every sequence number remembered. */
const scratch = new Uint8Array(20 * sequencesRemembered);

export function ringIn(producer: Producer): Uint8Array {
  let end = 0;
  let offsetBefore = 0;
  let atBefore = 0;
  eachRemembered(producer, (offset, check, at) => {
    end = putStep(end, offset - offsetBefore);
    for (let shift = 0; shift < 32; shift += 8) scratch[end++] = check >>> shift;
    end = putStep(end, at - atBefore);
    offsetBefore = offset;
    atBefore = at;
  });
  return scratch.slice(0, end);
}

export function ringOut(last: number, stored: Uint8Array): Producer {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const list: Stored[] = [];
  let [offset, at, from] = [0, 0, 0];
  const step = (): number => {
    let value = 0;
    for (let scale = 1; from < bytes.length; scale *= 128) {
      const byte = bytes.readUInt8(from++);
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (from < bytes.length) {
    offset += step();
    const check = bytes.readUInt32LE(from);
    from += 4;
    at += step();
    list.push({ offset, check, at });
  }
  return producerOf(last, list);
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. Neither offsets nor times ever fall. */
function putStep(from: number, step: number): number {
  let end = from;
  let left = step;
  for (; left >= 128; left = Math.floor(left / 128)) scratch[end++] = 128 | (left % 128);
  scratch[end++] = left;
  return end;
}
