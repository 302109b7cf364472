/**
 * The whole vocabulary of the wire as two discriminated unions. Both ends build and switch on these; the codec turns them
 * into text and back. A new frame is added here and in the codec's table, and the compiler names every switch that must know it.
 */

import type { ErrorCode, ErrorDetail } from './codes.ts';
import type { Data } from './entry.ts';
import type { GapReason, Position } from './position.ts';

/** The WebSocket subprotocol (rule F1), and how a second one begins that carries the token (rule F10). */
export const subprotocol = 'syncline.v1';
export const bearerPrefix = 'bearer.';
/** Added to the subprotocol it names one more, by which a client asks to be told in frames why it is not let in (rule F13). */
export const tellSuffix = '.tell';

/** Where a subscription starts: at a position, or with the last n entries (0: only what comes next). */
export type Start = Position | number;

/** What a client sends. `ref` numbers a request; its answer carries it back (rule F6). */
export type ClientFrame =
  | { readonly type: 'subscribe'; readonly ref: number; readonly channel: string; readonly start: Start }
  | { readonly type: 'unsubscribe'; readonly ref: number; readonly channel: string }
  | {
      readonly type: 'publish';
      readonly ref: number;
      readonly channel: string;
      readonly producer: string;
      readonly sequence: number;
      readonly data: Data;
    }
  | {
      readonly type: 'history';
      readonly ref: number;
      readonly channel: string;
      readonly direction: Direction;
      readonly offset: number;
      readonly limit: number;
    }
  | { readonly type: 'auth'; readonly ref: number; readonly token: string }
  | { readonly type: 'heartbeat' };

export type Direction = 'before' | 'after';

/** The head of one subscribed channel, by the node's numeric id. */
export interface Head {
  readonly id: number;
  readonly offset: number;
  readonly check: number;
}

/** An entry as it stands on the wire, and its offset, where that doesn't follow from its place. */
export interface Placed {
  readonly offset: number;
  readonly data: Data;
}

/**
 * What a server sends. `entries` hold each entry as it stands on the wire: the payload, or `[at,from,payload]` where the
 * channel is stamped (rule D1).
 */
export type ServerFrame =
  | {
      readonly type: 'welcome';
      readonly session: string;
      readonly heartbeatMs: number;
      readonly payloadBytesMax: number;
      /** Time until the rights of this session end (rule I1); null: they don't. */
      readonly expiresMs: number | null;
      /** The server's time, in ms since 1970. */
      readonly now: number;
    }
  | {
      readonly type: 'subscribed';
      readonly ref: number;
      readonly id: number;
      readonly position: Position;
      readonly top: number;
      readonly gap: GapReason | null;
      readonly stamped: boolean;
    }
  | { readonly type: 'unsubscribed'; readonly ref: number }
  | { readonly type: 'revoked'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'authenticated'; readonly ref: number; readonly expiresMs: number | null }
  | { readonly type: 'ack'; readonly ref: number; readonly position: Position }
  | {
      readonly type: 'history';
      readonly ref: number;
      readonly epoch: string;
      readonly first: number;
      readonly more: boolean;
      readonly stamped: boolean;
      readonly entries: readonly Data[];
    }
  | {
      readonly type: 'gap';
      readonly id: number;
      readonly position: Position;
      readonly top: number;
      readonly reason: GapReason;
    }
  | {
      readonly type: 'snapshot';
      readonly id: number;
      readonly offset: number;
      readonly check: number;
      /** Whether another part of the same snapshot follows (rule S9). */
      readonly more: boolean;
      readonly data: Data;
    }
  | { readonly type: 'heartbeat'; readonly heads: readonly Head[] }
  | {
      readonly type: 'error';
      readonly ref: number | null;
      readonly code: ErrorCode;
      readonly message: string;
      readonly detail: ErrorDetail | null;
    }
  | { readonly type: 'bye'; readonly reason: string; readonly afterMs: number }
  | {
      readonly type: 'entries';
      readonly id: number;
      readonly first: number;
      readonly entries: readonly Data[];
    }
  | {
      readonly type: 'changes';
      readonly id: number;
      /** The offset before all that these entries stand for; the last one's offset is where they lead. */
      readonly from: number;
      readonly check: number;
      readonly entries: readonly Placed[];
    };

/** One frame of one union, by its type. */
export type FrameOf<F extends { type: string }, T extends F['type']> = Extract<F, { type: T }>;
