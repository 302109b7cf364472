/**
 * What a node makes of a Cluster where many slots move at a time. The Cluster is a stand-in; a real one is in cluster.redis.test.ts.
 */
import { expect, it, onTestFinished } from 'vitest';
import { Cluster } from './cluster.ts';
import { Condition } from './condition.ts';
import { Refused } from './faults.ts';
import { standIn } from './stand-in.ts';

it('tells once of all slots that it heard of in a turn: each telling looks at every topic', async () => {
  const { clock, answering, dial } = standIn();
  const owner = { port: 1 };
  answering.reply = ([command]) =>
    command === 'CLUSTER'
      ? [[0, 16_383, [Buffer.from('host'), owner.port]]]
      : [String(Math.floor(clock.now() / 1000)), '0'];
  const told: boolean[] = [];
  const cluster = new Cluster({
    tools: {
      ...{
        dial,
        condition: new Condition(clock),
        prefix: 'app',
        id: 'x',
        commandMs: 2000,
        replicated: false,
      },
      check: async () => {},
      onMessage: () => {},
      onSubscriber: async () => {},
      onDown: () => {},
    },
    nodes: [{ host: 'host', port: 1 }],
    onSlots: (changed) => told.push(changed),
    onLost: () => {},
    onGone: () => {},
  });
  onTestFinished(() => cluster.close());
  await cluster.ready;
  const place = cluster.placeOf('a');
  if (!place) throw new Error('It has no place.');
  told.length = 0;
  // The others of a failover come as fast as commands were sent.
  owner.port = 2;
  const routes = await Promise.all(
    Array.from({ length: 500 }, (_, slot) =>
      cluster.redirect(new Refused(`MOVED ${slot} host:2`), { place, asking: false }, 'a'),
    ),
  );
  expect(new Set(routes.map((route) => route?.place.name))).toEqual(new Set(['host:2']));
  expect(told.filter((changed) => changed).length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(5);
});
