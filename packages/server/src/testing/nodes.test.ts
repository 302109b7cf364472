/**
 * The nodes that tests have in memory do what every broker's nodes do: they pass the same suite, by a clock that goes on when the suite
 * says so.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { nodesSuite } from '../broker/nodes.suite.ts';
import { memoryNodes } from './nodes.ts';

const [beatMs, goneMs] = [3000, 9000];

nodesSuite('nodes in memory', async () => {
  const clock = fakeClock();
  const nodes = memoryNodes({ clock, beatMs, goneMs });
  return {
    join: async () => {
      const node = nodes.join();
      return { nodes: node, freeze: () => node.freeze(), thaw: () => node.thaw(), close: () => node.close() };
    },
    until: async (check) => {
      for (let i = 0; ; i++) {
        try {
          await check();
          return;
        } catch (thrown) {
          if (i === 20) throw thrown;
          await clock.advance(beatMs / 2);
        }
      }
    },
    goneTime: () => clock.advance(goneMs + 2 * beatMs),
  };
});
