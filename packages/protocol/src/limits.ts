/**
 * The limits both ends of the protocol agree on, as one table: name, default, unit, meaning.
 * The codec and the server read it; the reference page is generated from it. It knows nothing of who enforces a limit.
 */

/** One bound: its value, the unit it is counted in, and what it bounds. */
export interface Limit {
  readonly default: number;
  readonly unit: string;
  readonly doc: string;
}

// Limits that browsers keep too stand alone as bare numbers, so that a bundle ships these and not the table's sentences.
export const depthMax = 32;
export const epochCharsMax = 64;
export const frameBytesMax = 66_560;
export const historyEntriesMax = 500;
export const keyCharsMax = 255;
export const leaseCharsMax = 64;
export const membersMax = 10_000;
export const nameCharsMax = 255;
export const nameSegmentsMax = 16;
export const producerCharsMax = 64;
export const refMax = 2_147_483_647;
export const tokenCharsMax = 8192;
export const unackedMax = 64;
export const viewHzMax = 1000;
export const viewKeysMax = 1000;

export const limits = {
  batchBytesMax: {
    default: 65_536,
    unit: 'bytes',
    doc: 'payload bytes that one frame of entries carries before the next begins',
  },
  batchEntriesMax: { default: 512, unit: 'entries', doc: 'entries in one frame' },
  depthMax: { default: depthMax, unit: 'levels', doc: 'nesting of one frame, its own array included' },
  epochCharsMax: { default: epochCharsMax, unit: 'characters', doc: 'length of an epoch' },
  frameBytesMax: { default: frameBytesMax, unit: 'bytes', doc: 'size of one frame sent by a client' },
  historyEntriesMax: { default: historyEntriesMax, unit: 'entries', doc: 'entries in one page of history' },
  keyCharsMax: { default: keyCharsMax, unit: 'characters', doc: 'length of a key of a state channel' },
  leaseCharsMax: { default: leaseCharsMax, unit: 'characters', doc: 'length of a lease; 16 at least' },
  membersMax: { default: membersMax, unit: 'members', doc: 'array items and object members in one frame' },
  nameCharsMax: { default: nameCharsMax, unit: 'characters', doc: 'length of a channel name' },
  nameSegmentsMax: { default: nameSegmentsMax, unit: 'segments', doc: 'segments of a channel name' },
  ownEntriesMax: {
    default: 4096,
    unit: 'entries',
    doc: 'entries of a plain client’s own between its place in the log and the head',
  },
  payloadBytesMax: { default: 65_536, unit: 'bytes', doc: 'size of one payload, as sent' },
  producerCharsMax: { default: producerCharsMax, unit: 'characters', doc: 'length of a producer id' },
  refMax: { default: refMax, unit: 'number', doc: 'largest request number' },
  tokenCharsMax: { default: tokenCharsMax, unit: 'characters', doc: 'length of a token' },
  unackedMax: {
    default: unackedMax,
    unit: 'publishes',
    doc: 'unanswered publishes of one producer on one channel',
  },
  viewHz: { default: 20, unit: 'per second', doc: 'how often a view is told that doesn’t say how often' },
  viewHzMax: { default: viewHzMax, unit: 'per second', doc: 'how often a view may ask to be told' },
  viewKeysMax: { default: viewKeysMax, unit: 'keys', doc: 'keys that the filter of a view may name' },
} as const satisfies Record<string, Limit>;
