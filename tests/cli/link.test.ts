/**
 * The commands that are clients, behind something that takes upgrades and never answers them: they find out by themselves and go by plain
 * HTTP. What a proxy answers that refuses them is tail.test.ts's part.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { atEnd } from '../ends.ts';
import { forwarding } from '../forward.ts';
import { serve, syncline } from './command.ts';

const patience = { timeout: 60_000 };

it('where an upgrade is never answered they read and publish by plain HTTP', patience, async () => {
  const { server, port: target } = await serve();
  let upgrades = 0;
  const proxy = forwarding(target);
  proxy.on('upgrade', (_asked, socket) => {
    upgrades++;
    atEnd(() => socket.destroy());
  });
  proxy.listen(0, 'localhost');
  await once(proxy, 'listening');
  atEnd(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const url = `ws://localhost:${(proxy.address() as AddressInfo).port}/sync`;
  const { lines, child, ended } = syncline('tail', 'raw/a', '--url', url, '--since', 'start');
  await server.publish('raw/a', 1);
  await expect.poll(() => lines(), patience).toEqual(['1  1']);
  expect(await syncline('publish', 'raw/a', '2', '--url', url).ended).toBe(0);
  await expect.poll(() => lines(), patience).toEqual(['1  1', '2  2']);
  expect(upgrades).toBeGreaterThanOrEqual(2);
  child.kill('SIGINT');
  expect(await ended).toBe(0);
});
