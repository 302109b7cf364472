/**
 * Which Redis servers there are for a link, and which of them is asked for what. A single Redis and the master that Sentinels name are
 * one place, a Cluster has many. The link goes by this; it knows nothing of slots or Sentinels.
 */
import type { Condition } from './condition.ts';
import type { Address, Connection, Dial, OnMessage } from './connection.ts';
import { nameOf } from './connection.ts';
import type { Place } from './place.ts';

/** What every topology builds places with. */
export interface PlaceTools {
  readonly dial: Dial;
  readonly condition: Condition;
  readonly prefix: string;
  /** This link's own name, random. */
  readonly id: string;
  readonly commandMs: number;
  readonly replicated: boolean;
  /** Throws unless the link can work with a Redis of this mode. */
  check(connection: Connection, mode: 'standalone' | 'cluster'): Promise<void>;
  readonly onMessage: OnMessage;
  onSubscriber(place: Place, connection: Connection): Promise<void>;
  onDown(why: Error): void;
}

/** Where a command goes. */
export interface Route {
  readonly place: Place;
  /** Whether that place has to be told that it was sent there, since the slot is on its way. */
  readonly asking: boolean;
}

export interface Topology {
  /** Whether messages go by slots, as keys do. */
  readonly sharded: boolean;
  /** Resolves when all places can be used. */
  readonly ready: Promise<void>;
  /** Where a key or a topic is; undefined while nobody knows. */
  placeOf(key: string): Place | undefined;
  places(): readonly Place[];
  /** Where to try again what was refused; undefined where that is no use. */
  redirect(thrown: unknown, route: Route, key: string): Promise<Route | undefined>;
  /** Looks up anew what is where, soon. */
  refresh(): void;
  close(): void;
}

/** An address that others announced may be reached by another one: through a tunnel, say, or from outside of a container. */
export type AddressMap = Readonly<Record<string, { readonly host: string; readonly port: number }>>;

/** The address to dial for one that a Sentinel or a Cluster told. */
export function reach(address: { host: string; port: number }, map: AddressMap | undefined): Address {
  const name = nameOf(address);
  return (map && Object.hasOwn(map, name) ? map[name] : undefined) ?? address;
}
