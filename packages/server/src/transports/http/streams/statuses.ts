/**
 * What each outcome of a request for a stream is answered with: the statuses of Durable Streams, which aren't always those of the errors
 * table. Writes and reads are answered by it, and the reference page of errors is generated from it. It knows outcomes, and nothing of
 * how they came about.
 */
import type { ErrorCode, GapReason } from '@syncline/protocol';
import type { StreamOutcome } from '../../../session/streams/request.ts';

/** A status; and for what is refused a code of the errors table, and why. */
type Row = readonly [status: number, code?: ErrorCode, message?: string];

export const statuses: { readonly [O in StreamOutcome | GapReason | 'gone']: Row } = {
  created: [201],
  exists: [200],
  appended: [204],
  /** A request that has a number is told whether it is new. */
  taken: [200],
  duplicate: [204],
  closed: [204],
  deleted: [204],
  touched: [204],
  untouched: [204],
  missing: [
    404,
    'unknown_channel',
    'There is no such stream: it was never created, was deleted, or has expired.',
  ],
  different: [
    409,
    'precondition',
    'The stream exists with another type, lifetime or end. Delete it first, or use another name.',
  ],
  ended: [409, 'precondition', 'The stream is closed: nothing is appended to it any more.'],
  mistyped: [409, 'unsupported_data', 'The stream is of another media type than what was sent.'],
  faulty: [400, 'bad_payload', 'The body can not be stored.'],
  fixed: [405, 'bad_frame', 'The stream is there by the server’s contract, and nobody closes or deletes it.'],
  fenced: [
    403,
    'superseded',
    'The producer has begun anew since, with a higher epoch: this one writes no more.',
  ],
  late: [409, 'sequence', 'The last append had the same Stream-Seq, or a higher one.'],
  skipped: [409, 'sequence', 'A request of this producer is missing: send the number that is expected.'],
  unsteady: [400, 'sequence', 'A new epoch of a producer begins with the number 0.'],
  epoch: [410, 'precondition', 'The log was lost, and another one is in its place.'],
  trimmed: [410, 'precondition', 'What came after this offset is no longer kept.'],
  diverged: [410, 'precondition', 'The log was rolled back, and went on otherwise.'],
  ahead: [410, 'precondition', 'The log was rolled back: it ends before this offset.'],
  gone: [410, 'precondition', 'What this offset belongs to is gone.'],
};
