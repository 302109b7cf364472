/**
 * The table of scenarios: every fault of the catalogue that concerns nodes, networks and Redis, built or with why it isn't. The
 * report, the command and the selection of `npm test` come from it.
 */
import type { Missing, Scenario } from './scenario.ts';
import { asked } from './scenarios/asked.ts';
import { clocks } from './scenarios/clocks.ts';
import { fleets } from './scenarios/fleets.ts';
import { network } from './scenarios/network.ts';
import { processes } from './scenarios/process.ts';
import { random } from './scenarios/random.ts';
import { redis } from './scenarios/redis.ts';
import { resources } from './scenarios/resources.ts';
import { rollbacks } from './scenarios/rollback.ts';
import { topologies } from './scenarios/topologies.ts';
import { transports } from './scenarios/transports.ts';
import { wires } from './scenarios/wires.ts';

export const table: readonly (Scenario | Missing)[] = [
  ...network,
  ...processes,
  ...resources,
  ...asked,
  ...fleets,
  ...wires,
  ...redis,
  ...rollbacks,
  ...topologies,
  ...transports,
  ...clocks,
  ...random,
];

export const scenarios: readonly Scenario[] = table.filter((row) => 'run' in row);
