/**
 * How a channel is shown to whoever reads it by plain HTTP: of what media type, which messages its entries are, whether it exists
 * and is closed. Each kind has a face, made in faces.ts; sessions and transports go by what it says and can't tell which kind it is.
 */
import type { Position } from '@syncline/protocol';
import type { Data } from '@syncline/protocol/wire';
import type { Batch, SnapshotPart } from '../cursor.ts';

/**
 * How messages join: `json` as the elements of one list; `text` and `bytes` one right after another, and bytes in base64 where
 * only text can travel.
 */
export type Form = 'json' | 'text' | 'bytes';

/** Why nothing more comes: the log was closed for good, or there is none any more. */
export type End = 'closed' | 'gone';

export interface Face {
  /** Media type of what is read, as a Content-Type says it. */
  readonly type: string;
  readonly form: Form;
  /** Under this name what is made of a batch is kept with it: the same name only for those who are shown the same. */
  readonly name: string;
  /** The messages that a reader sees of a batch; none where nothing in it is for readers. JSON texts where `form` is `json`. */
  messages(batch: Batch): readonly Data[];
  /**
   * Whether, and why, nothing comes after this batch. Of one with which the log is `gone` nothing is shown.
   *
   * @param fresh whether it is the first for a reader who began with nothing
   */
  ends(batch: Batch, fresh: boolean): End | undefined;
  /** Shows a snapshot to a reader who begins one. @param from the place that the reader comes from; undefined: it has nothing */
  snapshot(from: Position | undefined): SnapshotFace;
  /**
   * What is published by the body of a request, as readers would see it: payloads, in their order. Left out where that is somebody
   * else's matter.
   *
   * @param most so many are asked for: of more there may be any number
   * @throws SyncError `bad_payload`
   */
  payloads?(body: Uint8Array, most: number): readonly Data[];
}

/** Shows one snapshot, part by part. */
export interface SnapshotFace {
  /** As that of a face: what is made of a part is kept with it under this name. */
  readonly name: string;
  /**
   * The messages that a reader sees of the next part. Of a list the first part has some; bytes come with one part, all of them.
   *
   * @param at the place where the snapshot leads
   * @throws SyncError where it can't be shown
   */
  next(part: SnapshotPart, at: Position): readonly Data[] | Promise<readonly Data[]>;
  /** As `ends` of a batch, once the last part was given. */
  readonly end: End | undefined;
}

/** A channel as it is now: all that was appended before this was asked is known, whichever node appended it. */
export interface Shown {
  readonly face: Face;
  /** The head of its log, whenever this is asked. */
  readonly head: () => Position;
  /** Whether nothing will ever come after the head that it has now. */
  readonly closed: boolean;
  /** The place before all that is shown, where that isn't the oldest place that the log has. */
  readonly start?: Position | undefined;
  /** How long it is there: so many seconds after its last use, or until a time in ms since 1970. */
  readonly ttlSeconds?: number | undefined;
  readonly expiresAt?: number | undefined;
}
