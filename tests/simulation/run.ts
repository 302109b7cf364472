/**
 * `npm run sim`: simulated runs by command, as many as wanted. `--seeds 5000` runs that many from a random start, `--from 17`
 * starts there, `--plant forget-producer` plants a bug. Prints the seed of every run in which an invariant broke.
 */
import { parseArgs } from 'node:util';
import { type Plant, simulate } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string' },
    plant: { type: 'string' },
  },
});
const from = values.from === undefined ? Math.floor(Math.random() * 1e9) : Number(values.from);
const count = Number(values.seeds);
const plants: readonly Plant[] = ['drop-delivery', 'reuse-offset', 'forget-producer'];
const plant = plants.find((name) => name === values.plant);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || (values.plant !== undefined && !plant)) {
  console.error(`Usage: npm run sim -- [--seeds N] [--from SEED] [--plant ${plants.join('|')}]`);
  process.exit(2);
}

let broken = 0;
const total = { acknowledged: 0, delivered: 0, crashes: 0, connections: 0, gaps: 0 };
for (let seed = from; seed < from + count; seed++) {
  const outcome = await simulate(plant ? { seed, plant } : { seed });
  total.acknowledged += outcome.acknowledged;
  total.delivered += outcome.delivered;
  total.crashes += outcome.crashes;
  total.connections += outcome.injected.connections;
  total.gaps += outcome.gaps;
  if (outcome.faults.length === 0) continue;
  broken++;
  console.log(`seed ${seed}: ${outcome.faults.length} faults, first: ${outcome.faults[0]}`);
}
console.log(`${count} seeds from ${from}: ${broken} with broken invariants.`, total);
process.exit(broken > 0 && !plant ? 1 : 0);
