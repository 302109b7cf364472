/**
 * `npm run faults`: plays scenarios of the table one after the other and says what became of them. `--only F01,F24` plays those,
 * `--seed 7` from that seed, `--seconds 60` for so long, `--keep` keeps the histories of good runs too, `--write` puts what
 * became of them into docs/reference/faults.md, `--list` shows the table, `--render` writes the page anew. `--compare` plays outages beside Socket.IO instead.
 */
import { parseArgs } from 'node:util';
import { show } from './checker.ts';
import { compare } from './compare.ts';
import { guestPlants } from './guest.ts';
import { nodePlants } from './node.ts';
import { keepComparison, keepVerdict, renderAgain } from './report.ts';
import { scenarios, table } from './scenarios.ts';
import { judge } from './verdict.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    plant: { type: 'string' },
    render: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
if (values.list) {
  for (const row of table)
    console.log(`${row.id}  ${row.title}: ${'run' in row ? row.injects : `not built: ${row.missing}`}`);
  process.exit();
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
const only = values.only?.split(',');
const plant = [...guestPlants, ...nodePlants].find((name) => name === values.plant) ?? null;
const chosen = scenarios.filter(({ id }) => only?.includes(id) ?? true);
if (!Number.isSafeInteger(seed) || chosen.length === 0) {
  console.error(
    'Usage: npm run faults -- [--only F01,F24] [--seed N] [--seconds N] [--write] [--keep] [--compare] [--render] [--list]',
  );
  process.exit(2);
}

if (values.render) {
  renderAgain();
  process.exit();
}
if (values.compare) {
  const comparison = await compare(values.seconds !== undefined);
  if (values.write) keepComparison(comparison);
  process.exit();
}
console.log(`seed ${seed}`);
let broken = 0;
for (const one of chosen) {
  const scenario = values.seconds === undefined ? one : { ...one, seconds: Number(values.seconds) };
  const needed = scenario.needs?.();
  if (needed !== undefined) {
    console.log(`${scenario.id} ${scenario.title}: not played here: ${needed}`);
    continue;
  }
  const verdict = await judge(scenario, { seed, plant, keep: values.keep });
  if (values.write) keepVerdict(verdict);
  const { counts, violations, kept, inconclusive } = verdict;
  const word = violations.length === 0 ? 'kept' : inconclusive ? 'inconclusive' : 'BROKEN';
  console.log(`${scenario.id} ${scenario.title}: ${word}`, JSON.stringify(counts));
  for (const violation of violations.slice(0, 10)) console.log(`  ${show(violation)}`);
  if (kept) console.log(`  ${violations.length} broken in all; the history is in ${kept}`);
  if (violations.length > 0 && !inconclusive) broken++;
}
process.exit(broken > 0 ? 1 : 0);
