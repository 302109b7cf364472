/**
 * What a courier's device makes of where it is. Simulated couriers and the phone use it; it must not know how it is sent.
 */
import type { Fix } from './channels.ts';
import { toLngLat } from './city/city.ts';
import type { Ride } from './town/tours.ts';

/** The fleet that all of them are in, `fleet/city`. */
export const city = 'city';

export function fixOf({ point, heading, speed }: Ride): Fix {
  const [lng, lat] = toLngLat(point);
  return { lat, lng, heading, speed: Math.round(speed * 10) / 10 };
}
