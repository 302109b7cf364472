/**
 * What people import to describe their channels and to handle errors. The two ends share more than this; they take it
 * from the wire door, wire.ts. Every public name is listed here by hand.
 */

export type { ErrorCode, ErrorDetail, Then } from './codes.ts';
export { SyncError } from './codes.ts';
export type {
  Contract,
  Definition,
  DocDefinition,
  DocOptions,
  DurableDefinition,
  DurableOptions,
  StateDefinition,
  StateOptions,
  StreamDefinition,
  StreamOptions,
} from './contract.ts';
export { defineChannels, doc, durable, state, stream } from './contract.ts';
export type { Duration } from './duration.ts';
export { errors } from './errors.ts';
export { limits } from './limits.ts';
export type { GapReason, Position } from './position.ts';
export type { Schema } from './schema.ts';
