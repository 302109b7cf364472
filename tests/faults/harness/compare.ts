/**
 * Two comparisons that others have published, played with this harness's proxies beside Socket.IO, all in one run: outages of 2 s
 * every 10 s, and one of two nodes killed under many connections. It says what was done; bench/outage holds who it is done to.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@syncline/protocol/wire';
import { startRedis } from '@syncline/server/testing/redis';
import {
  type CrowdCommand,
  type CrowdPlan,
  type Noticed,
  type OutageContender,
  outageContenders,
  type ServerCommand,
} from '../../../bench/outage/plan.ts';
import { FaultProxy } from '../proxy.ts';
import { Program } from './program.ts';

/** What became of one contender. */
export interface Outcome extends Noticed {
  readonly contender: OutageContender;
  readonly published: number;
}

export interface Comparison {
  readonly jitter: {
    readonly clients: number;
    readonly seconds: number;
    readonly perSecond: number;
    readonly outcomes: Outcomes;
  };
  readonly avalanche: { readonly clients: number; readonly perSecond: number; readonly outcomes: Outcomes };
}

type Outcomes = Readonly<Partial<Record<OutageContender, Outcome>>>;

/** For so long everyone has to be there until it counts that they are. */
const steadyMs = 3000;

const programs = '../../../bench/outage/';

class Served {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  static async start(contender: OutageContender, redisUrl: string | null): Promise<Served> {
    return new Served(
      await Program.start(contender, `${programs}server.ts`, { contender, redisUrl }, () => {}),
    );
  }

  get port(): number {
    return (this.program.hello as { readonly port: number }).port;
  }

  ask(command: ServerCommand): Promise<number> {
    return this.program.ask<number>(command);
  }
}

/** Starts so many clients, and waits until all are there. */
async function crowdOf(contender: OutageContender, port: number, clients: number) {
  const plan: CrowdPlan = { contender, port, clients };
  const program = await Program.start('crowd', `${programs}crowd.ts`, plan, () => {});
  const ask = <T>(command: CrowdCommand) => program.ask<T>(command);
  /** Waits until so many are there, and have been for a while: who is cut off needs a moment to notice. */
  const there = async (count: number, withinMs: number): Promise<void> => {
    const until = performance.now() + withinMs;
    let since = performance.now();
    while (performance.now() - since < steadyMs && performance.now() < until) {
      if ((await ask<number>({ do: 'there' })) < count) since = performance.now();
      await sleep(50);
    }
  };
  await there(clients, 60_000);
  return { ask, there, close: () => program.kill() };
}

/** No connection and no way back for 2 s, every 10 s. */
async function jitter(
  contender: OutageContender,
  clients: number,
  seconds: number,
  perSecond: number,
): Promise<Outcome> {
  const served = await Served.start(contender, null);
  const proxy = await FaultProxy.open(served.port, systemClock);
  const crowd = await crowdOf(contender, proxy.port, clients);
  await served.ask({ do: 'publish', perSecond });
  await sleep(1000);
  await crowd.ask({ do: 'watch' });
  for (let left = seconds; left > 0; left -= 10) {
    await sleep(8000);
    proxy.refuse();
    for (const link of proxy.links) if (link.open) link.reset();
    await sleep(2000);
    proxy.refuse(false);
  }
  await crowd.there(clients, 30_000);
  // What comes after everyone is back tells how far each got.
  await sleep(1000);
  const published = await served.ask({ do: 'stop' });
  await sleep(2000);
  const noticed = await crowd.ask<Noticed>({ do: 'tell', published });
  await crowd.close();
  await served.program.kill();
  await proxy.close();
  return { contender, published, ...noticed };
}

/** One of two nodes on one Redis is killed; its clients go to the other one. */
async function avalanche(contender: OutageContender, clients: number, perSecond: number): Promise<Outcome> {
  const store = await startRedis({ tcp: true });
  const nodes = [await Served.start(contender, store.url), await Served.start(contender, store.url)] as const;
  const [dies, stays] = nodes;
  const proxy = await FaultProxy.open(dies.port, systemClock);
  let turn = 0;
  proxy.onLink = () => proxy.retarget((dies.program.running && turn++ % 2 === 1 ? dies : stays).port);
  const crowd = await crowdOf(contender, proxy.port, clients);
  await stays.ask({ do: 'publish', perSecond });
  await sleep(3000);
  await crowd.ask({ do: 'watch' });
  await dies.program.kill();
  proxy.retarget(stays.port);
  await sleep(500);
  await crowd.there(clients, 60_000);
  await sleep(1500);
  const published = await stays.ask({ do: 'stop' });
  await sleep(2000);
  const noticed = await crowd.ask<Noticed>({ do: 'tell', published });
  await crowd.close();
  await stays.program.kill();
  await proxy.close();
  await store.stop();
  return { contender, published, ...noticed };
}

/** Plays both with every contender. @param small with a tenth of everything, to try it */
export async function compare(small = false): Promise<Comparison> {
  const [clients, seconds] = small ? [20, 10] : [200, 60];
  const many = small ? 200 : 2000;
  const outages = await each('jitter', (contender) => jitter(contender, clients, seconds, 10));
  const kills = await each('avalanche', (contender) => avalanche(contender, many, 5));
  return {
    jitter: { clients, seconds, perSecond: 10, outcomes: outages },
    avalanche: { clients: many, perSecond: 5, outcomes: kills },
  };
}

async function each(
  title: string,
  play: (contender: OutageContender) => Promise<Outcome>,
): Promise<Outcomes> {
  const outcomes: Partial<Record<OutageContender, Outcome>> = {};
  for (const contender of outageContenders) {
    const outcome = await play(contender);
    outcomes[contender] = outcome;
    console.log(title, contender, JSON.stringify(outcome));
  }
  return outcomes;
}
