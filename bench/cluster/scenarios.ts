/**
 * What is measured on several nodes that share one Redis: rows of the table in scenarios.ts, which lists them. They are beside it so
 * that each table can be read in one go.
 */
import type { Scenario, Told } from '../scenario.ts';

export const clusterScenarios: readonly Scenario[] = [
  {
    name: 'cluster-fanout',
    title: 'Three nodes: 1 channel × 900 subscribers, 16 publishes outstanding',
    lineup: 'cluster',
    measure: 'throughput',
    rooms: 1,
    members: 900,
    publishers: 1,
    outstanding: 16,
    bars: [{ of: 'syncline-redis', than: 'socketio-streams', ratio: 3 }],
  },
  {
    name: 'cluster-rooms',
    title: 'Three nodes: 200 channels × 6 clients, all publish, each 4 outstanding',
    lineup: 'cluster',
    measure: 'throughput',
    rooms: 200,
    members: 6,
    publishers: 6,
    outstanding: 4,
    bars: [{ of: 'syncline-redis', than: 'socketio-streams', ratio: 3 }],
  },
  {
    name: 'cluster-latency',
    title: 'Three nodes: latency at 18,000 deliveries/s, 1 channel × 90 subscribers × 200 publishes/s',
    lineup: 'cluster',
    measure: 'latency',
    rooms: 1,
    members: 90,
    publishers: 1,
    rate: 200,
    bars: [],
  },
  {
    name: 'backplane-latency',
    title: 'From node to node: 1 channel × 3 subscribers × 200 publishes/s',
    lineup: 'backplane',
    measure: 'latency',
    rooms: 1,
    members: 3,
    publishers: 1,
    rate: 200,
    bars: [],
  },
  ...[1, 10, 1000].map(
    (channels): Told => ({
      name: `append-${channels}`,
      title: `Appends through Redis, to ${channels === 1 ? 'one channel' : `${channels} channels`} by turns, ${32 * Math.min(channels, 10)} outstanding`,
      lineup: 'nodes',
      measure: 'told',
      rooms: channels,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 30_000, together: 32, channels },
      facts: [
        { name: 'appendUs', head: 'µs per append', unit: 'count' },
        { name: 'appendsPerSecond', head: 'appends/s', unit: 'count' },
        { name: 'ackMs', head: 'until acknowledged, median', unit: 'ms' },
        { name: 'ack99Ms', head: '99 % within', unit: 'ms' },
      ],
      bars: [],
    }),
  ),
  ...[1, 32].map(
    (together): Told => ({
      name: `nodes-publish-${together}`,
      title:
        together === 1
          ? 'Publishes to one channel, one after the other'
          : `Publishes to one channel, ${together} outstanding`,
      lineup: 'nodes',
      measure: 'told',
      rooms: 1,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 2000, together },
      facts: [{ name: 'commandsPerPublish', head: 'commands of Redis per publish', unit: 'ratio' }],
      bars: [],
    }),
  ),
  {
    name: 'nodes-idle',
    title: '1,000 idle connections, subscribed to 10 channels',
    lineup: 'nodes',
    measure: 'told',
    rooms: 10,
    members: 100,
    program: 'cluster/asked.ts',
    settings: { idle: 1000, channels: 10, seconds: 10 },
    facts: [
      { name: 'commandsPerIdle', head: 'commands of Redis per connection and second', unit: 'ratio' },
      { name: 'serverCpu', head: 'server CPU', unit: 'percent' },
    ],
    bars: [],
  },
  ...[1, 2, 3].map(
    (nodes): Told => ({
      name: `nodes-${nodes}`,
      title: `Publishes that nobody is subscribed to, with ${nodes === 1 ? 'one node' : `${nodes} nodes`}`,
      lineup: 'nodes',
      measure: 'told',
      rooms: 1,
      members: 1,
      program: 'cluster/asked.ts',
      settings: { publishes: 20_000, together: 32 },
      serverArgs: [String(nodes)],
      facts: [
        {
          name: 'cpuPerThousandMs',
          head: 'ms of CPU of all nodes and Redis per 1,000 publishes',
          unit: 'ms',
        },
      ],
      bars: [],
    }),
  ),
];
