/**
 * Who is at every run besides the crowd's guests, where nodes are as most are: clients by hand with few rights, some of which are
 * withdrawn in the middle; somebody who listens to each node; and what is asked of nodes once all has come right. The rig runs it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@syncline/protocol/wire';
import type { FaultProxy } from '../proxy.ts';
import type { Crowd } from './crowd.ts';
import type { Open, Recorder } from './history.ts';
import type { Node } from './node.ts';
import type { Secrets } from './secrets.ts';
import type { StrangerPlan } from './stranger.ts';

/** What it needs of the rig. */
interface Stage {
  readonly nodes: readonly Node[];
  readonly crowd: Crowd;
  readonly recorder: Recorder;
}

/** How long nodes and clients may take to agree on what is open: a node waits for who is gone for some heartbeats. */
const agreeMs = 20_000;
const all = ['chat/a', 'chat/b', 'brief/c'] as const;
const reads = { 'chat/:room': ['subscribe'], 'brief/:room': ['subscribe'] } as const;
/** Whose rights are withdrawn. */
const leavers = ['leaver', 'leaver by events'] as const;

export class Standing {
  readonly #stage: Stage;
  readonly #secrets: Secrets;
  /** By way of which nodes rights were withdrawn. */
  readonly #told: Node[] = [];
  #over = false;

  constructor(stage: Stage, secrets: Secrets) {
    this.#stage = stage;
    this.#secrets = secrets;
  }

  /** Clients by hand come, and somebody listens to each node. */
  async begin(door: () => Promise<FaultProxy>): Promise<void> {
    const strangers: StrangerPlan[] = [
      await this.#stranger(await door(), { name: 'outsider', wants: all, may: ['chat/b'], by: 'frames' }),
      await this.#stranger(await door(), { name: leavers[0], wants: all, may: all, by: 'frames' }),
      await this.#stranger(await door(), { name: leavers[1], wants: ['chat/a'], may: all, by: 'events' }),
    ];
    await this.#stage.crowd.ask({ do: 'strangers', strangers });
    for (const node of this.#stage.nodes) await this.listen(node);
  }

  /** Waits until everyone who reads has read something, so that there is something to lose. */
  async warm(): Promise<void> {
    await this.#stage.crowd.ask({ do: 'got', withinMs: 5000 });
  }

  async listen({ name, port }: Node): Promise<void> {
    await this.#stage.crowd.ask({ do: 'listen', to: { name, port } });
  }

  /** Withdraws rights, so many ms from now, by way of a node that runs then. */
  async revoke(inMs: number): Promise<void> {
    await sleep(inMs);
    for (let left = true; left && !this.#over; ) {
      const node = this.#stage.nodes.findLast(({ running }) => running);
      left =
        !node ||
        !(await this.#revokeBy(node).then(
          () => true,
          () => false,
        ));
      // None runs, or it has ended: another one takes its place.
      if (left) await sleep(50);
    }
  }

  /** Does so again where the node by way of which it was done is gone, as an operator would who can't know what it stored. */
  async revokeAgain(): Promise<void> {
    const node = this.#stage.nodes.find(({ running }) => running);
    if (node && !this.#told.some(({ running }) => running)) await this.#revokeBy(node);
  }

  /** Once all is right: what is open, and what is answered to bad input. */
  async look(): Promise<void> {
    const { crowd, recorder } = this.#stage;
    const nodes = this.#stage.nodes.filter(({ running }) => running);
    for (const until = systemClock.now() + agreeMs; ; await sleep(50)) {
      const clients = await crowd.ask({ do: 'open' });
      const metrics = await Promise.all(
        nodes.map((node) => node.ask<Record<string, number>>({ do: 'metrics' })),
      );
      const sum = (name: string) => metrics.reduce((total, one) => total + (one[name] ?? Number.NaN), 0);
      const open = {
        sessions: sum('sessionsOpen'),
        subscriptions: sum('cursorsOpen'),
        members: sum('membersOpen'),
      };
      if (!same(clients, open) && systemClock.now() < until) continue;
      recorder.tell('harness', { type: 'open', clients, nodes: open });
      for (const [i, one] of metrics.entries())
        recorder.tell(nodes[i]?.name ?? '', { type: 'metrics', left: false, metrics: one });
      break;
    }
    await crowd.ask({ do: 'probe', nodes: nodes.map(({ name, port }) => ({ name, port })) });
  }

  /** Nothing is withdrawn any more. */
  close(): void {
    this.#over = true;
  }

  async #revokeBy(node: Node): Promise<void> {
    for (const of of leavers) {
      await node.ask({ do: 'revoke', tokenId: of });
      this.#stage.recorder.tell(node.name, { type: 'revoke', of });
    }
    await this.#stage.crowd.ask({ do: 'revoked', names: leavers });
    this.#told.push(node);
  }

  async #stranger(
    door: FaultProxy,
    plan: Pick<StrangerPlan, 'name' | 'wants' | 'may' | 'by'>,
  ): Promise<StrangerPlan> {
    const { name } = plan;
    const token = await this.#secrets.token(name, name === 'outsider' ? { 'chat/b': ['subscribe'] } : reads);
    return { ...plan, port: door.port, token };
  }
}

function same(a: Open, b: Open): boolean {
  return a.sessions === b.sessions && a.subscriptions === b.subscriptions && a.members === b.members;
}
