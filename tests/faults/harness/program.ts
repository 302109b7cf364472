/**
 * A process of the harness's own, which is asked over Node's channel between parent and child: nodes and the crowd. What it writes
 * to its error output is looked through for what no healthy process says.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childOf } from '../../../scripts/children.ts';

/** How long an answer may take: longer than anything that is waited for inside. */
const answerMs = 180_000;
/** What Node itself, or what nobody caught, says. */
const cries = /unhandled|uncaught|MaxListeners|\w*Error: /i;

/** How a process is started, where that differs from the plain way. */
export interface Start {
  /** Options of Node itself. */
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts it, in the place of Node, which becomes it in the end: `nsenter …`. */
  readonly by?: readonly string[];
  /** Whether it has a standard output that nobody reads. */
  readonly deafOutput?: boolean;
}

/** Gets each line that a process writes, and whether no healthy one writes such. */
type OnLine = (text: string, cries: boolean) => void;

type Reply = { readonly answer: unknown } | { readonly error: string };

export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  /** Answers come in the order of the questions. */
  readonly #waiting: ((reply: Reply) => void)[] = [];

  private constructor(name: string, child: ChildProcess, onLine: OnLine, deafOutput: boolean) {
    this.name = name;
    this.#child = child;
    child.on('message', (reply) => this.#waiting.shift()?.(reply as Reply));
    child.on('exit', (code, signal) => {
      for (const answer of this.#waiting.splice(0))
        answer({ error: `${name} ended: ${signal ?? `code ${code}`}` });
    });
    for (const output of [child.stderr, deafOutput ? null : child.stdout])
      if (output) createInterface({ input: output }).on('line', (text) => onLine(text, cries.test(text)));
  }

  /** Starts a program of this folder with that plan; resolves when it is ready. @throws Error when it ends before that */
  static async start(
    name: string,
    file: string,
    plan: object,
    onLine: OnLine,
    { execArgv = [], env = {}, by = [], deafOutput = false }: Start = {},
  ): Promise<Program> {
    const path = childOf(fileURLToPath(new URL(file, import.meta.url)));
    const [execPath = process.execPath, ...before] = [...by, process.execPath];
    const child = fork(path, [JSON.stringify(plan)], {
      execPath,
      execArgv: [...before, '--disable-warning=ExperimentalWarning', ...execArgv],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const program = new Program(name, child, onLine, deafOutput);
    program.hello = await program.#answer('to be ready');
    return program;
  }

  /** What it said when it was ready. */
  hello: unknown;

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when it has ended, with how: `code 0`, `SIGKILL`. */
  async ended(): Promise<string> {
    if (this.running) await once(this.#child, 'exit');
    return this.#child.signalCode ?? `code ${this.#child.exitCode}`;
  }

  /** @throws Error when it ends, says that it couldn't, or says nothing for three minutes */
  async ask<Answer>(question: object): Promise<Answer> {
    if (!this.running) throw new Error(`${this.name} has ended.`);
    this.#child.send(question);
    return (await this.#answer(JSON.stringify(question))) as Answer;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  async #answer(what: string): Promise<unknown> {
    const late = new AbortController();
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.push(resolve);
      const error = `${this.name} said nothing for long, asked ${what}`;
      AbortSignal.any([late.signal, AbortSignal.timeout(answerMs)]).addEventListener('abort', () =>
        resolve({ error }),
      );
    });
    late.abort();
    if ('error' in reply) throw new Error(reply.error);
    return reply.answer;
  }
}
