/**
 * The facts without which a figure says nothing: processor, cores, kernel, Node, the peers' versions, which commit, and
 * when. Neither host names nor paths are among them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly congestionControl: string;
  readonly node: string;
  readonly ws: string;
  readonly socketio: string;
  readonly hocuspocus: string;
  readonly yjs: string;
  readonly commit: string;
  readonly date: string;
}

const root = path.join(import.meta.dirname, '..');

export function describeMachine(): Machine {
  const manifest: unknown = JSON.parse(readFileSync(path.join(import.meta.dirname, 'package.json'), 'utf8'));
  const { dependencies } = manifest as { dependencies: Record<string, string> };
  return {
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.cpus().length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim(),
    node: process.versions.node,
    ws: dependencies['ws'] ?? '',
    socketio: dependencies['socket.io'] ?? '',
    hocuspocus: dependencies['@hocuspocus/server'] ?? '',
    yjs: dependencies['yjs'] ?? '',
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** The commit measured; what this benchmark itself writes doesn't count as a change. */
function commit(): string {
  const head = git('rev-parse', '--short', 'HEAD');
  if (head === undefined) return 'none yet';
  const changes = git('status', '--porcelain', '--', '.', ':!docs/reference/bench.md', ':!bench/results');
  return changes === '' ? head : `${head} with uncommitted changes`;
}

function git(...args: string[]): string | undefined {
  const done = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return done.status === 0 ? done.stdout.trim() : undefined;
}
