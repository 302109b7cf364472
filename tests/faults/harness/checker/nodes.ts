/**
 * How nodes behave by themselves: their event loops (I15), what they answer to bad input (I17), what they say is open (I18), how
 * often they say something (I21), and that nobody notices what their clocks show (I23).
 */
import type { Numbered, Terms, Violation } from './terms.ts';

const lateP999Ms = 200;
const lateMsMax = 1000;
/** Where the harness itself stood still for longer, a node that was not busy was late for want of a processor. */
const harnessMs = 150;
const answerMs = 1000;
/** What counts sessions or what they have: nothing, once everyone has left. */
const gauges: readonly string[] = [
  'sessionsOpen',
  'cursorsOpen',
  'viewsOpen',
  'membersOpen',
  'webhooksWaiting',
];

export function* checkLoops(lines: readonly Numbered[], { stalls }: Terms): Generator<Violation> {
  if (stalls) return;
  const stopped = stoppedOf(lines);
  const harness = Math.max(0, ...lines.flatMap((line) => (line.type === 'starved' ? line.ms : [])));
  for (const line of lines) {
    if (line.type !== 'loop' || stopped.has(line.who)) continue;
    const { p999Ms, maxMs, busyMs } = line;
    const bound = p999Ms >= lateP999Ms ? lateP999Ms : lateMsMax;
    if (p999Ms < lateP999Ms && maxMs < lateMsMax) continue;
    if (harness > harnessMs && busyMs < bound / 2) continue;
    const says = `the event loop of ${line.who} was late by ${Math.round(maxMs)} ms, in one case of a thousand by ${Math.round(p999Ms)} ms, and busy for ${Math.round(busyMs)} ms of that`;
    yield { invariant: 'I15', says, lines: [line.n] };
  }
}

export function* checkAnswers(lines: readonly Numbered[], { standing }: Terms): Generator<Violation> {
  const probes = lines.filter((line) => line.type === 'probe');
  if (standing && probes.length === 0)
    yield { invariant: 'I24', says: 'nobody sent a node anything bad', lines: [] };
  for (const { who, node, input, wants, got, ms, n } of probes) {
    const what = `${who} sent ${node} ${input}`;
    if (got !== wants)
      yield { invariant: 'I17', says: `${what} and got ${got || 'nothing'}, not ${wants}`, lines: [n] };
    else if (ms > answerMs)
      yield { invariant: 'I17', says: `${what} and got ${got} after ${Math.round(ms)} ms`, lines: [n] };
  }
}

export function* checkMetrics(lines: readonly Numbered[], { standing }: Terms): Generator<Violation> {
  let told = !standing;
  for (const line of lines) {
    if (line.type === 'open') {
      told = true;
      for (const name of ['sessions', 'subscriptions', 'members'] as const) {
        const [clients, nodes] = [line.clients[name], line.nodes[name]];
        const says = `nodes say that ${nodes} ${name} are open, clients have ${clients}`;
        if (clients !== nodes) yield { invariant: 'I18', says, lines: [line.n] };
      }
    }
    if (line.type !== 'metrics') continue;
    for (const [name, value] of Object.entries(line.metrics)) {
      const wrong =
        value < 0 || !Number.isSafeInteger(value) || (line.left && gauges.includes(name) && value !== 0);
      const says = `${line.who} says that ${name} is ${value}${line.left ? ', once everyone had left' : ''}`;
      if (wrong) yield { invariant: 'I18', says, lines: [line.n] };
    }
  }
  if (!told) yield { invariant: 'I24', says: 'nobody counted what is open', lines: [] };
}

export function* checkPings(lines: readonly Numbered[], { standing, stalls }: Terms): Generator<Violation> {
  const heard = lines.filter((line) => line.type === 'heard');
  if (standing && heard.length === 0)
    yield { invariant: 'I24', says: 'nobody listened to a node', lines: [] };
  const stopped = stoppedOf(lines);
  for (const { node, via, heartbeatMs, worstMs, n } of heard) {
    if (stalls || stopped.has(node) || worstMs < 2 * heartbeatMs) continue;
    const says = `${node} said nothing by ${via} for ${Math.round(worstMs)} ms, with a heartbeat of ${heartbeatMs}`;
    yield { invariant: 'I21', says, lines: [n] };
  }
}

/** From the first fault to the last nothing is told to anybody that would not be told otherwise. */
export function* checkClocks(lines: readonly Numbered[], { unnoticed }: Terms): Generator<Violation> {
  if (!unnoticed) return;
  const from = lines.findIndex(({ type }) => type === 'fault');
  const to = lines.findIndex(({ type }) => type === 'settled');
  for (const line of from < 0 ? [] : lines.slice(from, to < 0 ? undefined : to)) {
    const noticed = noticedIn(line);
    if (noticed === undefined) continue;
    yield { invariant: 'I23', says: `${line.who} noticed it: ${noticed}`, lines: [line.n] };
  }
}

function noticedIn(line: Numbered): string | undefined {
  switch (line.type) {
    case 'status':
      return `its connection is ${line.state}`;
    case 'begin':
      return `its subscription to ${line.channel} went on, ${line.reason ?? line.via}`;
    case 'fresh':
      // A heartbeat may come a moment before what it tells of.
      return line.state === 'live' || line.state === 'catching-up'
        ? undefined
        : `${line.channel} is ${line.state}`;
    case 'member':
      return `members of ${line.channel} changed, ${line.change}`;
    case 'fail':
    case 'info':
      return `its publish ${line.id} came to ${line.code}`;
    default:
      return undefined;
  }
}

/** Nodes that were stopped for a while. */
function stoppedOf(lines: readonly Numbered[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => (line.type === 'fault' && line.name === 'SIGSTOP' ? line.on : [])));
}
