/**
 * What the disk broker asks of its store, and what the store answers: plain values, since they travel between threads.
 * disk.ts makes operations, store.ts carries them out. Errors travel as facts and become SyncErrors again on arrival.
 */
import { type ErrorCode, type ErrorDetail, SyncError } from '@syncline/protocol';
import type { Append, Appended, Range, Slice, Snapshot } from '../broker.ts';

/** `now` is the asking thread's clock, so that one clock rules and tests can set it. */
export type Operation =
  | { readonly type: 'append'; readonly channel: string; readonly now: number; readonly append: Append }
  | { readonly type: 'read'; readonly channel: string; readonly now: number; readonly range: Range }
  | {
      readonly type: 'compact';
      readonly channel: string;
      readonly now: number;
      readonly epoch: string;
      readonly snapshot: Snapshot;
    };

export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail | undefined;
}

/** What came of one operation. Answers stand in the order of the operations. */
export type Outcome =
  | { readonly type: 'appended'; readonly value: Appended }
  | { readonly type: 'slice'; readonly value: Slice }
  | { readonly type: 'compacted'; readonly value: boolean }
  | { readonly type: 'fault'; readonly fault: Fault };

/**
 * Carries out operations: each call's in order, calls in the order they are made, and answers only when all of it is
 * durable. A rejection with `unavailable` means that nothing is known of them, with any other code that none was begun. The
 * thread is one; the simulator brings its own.
 */
export interface Executor {
  /** Resolves when the file is open; rejects with why it can't be. */
  readonly ready: Promise<void>;
  run(operations: readonly Operation[]): Promise<readonly Outcome[]>;
  /** Finishes what was begun and releases the file. */
  close(): Promise<void>;
}

export function faultOf(error: SyncError): Fault {
  return { code: error.code, message: error.message, detail: error.detail };
}

export function errorOf(fault: Fault): SyncError {
  return new SyncError(fault.code, fault.message, fault.detail);
}
