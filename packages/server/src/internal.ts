/**
 * The second door of this package, for Syncline's own simulator and tests: the rooms themselves, to be joined without
 * sockets. Applications need index.ts only.
 */
export { openAccess } from './access/open.ts';
export type { Broker } from './broker/broker.ts';
export type { Executor, Operation, Outcome } from './broker/disk/operation.ts';
export { Store } from './broker/disk/store.ts';
export { diskOver } from './broker/disk.ts';
export { type Link, type LinkSetting, openLink } from './broker/redis/link.ts';
export { scriptOf } from './broker/redis/scripts.ts';
export { foldDocument } from './fold/doc/work.ts';
export { Hub } from './hub.ts';
export { newMetrics, silentLogger } from './observe.ts';
export { resolveNumbers } from './options.ts';
export { Pulse } from './pulse.ts';
export { Bucket } from './session/bucket.ts';
export type { Port } from './session/port.ts';
export type { Place } from './session/sessions.ts';
export { Session } from './session.ts';
export type { Ask, Reply } from './transports/http/link/link.ts';
export { Links } from './transports/http/link/links.ts';
export {
  nativeBatch,
  nativeControls,
  nativeSeen,
  nativeSignals,
  nativeSnapshot,
} from './transports/websocket.ts';
export { Turn } from './turn.ts';
