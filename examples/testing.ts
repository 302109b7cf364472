/**
 * Starts the examples as people do, as a process of their own, for the tests here and in tests/browser. It knows what
 * start.ts prints, and nothing of what it serves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childOf } from '../scripts/children.ts';

const script = fileURLToPath(new URL('start.ts', import.meta.url));

/** A process that either printed its address or has ended. */
export interface Launched {
  /** Where it listens; empty when it doesn't. */
  readonly url: string;
  readonly port: string;
  readonly output: { readonly out: string; readonly err: string };
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Does what the end of the runner does: closes the channel to it. */
  leave(): void;
  /** Resolves with the exit code, null after a signal that killed it. */
  readonly ended: Promise<number | null>;
}

/**
 * Starts the examples; PORT is a free one unless given. Resolves when they listen, or when the process has ended.
 *
 * @param asWritten whether what people run is started, rather than the one file that was made of it. Default: no
 */
export async function launch(
  environment: Record<'DATA_DIR', string> & Partial<Record<'PORT' | 'HOST', string>>,
  { asWritten = false }: { readonly asWritten?: boolean } = {},
): Promise<Launched> {
  const { HOST: _, ...inherited } = process.env;
  const env = { ...inherited, PORT: '0', ...environment };
  const program = asWritten ? script : childOf(script);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = { out: '', err: '' };
  const ended = whenEnded(child);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  await Promise.race([ended, firstLine(child, output)]);
  const url = /https?:\/\/\S+/.exec(output.out)?.[0] ?? '';
  return {
    url,
    port: url && new URL(url).port,
    output,
    ended,
    kill: (signal) => child.kill(signal),
    leave: () => child.disconnect(),
  };
}

/** Waits for its output too. Not for 'close', which doesn't come after `disconnect`. */
async function whenEnded(child: ChildProcess): Promise<number | null> {
  const outputs = [child.stdout, child.stderr].map((output) => output && once(output, 'close'));
  const [code]: (number | null)[] = await once(child, 'exit');
  await Promise.all(outputs);
  return code ?? null;
}

function firstLine({ stdout }: ChildProcess, output: { out: string }): Promise<void> {
  return new Promise((resolve) => {
    stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.out += text;
      if (output.out.includes('\n')) resolve();
    });
  });
}

/** A new folder, and how to remove it. */
export function temporaryFolder(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
