/**
 * What nodes store logs in, as the rig sees it: it says how each node reaches it, heals what was done to it, and goes. A folder is
 * the plain case; Redis in its forms is redis.ts.
 */

/** How a node reaches its logs. */
export type BrokerPlan = { readonly dir: string } | { readonly redis: RedisPlan };

/** Options of the Redis broker, as text. */
export type RedisPlan = {
  readonly prefix: string;
  readonly ack: 'stored' | 'replicated';
  /** Its ways stand for the addresses that Sentinels and Clusters name. */
  readonly addressMap: Readonly<Record<string, string>>;
} & RedisTarget;

export type RedisTarget =
  | { readonly url: string }
  | { readonly sentinel: { readonly name: string; readonly nodes: readonly string[] } }
  | { readonly cluster: readonly string[] };

export interface Store {
  /** How that node is to reach it: over a way of its own. */
  planFor(node: string): Promise<BrokerPlan>;
  /** Undoes what was done to it, but for what it has lost. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** A folder, for one node at a time. The run's own folder goes with the run. */
export class Folder implements Store {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async planFor(): Promise<BrokerPlan> {
    return { dir: this.dir };
  }

  async heal(): Promise<void> {}

  async close(): Promise<void> {}
}
