/**
 * What the core does for those that it tells of the connection: none of them can keep the news from the others, nor the connection
 * from going on.
 */
import { expect, test } from 'vitest';
import type { Member } from './core.ts';
import type { Stream } from './stream.ts';
import { comeBack } from './testing/board.ts';
import { epoch, scene } from './testing/scripted.ts';

test('one that throws is reported, and all others are told: the client comes back, and closes', async () => {
  const here = scene();
  const before = here.client.stream('chat/a') as unknown as Stream<unknown>;
  const fail = () => {
    throw new Error('half made');
  };
  const broken: Member = { opened: fail, lost: fail, closed: fail };
  before.core.members.add(broken);
  const room = here.client.stream('chat/b');
  room.onMessage(() => {});
  here.server.link.welcome().subscribed();
  expect(room.freshness.get()).toEqual({ state: 'live' });
  const link = await comeBack(here);
  link.subscribed({ position: { epoch, offset: 0, check: 0 } });
  expect(room.freshness.get()).toEqual({ state: 'live' });
  here.client.close();
  expect(here.client.status.get().state).toBe('closed');
  await here.settle();
  // Opened twice, lost twice, closed.
  expect(here.errors).toHaveLength(5);
  for (const error of here.errors) expect(error).toMatchObject({ message: 'half made' });
});
