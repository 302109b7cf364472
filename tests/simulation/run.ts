/**
 * `npm run sim`: simulated runs by command, as many as wanted. `--seeds 5000` runs that many from a random start, `--from 17`
 * starts there, `--plant forget-producer` plants a bug, `--docs` simulates documents instead of streams, `--http` clients over plain HTTP too. Prints the seed of every run in which a promise was broken.
 */
import { parseArgs } from 'node:util';
import { simulateDoc } from './docs.ts';
import { type Plant, simulate } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string' },
    plant: { type: 'string' },
    docs: { type: 'boolean', default: false },
    http: { type: 'boolean', default: false },
  },
});
const from = values.from === undefined ? Math.floor(Math.random() * 1e9) : Number(values.from);
const count = Number(values.seeds);
const plants: readonly Plant[] = ['drop-delivery', 'reuse-offset', 'forget-producer'];
const plant = plants.find((name) => name === values.plant);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || (values.plant !== undefined && !plant)) {
  console.error(
    `Usage: npm run sim -- [--seeds N] [--from SEED] [--plant ${plants.join('|')}] [--docs] [--http]`,
  );
  process.exit(2);
}

let broken = 0;
const total: Record<string, number> = {};
/** One run, as what went wrong and what there was of everything. */
async function once(seed: number) {
  const { docs, http } = values;
  const run = docs ? simulateDoc({ seed }) : simulate({ seed, http, ...(plant && { plant }) });
  const { faults, injected, ...counts } = await run;
  return { faults, counts: { ...counts, connections: injected.connections } };
}
for (let seed = from; seed < from + count; seed++) {
  const { faults, counts } = await once(seed);
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  if (faults.length === 0) continue;
  broken++;
  console.log(`seed ${seed}: ${faults.length} faults, first: ${faults[0]}`);
}
console.log(`${count} seeds from ${from}: ${broken} with broken promises.`, total);
process.exit(broken > 0 && !plant ? 1 : 0);
