/**
 * A small disk of its own for a node's folder, which can be filled to the last byte: a file system in memory, mounted over the folder
 * before the node starts. Only root may mount one.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Beside } from './beside.ts';

const diskBytes = 16 * 1024 * 1024;

export class Disk implements Beside {
  readonly quirks = {};
  readonly #dir: string;

  /** Over a folder where one is mounted. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Why there can be none here; undefined when there can. */
  static needs(): string | undefined {
    return process.getuid?.() === 0 ? undefined : 'it needs root, to mount a file system';
  }

  /** Mounts one where nodes of a run in that folder have theirs. @throws Error when the system refuses */
  static async mount(runDir: string): Promise<Disk> {
    const dir = join(runDir, 'data');
    mkdirSync(dir, { recursive: true });
    run('mount', '-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', dir);
    return new Disk(dir);
  }

  /** Leaves no room, whatever is deleted elsewhere. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (let bytes = 65_536; bytes >= 1; )
        try {
          writeSync(file, Buffer.alloc(bytes));
        } catch (thrown) {
          if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC')) throw thrown;
          bytes = Math.floor(bytes / 2);
        }
    } finally {
      closeSync(file);
    }
  }

  clear(): void {
    rmSync(this.#ballast, { force: true });
  }

  async close(): Promise<void> {
    run('umount', '-l', this.#dir);
  }

  get #ballast(): string {
    return join(this.#dir, 'ballast');
  }
}

function run(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim()}`);
}
