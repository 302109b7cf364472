/**
 * A run of a scenario whose clients are a program of its own: a fresh server, the program against it, what the program tells,
 * and what it cost the server meanwhile.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Contender } from './contenders.ts';
import { onCore, type Rig } from './rig.ts';
import type { Told } from './scenario.ts';
import type { Effort } from './scenarios.ts';
import { startProgram, startServer } from './server.ts';
import type { ToldRun } from './statistics.ts';

interface Found {
  readonly facts: Readonly<Record<string, number>>;
  readonly fault?: string;
}

/** How long a program may take. */
const MEASURE_MS = 120_000;

/** @throws Error when the server or the program gave up. */
export async function runTold(
  rig: Rig,
  scenario: Told,
  contender: Contender,
  effort: Effort,
): Promise<ToldRun> {
  const { settings, serverArgs = [], slowLink, units = 1, facts: wanted } = scenario;
  await using server = await startServer(rig, contender, ['--expose-gc'], serverArgs);
  using slow = slowLink === undefined ? undefined : await startSlowLink(rig, server.port, slowLink);
  const seconds = Number(settings['seconds'] ?? 0) / effort.divisor;
  const args = [contender, server.port, JSON.stringify({ ...settings, seconds }), slow?.port ?? ''];
  const program = new URL(scenario.program, import.meta.url);
  await using clients = await startProgram(rig.cores?.generator, program, { args: args.map(String) });
  // Counting slows a Redis down: only who wants to know is told.
  const counts = wanted.some(({ name }) => name.startsWith('commands'));
  const commands = async () => (counts ? (await server.commands()).commands : Number.NaN);
  const before = { ...(await server.usage()), commands: await commands() };
  const found = await clients.ask<Found>('measure', MEASURE_MS);
  const after = { ...(await server.usage()), commands: await commands() };
  const cpuMs = after.cpuMs - before.cpuMs;
  const facts = {
    ...found.facts,
    serverCpu: cpuMs / (after.timeMs - before.timeMs),
    cpuPerThousandMs: (1000 * cpuMs) / (found.facts['allDeliveries'] ?? Number.NaN),
    rssPerUnit: (after.rss - before.rss) / units,
    heapPerUnit: (after.heapUsed - before.heapUsed) / units,
    longestPauseMs: after.longestPauseMs,
    commandsPerPublish: (after.commands - before.commands) / (found.facts['publishes'] ?? Number.NaN),
    commandsPerIdle:
      (after.commands - before.commands) /
      (found.facts['idleSeconds'] ?? Number.NaN) /
      (found.facts['idle'] ?? Number.NaN),
  };
  const judged: number = (facts as Readonly<Record<string, number>>)[wanted[0].name] ?? Number.NaN;
  return { judged, facts, ...(found.fault !== undefined && { fault: found.fault }) };
}

/** A link to the server that hands on so many bytes per second, until it is disposed of. */
async function startSlowLink(rig: Rig, port: number, rate: number): Promise<Disposable & { port: number }> {
  const [command, line] = onCore(rig.cores?.generator, rig.slowLink, [String(port), String(rate)]);
  const child = spawn(command, line, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(String(said)), [Symbol.dispose]: () => void child.kill() };
}
