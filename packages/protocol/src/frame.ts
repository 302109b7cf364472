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
  | {
      readonly type: 'view';
      readonly ref: number;
      readonly channel: string;
      /** The view that is moved or ended; 0: a new one (rule V1). */
      readonly id: number;
      /** Null: it ends. */
      readonly filter: ViewFilter | null;
    }
  | {
      readonly type: 'enter';
      readonly ref: number;
      readonly channel: string;
      readonly lease: string;
      /** JSON (rule F9). */
      readonly data: string;
    }
  | { readonly type: 'leave'; readonly ref: number; readonly channel: string; readonly lease: string }
  | {
      readonly type: 'signal';
      readonly ref: number;
      readonly channel: string;
      readonly lease: string;
      /** JSON (rule F9). */
      readonly data: string;
    }
  | { readonly type: 'heartbeat' };

export type Direction = 'before' | 'after';

/** West, south, east, north, in degrees; where west lies above east the box crosses the antimeridian (RFC 7946, section 5.2). */
export type Bbox = readonly [west: number, south: number, east: number, north: number];

/** What of a state channel a view shows: what meets all that is given (rule V2). */
export interface ViewFilter {
  readonly keys?: readonly string[] | undefined;
  /** How the keys begin. */
  readonly prefix?: string | undefined;
  readonly bbox?: Bbox | undefined;
  /** How often it is told at most, per second. */
  readonly maxHz?: number | undefined;
}

/** Why a key is no longer in a view: its value lies elsewhere now, was removed, or has lived its time (rule V3). */
export type GoneReason = 'exit' | 'delete' | 'expire';
export type Gone = readonly [key: string, why: GoneReason];

/** What a member told all who are there, as JSON, with its key and its user (rule N6). */
export type Signalled = readonly [key: string, from: string | null, data: string];

/** The head of one subscribed channel, by the node's numeric id; of a view, how many `seen` it was sent (rule V7). */
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
  | {
      readonly type: 'heartbeat';
      readonly heads: readonly Head[];
      /** For how many ms the server hasn't known what is in its logs; 0, or left out, while it does (rule H5). */
      readonly staleMs?: number | undefined;
    }
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
    }
  | { readonly type: 'viewing'; readonly ref: number; readonly id: number }
  | {
      readonly type: 'seen';
      readonly id: number;
      /** Up to where in the log this tells of the view (rule V3). */
      readonly offset: number;
      /** Whether more of what a new view begins with follows (rule V4). */
      readonly more: boolean;
      /** Rows as they stand in the lines of a snapshot (rule K8). */
      readonly rows: readonly string[];
      readonly gone: readonly Gone[];
    }
  | { readonly type: 'entered'; readonly ref: number; readonly key: string }
  | { readonly type: 'left'; readonly ref: number }
  | { readonly type: 'signalled'; readonly ref: number; readonly key: string }
  | { readonly type: 'signals'; readonly id: number; readonly signals: readonly Signalled[] };

/** One frame of one union, by its type. */
export type FrameOf<F extends { type: string }, T extends F['type']> = Extract<F, { type: T }>;
