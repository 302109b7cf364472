/**
 * What an author is told whose append isn't admitted: the sentences of head.ts's rules. Brokers that decide elsewhere, as a
 * script in Redis does, refuse with the same ones. It knows no log.
 */
import { SyncError } from '@syncline/protocol';
import { sequencesRemembered } from './producer.ts';

/** A sequence number that is neither the next one nor one that is remembered. `known`: whether the log knows the producer. */
export function sequenceRefused(sequence: number, expected: number, known: boolean): SyncError {
  if (sequence < expected) {
    return new SyncError(
      'sequence',
      `Sequence number ${sequence} is too old to tell where it was stored: the last ${sequencesRemembered} are remembered, and ${expected} is next.`,
      { expected },
    );
  }
  const cause = known
    ? 'One before it was lost or refused'
    : 'This log knows no such producer, or has forgotten it';
  return new SyncError(
    'sequence',
    `Sequence number ${sequence} does not fit: ${expected} is next. ${cause}.`,
    { expected },
  );
}

export function topRefused(offset: number, ifTopAt: number): SyncError {
  return new SyncError(
    'precondition',
    `The newest entry of the log is at offset ${offset}, not ${ifTopAt}. Read on and decide anew.`,
    { offset },
  );
}

export function keyRefused(offset: number, ifKeyAt: number): SyncError {
  return new SyncError(
    'precondition',
    `The newest entry of that key is at offset ${offset}, not ${ifKeyAt}. Read it and decide anew.`,
    { offset },
  );
}

export function superseded(offset: number): SyncError {
  return new SyncError(
    'superseded',
    `The entry of that key at offset ${offset} is newer than this one, which is ignored.`,
    { offset },
  );
}

export function keysRefused(keysMax: number): SyncError {
  return new SyncError(
    'too_many',
    `The channel has ${keysMax} keys, its most. Remove some, let them expire, or raise \`keys\` in the contract.`,
  );
}
