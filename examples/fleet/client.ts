/**
 * This window's part in the fleet: its connection, the one view that it moves with the map, and who is in it. All components of
 * the page share it; it must not know them.
 */
import { createClient, type Store } from '@syncline/client';
import { useSyncExternalStore } from 'preact/compat';
import type { channels } from './channels.ts';
import { Couriers } from './couriers.ts';

export const client = createClient<typeof channels>();

const city = client.state('fleet/city');
/** Before the map says where it looks, nobody is in view. */
export const view = city.view({ keys: [] });
export const couriers = new Couriers(() => client.serverNow());
/** Follows one of them, wherever the map looks, until the returned function is called. */
export const watch = (name: string): (() => void) => couriers.follow(city.view({ keys: [name] }));
/** How many couriers there are altogether. */
export const duty = client.state('duty').get('city');

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

/** The courier whose order the address is about, `#order/courier-17`; null where it is about all of them. */
export function orderInAddress(): string | null {
  return /^#order\/([\w-]{1,60})$/.exec(location.hash)?.[1] ?? null;
}
