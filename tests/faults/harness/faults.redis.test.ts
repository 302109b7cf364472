/**
 * Scenarios over several nodes on one Redis that every test run plays, with real processes, sockets and Redis servers. All others
 * are played by `npm run faults`, which also shows one again: `-- --only F44 --seed 7`.
 */
import { noRedis } from '@syncline/server/testing/redis';
import { describe, expect, test } from 'vitest';
import { faultsOf, play, playMs, quick } from './quick.ts';

describe.skipIf(noRedis)(
  '[S2] [S4] [D2] [A1] [A2] [L3] whatever happens to nodes and their Redis, every promise is kept',
  () => {
    test.concurrent.each(quick(true))('$id $title: $injects', { timeout: playMs }, async (scenario) => {
      expect(faultsOf(await play(scenario))).toEqual([]);
    });
  },
);
