/**
 * The checker: reads a history and says which promises were broken, by the number of the invariant and with the lines that
 * prove it. Pure: every run of the harness and every made-up history of its own tests goes through it. It knows clients, logs
 * and processes, and nothing of Syncline's insides.
 */
import { checkChannel } from './checker/channel.ts';
import { checkDelay, checkDiscipline, checkIsolation, checkSettled } from './checker/liveness.ts';
import { checkAnswers, checkClocks, checkLoops, checkMetrics, checkPings } from './checker/nodes.ts';
import { checkPads } from './checker/pads.ts';
import { checkFloor, checkProcesses, checkResources } from './checker/processes.ts';
import { checkRights, checkSecrets } from './checker/rights.ts';
import type { Numbered, Terms, Violation } from './checker/terms.ts';
import type { Line } from './history.ts';

/** All that is wrong; nothing when all is well. */
export function check(history: readonly Line[], terms: Terms): Violation[] {
  const lines = history.map((line, i): Numbered => ({ ...line, n: i + 1 }));
  const channels = new Set(lines.flatMap((line) => ('channel' in line ? line.channel : [])));
  return [
    ...[...channels].flatMap((channel) => [...checkChannel(lines, channel, terms)]),
    ...checkSettled(lines, terms),
    ...checkDelay(lines, terms),
    ...checkIsolation(lines, terms),
    ...checkDiscipline(lines),
    ...checkProcesses(lines),
    ...checkResources(lines, terms),
    ...checkRights(lines, terms),
    ...checkSecrets(lines),
    ...checkLoops(lines, terms),
    ...checkAnswers(lines, terms),
    ...checkMetrics(lines, terms),
    ...checkPings(lines, terms),
    ...checkClocks(lines, terms),
    ...checkPads(lines, terms),
    ...checkFloor(lines, terms),
  ];
}

/** One line a promise: `I4 …, lines 17, 18`. */
export function show({ invariant, says, lines }: Violation): string {
  return `${invariant} ${says}${lines.length > 0 ? `, line ${lines.slice(0, 6).join(', ')}` : ''}`;
}
