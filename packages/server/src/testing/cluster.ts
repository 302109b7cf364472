/**
 * Several servers on one broker in one process, for tests of what nodes do together: each can be frozen, cut off or killed as far as
 * the others can tell. Time passes when the test says so.
 */
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import { readStateEntry } from '@syncline/protocol/wire';
import type { Broker } from '../broker/broker.ts';
import { memory } from '../broker/memory.ts';
import type { ServerOptions } from '../server.ts';
import { lasting } from './meddle.ts';
import { type MemoryNode, memoryNodes, onNode, testHealth } from './nodes.ts';
import { channels, type Running, serveChannels } from './serve.ts';

type Channels = typeof channels;

export interface ClusterNode extends Running<Channels> {
  readonly node: MemoryNode;
  readonly health: ReturnType<typeof testHealth>;
}

export interface Cluster {
  readonly clock: FakeClock;
  readonly logs: Broker;
  readonly nodes: readonly ClusterNode[];
  /** The node of that number, from 0. */
  at(index: number): ClusterNode;
  /** One more. */
  join(): Promise<ClusterNode>;
  /** How often each key was removed from a channel's companion. */
  leaves(channel: string): Promise<Record<string, number>>;
}

/** So many servers with the channels of serve.ts. */
export async function cluster(
  count: number,
  options: Omit<ServerOptions<Channels>, 'channels' | 'broker' | 'clock'> = {},
): Promise<Cluster> {
  const clock = fakeClock();
  const logs = lasting(memory({ clock }));
  const all = memoryNodes({ clock });
  const nodes: ClusterNode[] = [];
  const join = async (): Promise<ClusterNode> => {
    const node = all.join();
    const health = testHealth(clock);
    const broker = onNode(logs, node, { health });
    const running = await serveChannels(channels, { ...options, clock, broker });
    await running.server.ready;
    const one = { ...running, node, health };
    nodes.push(one);
    return one;
  };
  for (let i = 0; i < count; i++) await join();
  const at = (index: number): ClusterNode => {
    const one = nodes[index];
    if (!one) throw new Error(`There is no node ${index}.`);
    return one;
  };
  const leaves = async (channel: string): Promise<Record<string, number>> => {
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    const { entries } = await logs.read(`${channel}?presence`, range);
    const counts: Record<string, number> = {};
    for (const entry of entries) {
      const { op, key } = readStateEntry(entry);
      if (op === 'delete') counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };
  return { clock, logs, nodes, at, join, leaves };
}
