/**
 * Couriers for a fleet that has none: five hundred who ride through the town and say where they are once a second, as long as
 * somebody looks. start.ts starts it on the server that it runs. It must not know how a map is drawn.
 */
import { SyncError } from '@syncline/protocol';
import type { Server } from '@syncline/server';
import type { channels } from '../channels.ts';
import { toLngLat } from './city/city.ts';
import { city, fixOf } from './fix.ts';
import { type PhoneOptions, startPhone } from './phone.ts';
import { cornersBetween, rideAt, type Tour } from './town/tours.ts';
import { town } from './town.ts';

const fixMs = 1000;
/** They don't all speak at once. */
const slices = 10;
const dutyMs = 5000;
/** Who was silent for longer starts a new trail. */
const fixTtlMs = 40_000;

/** Where the server is, for those who come to it by HTTP. */
interface FleetOptions extends Pick<PhoneOptions, 'server' | 'ca'> {
  /** Whether somebody looks. Default: whether this server's own clients do. */
  readonly awake?: () => boolean;
}

/**
 * Starts the couriers, one of them a phone; nothing is made or sent until somebody looks.
 *
 * @param report told of what goes wrong
 * @returns what stops them
 */
export function startFleet(
  server: Server<typeof channels>,
  options: FleetOptions,
  report: (thrown: unknown) => void,
): () => void {
  const { awake = () => server.metrics.viewsOpen > 0, ...address } = options;
  const stops: (() => void)[] = [];
  const stop = (): void => {
    for (const each of stops.splice(0)) each();
  };
  const start = (): void => {
    if (!awake()) return;
    stop();
    town()
      .then(({ tours: [own, ...tours] }) => {
        if (own) stops.push(startPhone({ ...address, tour: own, awake, report }));
        stops.push(ride(server, tours, awake, report));
      })
      .catch(report);
  };
  const timer = setInterval(start, fixMs / slices);
  stops.push(() => clearInterval(timer));
  return stop;
}

/** Each courier says where it is once a second. */
function ride(
  server: Server<typeof channels>,
  tours: readonly Tour[],
  awake: () => boolean,
  report: (thrown: unknown) => void,
): () => void {
  let slice = 0;
  let dutyAt = 0;
  const told = new Map<string, number>();
  const failed = (thrown: unknown): void => {
    // The machine's clock was set back, and fixes of before stand until it is as late again.
    if (thrown instanceof SyncError && thrown.code === 'superseded') return;
    clearInterval(timer);
    report(thrown);
  };
  const speak = (tour: Tour, name: string, now: number): void => {
    const last = told.get(name) ?? now;
    told.set(name, now);
    if (inTunnel(name, now)) return;
    server.set(`fleet/${city}`, name, fixOf(rideAt(tour, now)), { at: now }).catch(failed);
    if (now - last > fixTtlMs) return;
    for (const corner of cornersBetween(tour, last, now)) {
      const [lng, lat] = toLngLat(corner);
      server.publish(`trail/${name}`, { lat, lng }).catch(failed);
    }
  };
  const turn = (): void => {
    if (!awake()) return;
    const now = Date.now();
    for (const [i, tour] of tours.entries()) if (i % slices === slice) speak(tour, `courier-${i + 1}`, now);
    slice = (slice + 1) % slices;
    if (now < dutyAt) return;
    dutyAt = now + dutyMs;
    server.set('duty', city, { couriers: tours.length + 1 }).catch(failed);
  };
  const timer = setInterval(turn, fixMs / slices);
  return () => clearInterval(timer);
}

/** Now and then somebody has no signal for a while: some so long that they are offline. It follows from the time alone. */
function inTunnel(name: string, now: number): boolean {
  const windowMs = 90_000;
  const number = Number(name.slice('courier-'.length));
  const window = Math.floor(now / windowMs + number * 0.37);
  const dice = Math.imul(window ^ Math.imul(number, 0x9e3779b1), 0x85ebca6b) >>> 0;
  const into = ((now / windowMs + number * 0.37) % 1) * windowMs;
  return dice % 100 < 6 && into < 15_000 + ((dice >>> 8) % 70_000);
}
