/**
 * One run: a fresh server, the generator against it, and what the generator reports. An idle run holds connections
 * and asks the server for its memory before and after; a load run is measured by the generator alone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { onCore, type Rig } from './rig.ts';
import type { Contender, Effort, Idle, Scenario } from './scenarios.ts';
import { type Server, startServer } from './server.ts';
import type { IdleRun, LoadRun, Run } from './statistics.ts';

/** How long connections rest before their memory is read. */
const SETTLE_MS = 2_000;
/** Pause of the generator between two rounds of reading while it measures throughput. */
const NAP_US = 100;

/** @throws Error when the server or the generator gave up; the message says why. */
export async function run(rig: Rig, scenario: Scenario, contender: Contender, effort: Effort): Promise<Run> {
  if (scenario.measure === 'idle') return await runIdle(rig, scenario, contender, effort);
  await using server = await startServer(rig, contender);
  return await runLoad(rig, scenario, contender, effort, server);
}

/** Runs a throughput or latency scenario against a server that is there. */
export async function runLoad(
  rig: Rig,
  scenario: Exclude<Scenario, Idle>,
  contender: Contender,
  effort: Effort,
  server: Server,
): Promise<LoadRun> {
  const { rooms, members, publishers, measure } = scenario;
  const pace =
    measure === 'latency' ? { rate: scenario.rate } : { outstanding: scenario.outstanding, nap: NAP_US };
  const { warmup, seconds } = effort;
  const child = startGenerator(rig, server, {
    dialect: contender,
    mode: measure,
    rooms,
    members,
    publishers,
    ...pace,
    warmup,
    seconds,
  });
  const exit = once(child, 'exit');
  const [report, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await exit;
  if (code !== 0) throw new Error(complaint.trim() || `the generator ended with code ${String(code)}`);
  return JSON.parse(report) as LoadRun;
}

async function runIdle(rig: Rig, scenario: Idle, contender: Contender, effort: Effort): Promise<IdleRun> {
  await using server = await startServer(rig, contender, ['--expose-gc']);
  const connections = Math.floor(
    Math.min((scenario.rooms * scenario.members) / effort.idleDivisor, rig.filesMax - 200),
  );
  const [rooms, members] = scenario.rooms === 1 ? [1, connections] : [connections, 1];
  const before = await server.memory();
  const child = startGenerator(rig, server, {
    dialect: contender,
    mode: 'idle',
    rooms,
    members,
    publishers: 0,
  });
  const exit = once(child, 'exit');
  const complaint = text(child.stderr);
  const ready = once(child.stdout, 'data').then(() => true);
  if (!(await Promise.race([ready, exit.then(() => false)]))) throw new Error((await complaint).trim());
  await sleep(SETTLE_MS);
  const after = await server.memory();
  child.stdin.end();
  const [code] = await exit;
  if (code !== 0) throw new Error((await complaint).trim());
  return {
    connections,
    rssBefore: before.rss,
    rssAfter: after.rss,
    heapBefore: before.heapUsed,
    heapAfter: after.heapUsed,
  };
}

function startGenerator(rig: Rig, server: Server, settings: Readonly<Record<string, string | number>>) {
  const all = { ...settings, port: server.port, pid: server.pid };
  const [command, line] = onCore(rig.cores?.generator, rig.generator, Object.entries(all).flat().map(String));
  return spawn(command, line, { stdio: ['pipe', 'pipe', 'pipe'] });
}
