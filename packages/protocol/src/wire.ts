/**
 * The second door of this package, for Syncline's own client, server and tests: frames, codec, positions, entries, kinds.
 * Applications need index.ts only; what stands here may change with the protocol's version.
 */
export type { BinaryPublish } from './binary.ts';
export {
  decodeClientBinary,
  decodeServerBinary,
  encodeClientBinary,
  encodeEntriesBinary,
  encodeSnapshotBinary,
} from './binary.ts';
export { readMessages, readText } from './body.ts';
export { joined } from './bytes.ts';
export type { Cancel, Clock } from './clock.ts';
export { systemClock } from './clock.ts';
export type { Refused } from './codec.ts';
export {
  clientFrames,
  decodeClient,
  decodeServer,
  encodeClient,
  encodeEntries,
  encodeServer,
  readPayload,
  readWire,
  serverFrames,
  splitList,
  wireText,
} from './codec.ts';
export { isErrorCode, steps } from './codes.ts';
export type { Action, Definition, Geo, Keep, Lookup } from './contract.ts';
export { actions, lookup, search } from './contract.ts';
export type { CarriedBy, NameOf, PatternOf, PresenceOf, SignalOf } from './contract.types.ts';
export { milliseconds } from './duration.ts';
export type { Data, Entry } from './entry.ts';
export { toSyncError } from './errors.ts';
export type {
  Bbox,
  ClientFrame,
  Direction,
  FrameOf,
  Gone,
  GoneReason,
  Head,
  Placed,
  ServerFrame,
  Signalled,
  Start,
  ViewFilter,
} from './frame.ts';
export { bearerPrefix, subprotocol, tellSuffix } from './frame.ts';
export type { Kind, KindName } from './kind.ts';
export type { DocBeginning, DocSnapshot, DocUpdate } from './kinds/document.ts';
export {
  beginning,
  docSnapshot,
  noLineage,
  readDocData,
  readDocEntry,
  readDocSnapshot,
  sameLineage,
  updateEntry,
} from './kinds/document.ts';
export type {
  DurableAct,
  DurableHeader,
  DurableState,
  Life,
  Lifetime,
  ProducerTuple,
} from './kinds/durable.ts';
export {
  durableAct,
  durableEntry,
  durableKind,
  durableNext,
  durableProducersMax,
  durableWithin,
  readDurableEntry,
} from './kinds/durable.ts';
export type { SetOptions, StateOperation } from './kinds/operation.ts';
export { deleteOperation, readStateOperation, setOperation } from './kinds/operation.ts';
export type { StateChange, StateFacts, StateValue, StateView } from './kinds/state.ts';
export {
  deleteEntry,
  expireEntry,
  readStateEntry,
  readStateLine,
  setEntry,
  stateKind,
  stateLines,
  stateRow,
  withFacts,
} from './kinds/state.ts';
export { updateFault } from './kinds/update.ts';
export { depthMax, historyEntriesMax, limits, membersMax, refMax, unackedMax } from './limits.ts';
export type { Pattern } from './name.ts';
export { channelFault, matches, nameFault, parsePattern, splitName } from './name.ts';
export type { GapReason, Position } from './position.ts';
export { follows, hash, newEpoch, nextCheck, origin, previousCheck, samePlace } from './position.ts';
export { ackBytesMax, readPublish, writeAck } from './publish.ts';
export { validate } from './schema.ts';
