/**
 * A city of so many vehicles on a state channel, so many of which move within a second. The two servers of the comparison are the
 * same; it is their viewers who ask for what they look at, or for everything.
 */
import { setImmediate } from 'node:timers/promises';
import { defineChannels, state } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { report } from './control.ts';
import { common } from './syncline.options.ts';

const TICK_MS = 10;
const [vehicles = 0, perSecond = 0] = process.argv.slice(2).map(Number);

const channels = defineChannels({
  'fleet/:city': state<{ lat: number; lng: number; heading: number }>({ geo: { lat: 'lat', lng: 'lng' } }),
});
const server = createServer({ ...common, channels });
const { port } = await server.listen(0, '127.0.0.1');
let moved = 0;

function move(): void {
  const i = moved % vehicles;
  // Spread evenly over a square of one degree, and circling slowly around where they are.
  const angle = moved++ / vehicles / 20 + i;
  const [row, column] = [Math.floor(i / 100) / (vehicles / 100), (i % 100) / 100];
  const place = { lat: row + Math.sin(angle) / 200, lng: column + Math.cos(angle) / 200 };
  const heading = Math.round((angle * 180) / Math.PI) % 360;
  void server.set('fleet/city', `van-${i}`, { ...rounded(place), heading }, { at: Date.now() });
}

for (; moved < vehicles; await setImmediate()) for (let i = 0; i < 100; i++) move();
const begun = performance.now();
setInterval(() => {
  while (moved - vehicles < ((performance.now() - begun) / 1000) * perSecond) move();
}, TICK_MS);
report(port);

function rounded({ lat, lng }: { lat: number; lng: number }): { lat: number; lng: number } {
  return { lat: Math.round(lat * 1e6) / 1e6, lng: Math.round(lng * 1e6) / 1e6 };
}
