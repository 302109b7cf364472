/**
 * The harness's end of the crowd: starts the process that carries the clients, and asks it for one thing after the other. It
 * knows what can be asked, and nothing of what clients do.
 */
import type { GuestPlan, Surroundings } from './guest.ts';
import type { Open } from './history.ts';
import { Program, type Start } from './program.ts';
import type { StrangerPlan } from './stranger.ts';

export interface CrowdPlan extends Surroundings {
  /** Where its part of the history goes. */
  readonly file: string;
  readonly seed: number;
}

/** Where a node is found that serves everybody, by plain TCP. */
export interface Plain {
  readonly name: string;
  readonly port: number;
}

export type Command =
  | { readonly do: 'join'; readonly guests: readonly GuestPlan[] }
  /** One more publisher, which sends everything over each of these ways. */
  | { readonly do: 'repeat'; readonly name: string; readonly ports: readonly number[] }
  | { readonly do: 'leave'; readonly name: string }
  | { readonly do: 'publish'; readonly perSecond: number; readonly fillingBytes: number }
  /** On so many new logs one client subscribes while another publishes. */
  | { readonly do: 'race'; readonly logs: number }
  /** Clients by hand come, with tokens. */
  | { readonly do: 'strangers'; readonly strangers: readonly StrangerPlan[] }
  /** Waits until each client by hand has got something. */
  | { readonly do: 'got'; readonly withinMs: number }
  /** The rights of these were withdrawn: nothing is right before they were told. */
  | { readonly do: 'revoked'; readonly names: readonly string[] }
  /** Somebody listens to that node. */
  | { readonly do: 'listen'; readonly to: Plain }
  /** Nodes are sent bad input. */
  | { readonly do: 'probe'; readonly nodes: readonly Plain[] }
  /** From now on its wall clock is so far ahead of the machine's. */
  | { readonly do: 'clock'; readonly aheadMs: number }
  | { readonly do: 'open' }
  | { readonly do: 'settle'; readonly withinMs: number }
  | {
      readonly do: 'logs';
      readonly nodes: readonly Pick<GuestPlan, 'name' | 'port' | 'host' | 'secure' | 'tokenUrl'>[];
    }
  /** Names lead to that address from now on; null: to none. */
  | { readonly do: 'resolve'; readonly to: string | null }
  | { readonly do: 'finish' };

export interface Answers {
  readonly join: object;
  readonly repeat: object;
  readonly leave: object;
  readonly strangers: object;
  readonly revoked: object;
  readonly got: object;
  readonly listen: object;
  readonly probe: object;
  readonly clock: object;
  /** What its clients have open. */
  readonly open: Open;
  readonly publish: object;
  readonly logs: object;
  readonly resolve: object;
  readonly race: object;
  /** After how long all was right; what was not, where the time was over. */
  readonly settle: { readonly ms: number; readonly left: readonly string[] };
  /** The longest time for which the process stood still. */
  readonly finish: { readonly longestMs: number };
}

export class Crowd {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start(plan: CrowdPlan, onCry: (text: string) => void, start?: Start): Promise<Crowd> {
    const hear = (text: string, cries: boolean) => cries && onCry(text);
    return new Crowd(await Program.start('crowd', './crowd.fixture.ts', plan, hear, start));
  }

  ask<C extends Command>(command: C): Promise<Answers[C['do']]> {
    return this.#program.ask<Answers[C['do']]>(command);
  }

  close(): Promise<void> {
    return this.#program.kill();
  }
}
