/**
 * The harness's end of a node: starts its process, knows its port, stops it in every way a process can be stopped, and tells the
 * history how it ended. A node that is started again is another one, with a name and a port of its own.
 */
import type { Holdings, Recorder } from './history.ts';
import { Program, type Start } from './program.ts';
import type { NodeCommand, Quirks } from './quirks.ts';
import type { BrokerPlan } from './store.ts';

/** Bugs of a server, planted to see that the checker finds them. */
export const nodePlants = [
  'forget-producer',
  'believe-tokens',
  'lose-edits',
  'say-payloads',
  'miscount',
  'late-beats',
  'stand-still',
  'brief-rights',
  'careless',
] as const;
export type NodePlant = (typeof nodePlants)[number];

export interface NodePlan {
  /** 0 takes a free one. */
  readonly port: number;
  readonly broker: BrokerPlan;
  /** Options of the server, besides those that all have. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly quirks: Quirks;
  /** What tokens are signed with. */
  readonly secret: string;
  readonly plant: NodePlant | null;
}

/** Whether its end is wanted. */
interface Fate {
  wanted: boolean;
}

export class Node {
  readonly name: string;
  readonly port: number;
  /** Where it listens. */
  readonly host: string;
  /** What it held before anyone came. */
  readonly before: Holdings;
  readonly #program: Program;
  readonly #fate: Fate;

  private constructor(
    name: string,
    program: Program,
    { before, host, fate }: { readonly before: Holdings; readonly host: string; readonly fate: Fate },
    recorder: Recorder,
  ) {
    this.name = name;
    this.host = host;
    this.#fate = fate;
    this.#program = program;
    this.port = Number((program.hello as { readonly port: unknown }).port);
    this.before = before;
    void program.ended().then((how) => {
      recorder.tell(name, { type: 'exit', how, wanted: fate.wanted && how !== 'code 1' });
    });
  }

  static async start(name: string, plan: NodePlan, recorder: Recorder, start?: Start): Promise<Node> {
    const fate = { wanted: false };
    const hear = (text: string, cries: boolean) => {
      recorder.tell(name, { type: 'said', text });
      // Whoever is meant to end may cry.
      if (cries && !text.startsWith('log ') && !fate.wanted) recorder.tell(name, { type: 'cry', text });
    };
    const program = await Program.start(name, './node.fixture.ts', plan, hear, start);
    const before = await program.ask<Holdings>({ do: 'holdings' });
    const { host = '127.0.0.1' } = plan.quirks;
    return new Node(name, program, { before, host, fate }, recorder);
  }

  /** Starts one that has to end by itself before it serves; what it said then. @throws Error when it serves */
  static async startInVain(name: string, plan: NodePlan): Promise<string> {
    const said: string[] = [];
    const starting = Program.start(name, './node.fixture.ts', plan, (text) => said.push(text));
    const program = await starting.catch(() => undefined);
    if (!program) return said.join(' ');
    await program.kill();
    throw new Error(`${name} serves, and had no reason to.`);
  }

  get running(): boolean {
    return this.#program.running;
  }

  get pid(): number {
    return this.#program.pid;
  }

  holdings(): Promise<Holdings> {
    return this.ask<Holdings>({ do: 'holdings' });
  }

  /** @throws Error when it ends meanwhile */
  ask<Answer>(command: NodeCommand): Promise<Answer> {
    return this.#program.ask<Answer>(command);
  }

  /** Its end is wanted, whoever brings it about; resolves when it has come, with how. */
  doomed(): Promise<string> {
    this.#fate.wanted = true;
    return this.#program.ended();
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#fate.wanted = true;
    await this.#program.kill();
  }

  /** Asks it to leave; resolves when it has, with how it ended. */
  leave(): Promise<string> {
    this.#program.signal('SIGTERM');
    return this.doomed();
  }

  /** Stops its process, and lets it go on. */
  freeze(): void {
    this.#program.signal('SIGSTOP');
  }

  thaw(): void {
    this.#program.signal('SIGCONT');
  }
}
