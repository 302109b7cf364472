/**
 * A rolling restart under load: two servers on one data source leave and come back, one after the other, while clients of
 * the SDK go on reading and publishing. It only keeps the timetable: pair.ts restarts, crowd.ts notices.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Noticed } from './restart/crowd.ts';
import type { Rig } from './rig.ts';
import type { Restart } from './scenario.ts';
import { startProgram } from './server.ts';
import type { RestartRun } from './statistics.ts';

const pairFile = new URL('./restart/pair.ts', import.meta.url);
const crowdFile = new URL('./restart/crowd.ts', import.meta.url);

/** @throws Error when one of the two programs gave up. */
export async function runRestart(rig: Rig, scenario: Restart): Promise<RestartRun> {
  const { members, rate, drainMs, calmMs } = scenario;
  await using pair = await startProgram<{ ports: number[] }>(rig.cores?.server, pairFile, {
    args: [String(drainMs)],
  });
  await using crowd = await startProgram(rig.cores?.generator, crowdFile, {
    args: [members, rate, ...pair.hello.ports].map(String),
  });
  await crowd.ask('begin');
  await sleep(calmMs);
  for (const question of ['restart 0', 'restart 1']) {
    await pair.ask(question);
    await sleep(calmMs);
  }
  const noticed = await crowd.ask<Noticed>('finish');
  return { ...noticed, clients: members, expected: noticed.published * members, stray: 0 };
}
