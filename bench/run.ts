/**
 * `npm run bench`: Syncline beside the ten-line ws server, Socket.IO, Hocuspocus and itself, in one run on one machine. It only wires:
 * scenarios.ts says what, measure.ts runs it, statistics.ts judges, table.ts writes. A full run rewrites
 * docs/reference/bench.md and results/latest.json; a partial one only prints.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Contender, contenders, lineups } from './contenders.ts';
import { describeMachine } from './machine.ts';
import { measure } from './measure.ts';
import { profile } from './profile.ts';
import { prepareRig } from './rig.ts';
import type { Scenario, Throughput } from './scenario.ts';
import { type Effort, efforts, scenarios } from './scenarios.ts';
import { snapshotRows } from './snapshots.ts';
import type { Result } from './statistics.ts';
import { type Report, renderPage, renderRatios } from './table.ts';

const USAGE = `npm run bench -- [options]
  --quick             a smoke test: 1 s, one round, fewer idle connections
  --only <name>       scenarios whose name begins so: ${scenarios.map((s) => s.name).join(', ')}
  --servers <a,b>     only these servers: ${contenders.join(', ')}
  --rounds <n>        rounds instead of ${efforts.full.rounds}
  --profile           where the time of the first server chosen goes in the first throughput scenario chosen; measures nothing else
Only a run without --quick, --only and --servers writes docs/reference/bench.md and bench/results/latest.json.`;

interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly contenders: readonly Contender[];
  readonly effort: Effort;
  readonly profile: boolean;
  /** Whether the page and the JSON are written. */
  readonly keep: boolean;
}

function plan(args: string[]): Plan {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'boolean', default: false },
    },
  });
  const wanted = values.servers?.split(',');
  const effort = values.quick ? efforts.quick : efforts.full;
  const rounds = values.rounds === undefined ? effort.rounds : Number(values.rounds);
  const chosen = {
    scenarios: scenarios.filter((s) => s.name.startsWith(values.only ?? '') && takesPart(s, wanted)),
    contenders: contenders.filter((c) => wanted?.includes(c) ?? true),
  };
  if (chosen.scenarios.length === 0)
    throw new Error(`There is no scenario "${values.only ?? ''}" for these servers.`);
  if (chosen.contenders.length !== (wanted ?? contenders).length)
    throw new Error(`There is no such server in "${values.servers}".`);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error('Expected `--rounds` to be an integer from 1 up.');
  const keep = !values.quick && values.only === undefined && wanted === undefined;
  return {
    ...chosen,
    effort: { ...effort, rounds, fewRounds: Math.min(rounds, effort.fewRounds) },
    profile: values.profile,
    keep,
  };
}

function isThroughput(scenario: Scenario): scenario is Throughput {
  return scenario.measure === 'throughput' || scenario.measure === 'cost';
}

function takesPart({ lineup }: Scenario, wanted: readonly string[] | undefined): boolean {
  return lineups[lineup].contenders.some((contender) => wanted?.includes(contender) ?? true);
}

function keepReport(report: Report): void {
  const folder = import.meta.dirname;
  const page = path.join(folder, '..', 'docs', 'reference', 'bench.md');
  const data = path.join(folder, 'results', 'latest.json');
  for (const file of [page, data]) mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(page, renderPage(report));
  writeFileSync(data, `${JSON.stringify(report, null, 2)}\n`);
  console.log('\nWritten: docs/reference/bench.md, bench/results/latest.json');
}

async function main(): Promise<void> {
  const chosen = plan(process.argv.slice(2));
  const machine = describeMachine();
  const rig = prepareRig();
  for (const note of rig.notes) console.log(note);
  if (chosen.profile) {
    const scenario = chosen.scenarios.find(isThroughput);
    if (!scenario) throw new Error('Only throughput scenarios can be profiled.');
    const contender = lineups[scenario.lineup].contenders.find((c) => chosen.contenders.includes(c));
    if (!contender) throw new Error(`None of the servers chosen takes part in "${scenario.name}".`);
    console.log((await profile(rig, scenario, contender, chosen.effort)).join('\n'));
    return;
  }
  const results: Result[] = [];
  for (const scenario of chosen.scenarios)
    results.push(...(await measure(rig, scenario, chosen.contenders, chosen.effort)));
  const snapshots = chosen.keep ? snapshotRows() : [];
  const { effort, scenarios } = chosen;
  const report = { machine, notes: rig.notes, effort, scenarios, results, snapshots };
  console.log(`\n${renderRatios(report)}`);
  if (chosen.keep) keepReport(report);
  if (results.some((result) => result.failures.length > 0)) process.exitCode = 1;
}

// A run that is ended from outside says so; its servers leave when this process does.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => {
    console.error(`bench: ended by ${signal}; nothing was written.`);
    process.exit(code);
  });
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
