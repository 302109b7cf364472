import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { prepareRig } from './rig.ts';
import { runLoad } from './round.ts';
import { scenarios } from './scenarios.ts';
import { startServer } from './server.ts';
const rig = await prepareRig();
const scenario = scenarios.find((s) => s.name.startsWith(process.argv[2] ?? 'rooms'));
const effort = { warmup: 2, seconds: 4, rounds: 1, idleRounds: 1, idleDivisor: 5, patience: 0, retries: 0 };
const folder = mkdtempSync('/tmp/prof-');
const server = await startServer(rig, 'syncline', process.argv[3] ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
console.log(await runLoad(rig, scenario as never, 'syncline', effort as never, server));
await server[Symbol.asyncDispose]();
if (!process.argv[3]) {
const [file] = readdirSync(folder);
const p = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'));
const name = new Map(p.nodes.map((n: any) => [n.id, n.callFrame]));
const end = p.endTime, start = end - 4e6;
let t = p.startTime; const fn = new Map(), fl = new Map(); let total = 0;
p.samples.forEach((id: number, i: number) => { t += p.timeDeltas[i]; if (t < start) return; const c: any = name.get(id); if (c.functionName === '(idle)') return; total += p.timeDeltas[i]; const f = c.url.replace(/.*\/(packages|node_modules)\//, '$1/') || c.functionName; fl.set(f, (fl.get(f) ?? 0) + p.timeDeltas[i]); const k = `${c.functionName} ${f}:${c.lineNumber + 1}`; fn.set(k, (fn.get(k) ?? 0) + p.timeDeltas[i]); });
const show = (m: Map<string, number>, n: number) => [...m].sort((a, b) => b[1] - a[1]).slice(0, n).forEach(([k, v]) => console.log((v / total * 100).toFixed(1), k));
show(fl, 28); console.log('----'); show(fn, 45);
}
