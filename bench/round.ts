/**
 * One run: a fresh server, the generator against it, and what the generator reports. Where memory is measured the server
 * is asked for it before and after; a load run is measured by the generator alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, dialects } from './contenders.ts';
import { startGenerator } from './generator.ts';
import { runRestart } from './restart.ts';
import type { Rig } from './rig.ts';
import type { Idle, Latency, Scenario, Stalled, Throughput } from './scenario.ts';
import type { Effort } from './scenarios.ts';
import { type Server, startServer } from './server.ts';
import type { IdleRun, LoadRun, Run, StalledRun } from './statistics.ts';
import { identitySettings } from './tokens.ts';
import { runTold } from './told.ts';

/**
 * A fixed rate is low, and code is compiled after so many calls: by this factor a latency is measured later. Until then the compiler's
 * threads and the first large collections are what one waits for, on the core that all of a server's processes share.
 */
const LATENCY_WARMUP = 5;
/** How long connections rest before their memory is read. */
const SETTLE_MS = 2_000;
/** Pause of the generator between two rounds of reading while it measures throughput. */
const NAP_US = 100;
const PAYLOAD_BYTES = 128;

/** @throws Error when the server or the generator gave up; the message says why. */
export async function run(rig: Rig, scenario: Scenario, contender: Contender, effort: Effort): Promise<Run> {
  if (scenario.measure === 'told') return await runTold(rig, scenario, contender, effort);
  if (scenario.measure === 'restart') return await runRestart(rig, scenario);
  if (scenario.measure === 'idle') return await runIdle(rig, scenario, contender, effort);
  if (scenario.measure === 'stalled') return await runStalled(rig, scenario, contender, effort);
  await using server = await startServer(rig, contender);
  return await runLoad(rig, scenario, contender, effort, server);
}

/** Runs a throughput or latency scenario against a server that is there. */
export async function runLoad(
  rig: Rig,
  scenario: Throughput | Latency,
  contender: Contender,
  effort: Effort,
  server: Server,
): Promise<LoadRun> {
  const { rooms, members, publishers, measure } = scenario;
  const pace =
    measure === 'latency'
      ? { mode: 'latency', rate: scenario.rate }
      : { mode: 'throughput', outstanding: scenario.outstanding, nap: NAP_US };
  const { seconds } = effort;
  const warmup = measure === 'latency' ? effort.warmup * LATENCY_WARMUP : effort.warmup;
  const generator = startGenerator(rig, server, {
    dialect: dialectOf(contender),
    payload: PAYLOAD_BYTES,
    rooms,
    members,
    publishers,
    ...pace,
    warmup,
    seconds,
    ...(await identitySettings(rig, contender, rooms * members)),
  });
  const report = await generator.said<LoadRun>();
  await generator.ended();
  return report;
}

async function runIdle(rig: Rig, scenario: Idle, contender: Contender, effort: Effort): Promise<IdleRun> {
  await using server = await startServer(rig, contender, ['--expose-gc']);
  const connections = Math.floor(
    Math.min((scenario.rooms * scenario.members) / effort.divisor, rig.filesMax - 200),
  );
  const [rooms, members] = scenario.rooms === 1 ? [1, connections] : [connections, 1];
  const before = await server.memory();
  const generator = startGenerator(rig, server, {
    dialect: dialectOf(contender),
    mode: 'idle',
    rooms,
    members,
    publishers: 0,
  });
  await generator.said();
  await sleep(SETTLE_MS);
  const after = await server.memory();
  generator.go();
  await generator.ended();
  return {
    connections,
    rssBefore: before.rss,
    rssAfter: after.rss,
    heapBefore: before.heapUsed,
    heapAfter: after.heapUsed,
  };
}

/** The generator waits twice: when those who will stall are in, and when they have been owed all there is to be owed. */
async function runStalled(
  rig: Rig,
  scenario: Stalled,
  contender: Contender,
  effort: Effort,
): Promise<StalledRun> {
  const { rooms, members, publishers, rate, stalled, payloadBytes, seconds } = scenario;
  await using server = await startServer(rig, contender, ['--expose-gc']);
  const generator = startGenerator(rig, server, {
    dialect: dialectOf(contender),
    mode: 'latency',
    payload: payloadBytes,
    rooms,
    members,
    publishers,
    rate,
    stalled,
    warmup: effort.warmup,
    seconds: seconds / effort.divisor,
  });
  await generator.said();
  await sleep(SETTLE_MS);
  const before = await server.memory();
  generator.go();
  await generator.said();
  const after = await server.memory();
  generator.go();
  const report = await generator.said<LoadRun>();
  await generator.ended();
  return {
    ...report,
    stalled: rooms * stalled,
    rssBefore: before.rss,
    rssAfter: after.rss,
    heapBefore: before.heapUsed,
    heapAfter: after.heapUsed,
  };
}

function dialectOf(contender: Contender): string {
  const dialect = dialects[contender];
  if (dialect !== undefined) return dialect;
  throw new Error(`The load generator doesn't speak to ${contender}.`);
}
