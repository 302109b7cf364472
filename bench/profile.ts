/**
 * Where a server's time goes: runs it in one scenario under Node's own profiler and adds up self time by function. It is
 * a tool for whoever works on the hot path; nothing it prints is kept.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Contender, labels } from './contenders.ts';
import type { Rig } from './rig.ts';
import { runLoad } from './round.ts';
import type { Throughput } from './scenario.ts';
import type { Effort } from './scenarios.ts';
import { startServer } from './server.ts';

/** The parts of Node's .cpuprofile format that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** µs between one sample and the one before. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly where: string;
  /** Of all time in which the processor wasn't idle. */
  readonly share: number;
}

/** Functions by the time spent in themselves, most first. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const sums = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? '';
    if (name === '(idle)') return;
    const time = profile.timeDeltas[i] ?? 0;
    total += time;
    sums.set(name, (sums.get(name) ?? 0) + time);
  });
  return [...sums].map(([where, time]) => ({ where, share: time / total })).sort((a, b) => b.share - a.share);
}

function nameOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)';
  const file = frame.url.replace(/^file:\/\//, '').replace(/^.*\/(?=(packages|bench|node_modules)\/)/, '');
  return file === '' ? name : `${name}  ${file}:${frame.lineNumber + 1}`;
}

/** Profiles one run; returns the lines to print. */
export async function profile(
  rig: Rig,
  scenario: Throughput,
  contender: Contender,
  effort: Effort,
): Promise<string[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'syncline-profile-'));
  try {
    const server = await startServer(rig, contender, ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
    await runLoad(rig, scenario, contender, effort, server).finally(() => server[Symbol.asyncDispose]());
    const [file = ''] = readdirSync(folder);
    const found: unknown = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    const lines = selfTimes(found as CpuProfile).map(
      (t) => `${(t.share * 100).toFixed(1).padStart(5)} %  ${t.where}`,
    );
    return [`Self time of ${labels[contender]} during "${scenario.title}":`, ...lines.slice(0, 25)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
