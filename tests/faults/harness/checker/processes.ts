/**
 * What became of the processes: none ended or cried that wasn't meant to (I16), nodes hold nothing of those who are gone (I13);
 * and whether the run was worth anything (I24).
 */
import type { Line } from '../history.ts';
import type { Numbered, Terms, Violation } from './terms.ts';

/** Timers and sockets of a node, and pipes to the process that folds documents, may come and go by so many without anyone being there. */
export const resourcesSpare = 6;

export function* checkProcesses(lines: readonly Numbered[]): Generator<Violation> {
  for (const line of lines) {
    if (line.type === 'exit' && !line.wanted)
      yield { invariant: 'I16', says: `${line.who} ended: ${line.how}`, lines: [line.n] };
    if (line.type === 'cry')
      yield { invariant: 'I16', says: `${line.who} said: ${line.text}`, lines: [line.n] };
    if (line.type === 'report')
      yield { invariant: 'I16', says: `${line.who} reported: ${line.text}`, lines: [line.n] };
  }
}

export function* checkResources(lines: readonly Numbered[], { rssBytesMax }: Terms): Generator<Violation> {
  for (const line of lines) {
    if (line.type !== 'rest') continue;
    const { who, before, after, n } = line;
    const says: string[] = [];
    for (const name of ['sessionsOpen', 'cursorsOpen', 'membersOpen'] as const)
      if (after[name] !== 0) says.push(`${name} is ${after[name]}`);
    if (after.channelsOpen > before.channelsOpen)
      says.push(`channelsOpen is ${after.channelsOpen}, and was ${before.channelsOpen} before anyone came`);
    if (after.resources > before.resources + resourcesSpare)
      says.push(`it holds ${after.resources} resources, and held ${before.resources} before anyone came`);
    if (after.rssBytes > rssBytesMax) says.push(`it uses ${after.rssBytes} bytes of memory`);
    for (const what of says)
      yield { invariant: 'I13', says: `${who}, once everyone had left: ${what}`, lines: [n] };
  }
}

export function* checkFloor(lines: readonly Numbered[], { floor }: Terms): Generator<Violation> {
  const seen = {
    acknowledged: lines.filter(({ type }) => type === 'ok').length,
    reconnects: countReconnects(lines),
    faults: lines.filter(({ type }) => type === 'fault').length,
  };
  for (const name of ['acknowledged', 'reconnects', 'faults'] as const) {
    if (seen[name] >= floor[name]) continue;
    const says = `the run saw ${seen[name]} ${name}, fewer than the ${floor[name]} that make it worth something`;
    yield { invariant: 'I24', says, lines: [] };
  }
  // Without the logs nothing is known of what was acknowledged.
  const channels = (type: 'ok' | 'log') =>
    new Set(lines.flatMap((line) => (line.type === type ? line.channel : [])));
  const read = channels('log');
  for (const channel of channels('ok'))
    if (!read.has(channel))
      yield { invariant: 'I24', says: `nobody read in the end what ${channel} holds`, lines: [] };
}

/** How often clients came back: each has a first connection. */
export function countReconnects(lines: readonly Line[]): number {
  const before = new Map<string, string>();
  let opened = 0;
  for (const line of lines) {
    if (line.type !== 'status') continue;
    if (line.state === 'open' && before.get(line.who) !== 'open') opened++;
    before.set(line.who, line.state);
  }
  return Math.max(0, opened - before.size);
}
