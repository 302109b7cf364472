/**
 * The harness's end of a node: starts its process, knows its port, stops it in every way a process can be stopped, and tells the
 * history how it ended. A node that is started again is another one, with a name and a port of its own.
 */
import type { Holdings, Recorder } from './history.ts';
import { Program } from './program.ts';
import type { BrokerPlan } from './store.ts';

/** Bugs of a server, planted to see that the checker finds them. */
export type NodePlant = 'forget-producer';

export interface NodePlan {
  /** 0 takes a free one. */
  readonly port: number;
  readonly broker: BrokerPlan;
  /** Options of the server, besides those that all have. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly plant: NodePlant | null;
}

export class Node {
  readonly name: string;
  readonly port: number;
  /** What it held before anyone came. */
  readonly before: Holdings;
  readonly #program: Program;
  #leaves = false;

  private constructor(name: string, program: Program, before: Holdings, recorder: Recorder) {
    this.name = name;
    this.#program = program;
    this.port = Number((program.hello as { readonly port: unknown }).port);
    this.before = before;
    void program.ended().then((how) => {
      recorder.tell(name, { type: 'exit', how, wanted: this.#leaves && how !== 'code 1' });
    });
  }

  static async start(name: string, plan: NodePlan, recorder: Recorder): Promise<Node> {
    const cry = (text: string) => !text.startsWith('log ') && recorder.tell(name, { type: 'cry', text });
    const program = await Program.start(name, './node.fixture.ts', plan, cry);
    const before = await program.ask<Holdings>({});
    return new Node(name, program, before, recorder);
  }

  get running(): boolean {
    return this.#program.running;
  }

  holdings(): Promise<Holdings> {
    return this.#program.ask<Holdings>({});
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#leaves = true;
    await this.#program.kill();
  }

  /** Asks it to leave; resolves when it has, with how it ended. */
  leave(): Promise<string> {
    this.#leaves = true;
    this.#program.signal('SIGTERM');
    return this.#program.ended();
  }

  /** Stops its process, and lets it go on. */
  freeze(): void {
    this.#program.signal('SIGSTOP');
  }

  thaw(): void {
    this.#program.signal('SIGCONT');
  }
}
