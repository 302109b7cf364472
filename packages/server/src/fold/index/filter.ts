/**
 * What a view lets through, made ready for asking (rule V2): named keys, the beginning of a key, a box on the globe. Views
 * and the indexes ask it; it knows no value, only its key and its place.
 */
import { SyncError } from '@syncline/protocol';
import type { ViewFilter } from '@syncline/protocol/wire';

/** A key, and where its value says that it is, in degrees; NaN where it says nothing of that kind. */
export interface Place {
  readonly key: string;
  readonly lat: number;
  readonly lng: number;
}

/** A part of the globe that doesn't cross the antimeridian; its edges belong to it. */
export interface Box {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

export class Filter {
  readonly keys: ReadonlySet<string> | undefined;
  readonly prefix: string | undefined;
  /** One box, or the two on either side of the antimeridian (RFC 7946, section 5.2). */
  readonly boxes: readonly Box[] | undefined;
  /** How long nothing is told after something was, in ms. */
  readonly restMs: number;

  /** @param located whether values say where they are @throws SyncError `bad_payload` for a box where they don't */
  constructor({ keys, prefix, bbox, maxHz }: ViewFilter, located: boolean) {
    if (bbox && !located)
      throw new SyncError(
        'bad_payload',
        'Values of this channel don\'t say where they are, so a view of it has no `bbox`. Name the members that do in its contract: `geo: { lat: "lat", lng: "lng" }`.',
      );
    this.keys = keys && new Set(keys);
    this.prefix = prefix === '' ? undefined : prefix;
    this.boxes = bbox && boxesOf(bbox);
    this.restMs = maxHz === undefined ? 0 : 1000 / maxHz;
  }

  matches(place: Place): boolean {
    const { keys, prefix, boxes } = this;
    if (keys && !keys.has(place.key)) return false;
    if (prefix !== undefined && !place.key.startsWith(prefix)) return false;
    if (!boxes) return true;
    for (const box of boxes) if (isIn(box, place)) return true;
    return false;
  }
}

function isIn({ west, south, east, north }: Box, { lat, lng }: Place): boolean {
  // A place that isn't known is NaN, which is neither above nor below anything.
  return lng >= west && lng <= east && lat >= south && lat <= north;
}

function boxesOf([west, south, east, north]: NonNullable<ViewFilter['bbox']>): readonly Box[] {
  if (west <= east) return [{ west, south, east, north }];
  return [
    { west, south, east: 180, north },
    { west: -180, south, east, north },
  ];
}
