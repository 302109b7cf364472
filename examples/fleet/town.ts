/**
 * The town that the fleet rides in: its map as the page gets it, and a tour for each courier. Made once, when somebody first asks,
 * beside the event loop. It must not know who asks.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type File, types } from '../site/page.ts';
import type { Tour } from './town/tours.ts';

/** What the worker says. */
export interface Made {
  /** GeoJSON, as UTF-8. */
  readonly map: Uint8Array;
  readonly tours: readonly Tour[];
}

/** Any number gives a city; this one has a fine bend in its river. */
const seed = 7;
/** One of them is a phone's. */
const toursMax = 500;

let made: Promise<Made> | undefined;

/** The same town for all who ask. Resolves after a second or two the first time. */
export function town(): Promise<Made> {
  made ??= make();
  return made;
}

async function make(): Promise<Made> {
  const worker = new Worker(new URL('./town/worker.ts', import.meta.url), {
    workerData: { seed, tours: toursMax },
  });
  // A process that ends needn't wait for it.
  worker.unref();
  const [message] = (await once(worker, 'message')) as [Made];
  return message;
}

/** What the page needs besides what is bundled: the map's data, and the part of the map library that works on a thread. */
export const fleetFiles: ReadonlyMap<string, () => Promise<File>> = new Map<string, () => Promise<File>>([
  ['city.json', async () => ({ type: types.json, body: (await town()).map })],
  ['worker.js', async () => ({ type: types.js, body: await readFile(mapWorker) })],
]);
const mapWorker = new URL(import.meta.resolve('maplibre-gl/dist/maplibre-gl-worker.mjs'));
