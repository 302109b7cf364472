/**
 * `syncline dev`: a server for trying out, without tokens, that tells what happens and begins anew when the contract changes. Here
 * is who watches and starts; the server is a process of its own, dev/child.ts, so that a new contract is loaded with all it imports.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync, unwatchFile, watchFile } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { type Cancel, systemClock } from '@syncline/protocol/wire';
import { sentence } from './connect.ts';
import type { Told } from './dev/child.ts';
import { leaveWith, onLeave, writeLine, writeNotice } from './output.ts';

/** The options, as they are read. */
export interface DevOptions {
  readonly channels: string;
  readonly port: number;
  readonly data?: string;
}

/** How often files are looked at, in ms. Looking works where being told doesn't: in containers, on network drives. */
const lookMs = 200;
/** An editor may write a file in several steps. */
const settleMs = 100;
/** A contract of more files than this isn't followed further. */
const filesMax = 200;

/** Beside this file, and a `.ts` or a `.js` as this file is. */
const child = new URL(import.meta.url.endsWith('.ts') ? './dev/child.ts' : './dev/child.js', import.meta.url);

/** Serves until the process is told to end. @throws an Error when there is no such file */
export function dev(options: DevOptions): Promise<void> {
  const file = resolve(options.channels);
  if (!existsSync(file))
    throw new Error(
      `--channels ${options.channels}: there is no such file. It exports \`channels\`, made by defineChannels().`,
    );
  return new Promise((resolveWhenOver) => new Watch(options, file, resolveWhenOver).begin());
}

class Watch {
  readonly #options: DevOptions;
  readonly #file: string;
  readonly #over: () => void;
  #child: ChildProcess | undefined;
  #files: readonly string[] = [];
  /** The port that was taken the first time: clients find the next server there. */
  #port: number;
  #pause: Cancel | undefined;
  /** Whether the server that is there now was told to make room for the next one. */
  #replaced = false;
  /** Whether it has told what was wrong with it. */
  #excused = false;
  #leaving = false;

  constructor(options: DevOptions, file: string, over: () => void) {
    this.#options = options;
    this.#file = file;
    this.#port = options.port;
    this.#over = over;
  }

  begin(): void {
    onLeave(() => {
      this.#leaving = true;
      for (const file of this.#files) unwatchFile(file);
      if (this.#child) this.#letGo(this.#child);
      else this.#end(0);
    });
    this.#start();
  }

  #start(): void {
    this.#follow();
    const { channels, data } = this.#options;
    const settings = JSON.stringify({ channels, port: this.#port, ...(data !== undefined && { data }) });
    const started = fork(child, [settings], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = started;
    this.#replaced = false;
    this.#excused = false;
    started.on('message', (told: Told) => {
      if (told.port !== undefined) this.#port = told.port;
      if (told.failed !== undefined) this.#failed(told.failed);
    });
    started.on('exit', (code) => this.#ended(code ?? 1));
  }

  /** Nothing but a change of the file helps then; at the start it may be something else, such as the port. */
  #failed(why: string): void {
    this.#excused = true;
    writeNotice(`${sentence(why)} It is tried again when ${relative('.', this.#file)} changes.`);
  }

  #ended(code: number): void {
    this.#child = undefined;
    if (this.#leaving) this.#end(0);
    else if (this.#replaced) this.#start();
    else if (!this.#excused) this.#failed(`The server ended by itself, with code ${code}.`);
  }

  /** It goes by itself, once it has let its clients go. */
  #letGo(one: ChildProcess): void {
    this.#replaced = true;
    if (one.connected) one.disconnect();
  }

  #changed(file: string): void {
    if (this.#leaving) return;
    this.#pause?.();
    this.#pause = systemClock.timer(settleMs, () => {
      this.#pause = undefined;
      writeLine(`${relative('.', file)} changed: the server begins anew.`);
      if (this.#child) this.#letGo(this.#child);
      else this.#start();
    });
  }

  /** Watches the contract and what it imports of the project's own. */
  #follow(): void {
    for (const file of this.#files) unwatchFile(file);
    this.#files = filesOf(this.#file);
    for (const file of this.#files) {
      watchFile(file, { interval: lookMs }, (now, before) => {
        if (now.mtimeMs !== before.mtimeMs || now.size !== before.size) this.#changed(file);
      });
    }
  }

  #end(code: number): void {
    this.#over();
    leaveWith(code);
  }
}

/** A file and those that it leads to by relative imports. */
function filesOf(first: string): string[] {
  const found = new Set([first]);
  for (const file of found) {
    if (found.size >= filesMax) break;
    for (const to of importsOf(file)) if (existsSync(to)) found.add(to);
  }
  return [...found];
}

function importsOf(file: string): string[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Gone for now: an editor may be about to put it back.
  }
  const paths = text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g);
  return [...paths].map(([, path = '']) => resolve(dirname(file), path));
}
