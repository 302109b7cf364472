/**
 * The door for whoever wraps the client: types of what its methods take and give, which applications hardly ever write, but which
 * functions of one's own take, and which compilers put into declarations. index.ts has the others. Nothing here is ever loaded.
 */
export type {
  Bbox,
  CarriedBy,
  GoneReason,
  NameOf,
  PresenceOf,
  SignalOf,
  ViewFilter,
} from '@syncline/protocol/wire';
export type { ViewChange } from './entries.ts';
export type { MemberConnection } from './presence.ts';
export type { GetToken } from './rights.ts';
export type { DeleteOptions, SetOptions } from './state.ts';
export type { Report } from './store.ts';
export type { HistoryOptions, HistoryPage } from './stream.ts';
export type { TimelineOptions, TimelineView } from './timeline.ts';
export type { Fallback, Link, LinkHandlers, Transport } from './transports/transport.ts';
