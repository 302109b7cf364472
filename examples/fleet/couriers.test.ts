/**
 * Who the page knows of, over a real server: those in the map's window, and whoever is looked at beside it.
 */
import { createClient } from '@syncline/client';
import { createServer, memory } from '@syncline/server';
import { expect, onTestFinished, test } from 'vitest';
import { channels, type Fix } from './channels.ts';
import { Couriers } from './couriers.ts';

const fix = (lng: number): Fix => ({ lat: 51, lng, heading: 0, speed: 3 });

test('who is looked at is known although the map looks elsewhere, until nobody looks', async () => {
  const server = createServer({ channels, broker: memory() });
  const { port } = await server.listen(0);
  const client = createClient<typeof channels>({ url: `ws://localhost:${port}/sync` });
  onTestFinished(async () => {
    client.close();
    await server.close({ drainMs: 0 });
  });
  const city = client.state('fleet/city');
  const couriers = new Couriers(() => client.serverNow());
  const lngOf = (name: string) => couriers.all.get(name)?.fix.lng;
  for (const [i, name] of ['a', 'b', 'c'].entries()) await server.set('fleet/city', name, fix(i));

  const window = city.view({ keys: ['a', 'b'] });
  onTestFinished(couriers.follow(window));
  const leave = couriers.follow(city.view({ keys: ['a'] }));
  await expect.poll(() => [...couriers.all.keys()].sort()).toEqual(['a', 'b']);

  window.update({ keys: ['b', 'c'] });
  await expect.poll(() => lngOf('c')).toBe(2);
  expect(window.get('a').get()).toBeUndefined();
  expect(lngOf('a')).toBe(0);
  await server.set('fleet/city', 'a', fix(7));
  await expect.poll(() => lngOf('a')).toBe(7);

  leave();
  expect([...couriers.all.keys()].sort()).toEqual(['b', 'c']);
});
