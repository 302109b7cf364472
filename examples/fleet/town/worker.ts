/**
 * Makes the city and the tours through it on a thread of its own, as that takes a second or two of pure thought. town.ts starts it;
 * it says what it made once, and ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { makeCity } from '../city/city.ts';
import { Random } from '../city/random.ts';
import type { Made } from '../town.ts';
import { makeTours } from './tours.ts';

const { seed, tours: count } = workerData as { readonly seed: number; readonly tours: number };
const { streets, map } = makeCity(seed);
const tours = makeTours(streets, count, new Random(seed + 1));
parentPort?.postMessage({ map: Buffer.from(JSON.stringify(map)), tours } satisfies Made);
