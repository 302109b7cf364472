/**
 * The fleet's contract: where each courier is, where it has been, and how many there are. Server, page and tests import it. It
 * must not know whether couriers are real.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import { type InferOutput, integer, maxValue, minValue, number, object, pipe } from 'valibot';

const degrees = (most: number) => pipe(number(), minValue(-most), maxValue(most));

const Place = object({ lat: degrees(90), lng: degrees(180) });
export type Place = InferOutput<typeof Place>;

/** Where a courier was at the time that it says with `at`. */
const Fix = object({
  ...Place.entries,
  /** Clockwise from north, in whole degrees. */
  heading: pipe(number(), integer(), minValue(0), maxValue(359)),
  /** In metres per second. */
  speed: pipe(number(), minValue(0), maxValue(100)),
});
export type Fix = InferOutput<typeof Fix>;

/** Who says nothing for so long is offline. */
const fixTtl = '40s';

/** A demo: whoever gets in may look, and be a courier. In earnest a courier would own its key: `state({ own: true })`. */
const anonymous = ['subscribe', 'publish', 'history'] as const;

export const channels = defineChannels({
  /** The newest fix of each courier, by its name. */
  'fleet/:city': state({ value: Fix, ttl: fixTtl, geo: { lat: 'lat', lng: 'lng' }, anonymous }),
  /** The corners that a courier came by. */
  'trail/:courier': stream({ message: Place, keep: { entries: 200, age: '20m' }, stamp: true, anonymous }),
  /** By city: how many couriers are on duty. */
  duty: state({ value: object({ couriers: pipe(number(), integer(), minValue(0)) }), anonymous }),
});
