/**
 * Whether things came right, and in time: everyone up to date after the faults (I9), entries with everyone within their bound
 * (I10), nothing to be noticed where there was no fault (I14), and attempts to connect that keep to their discipline (I22).
 */
import type { LineOf } from '../history.ts';
import type { Numbered, Terms, Violation } from './terms.ts';

/** How many attempts a client may make in a second: full jitter from 250 ms makes more than that once in 100,000 outages. */
const attemptsMax = 6;
const attemptsMs = 1000;

export function* checkSettled(lines: readonly Numbered[], { healMs }: Terms): Generator<Violation> {
  const settled = lines.find((line) => line.type === 'settled');
  if (!settled) {
    yield { invariant: 'I9', says: 'nobody asked whether all came right', lines: [] };
    return;
  }
  const { n, ms, left } = settled;
  if (left.length > 0)
    yield {
      invariant: 'I9',
      says: `after ${Math.round(ms)} ms not all is right: ${left.slice(0, 5).join('; ')}`,
      lines: [n],
    };
  else if (ms > healMs)
    yield {
      invariant: 'I9',
      says: `it took ${Math.round(ms)} ms to come right, more than ${healMs}`,
      lines: [n],
    };
}

/** From an acknowledgement to each delivery, for those whose connection went on meanwhile. */
export function* checkDelay(lines: readonly Numbered[], { visibleMs }: Terms): Generator<Violation> {
  if (visibleMs === null) return;
  const acked = new Map<string, Numbered>();
  for (const line of lines) {
    if (line.type === 'ok') acked.set(line.id, line);
    if (line.type !== 'deliver') continue;
    const ok = acked.get(line.id);
    if (!ok || line.t - ok.t <= visibleMs) continue;
    const says = `${line.id} was with ${line.who} ${Math.round(line.t - ok.t)} ms after it was acknowledged, more than ${visibleMs}`;
    yield { invariant: 'I10', says, lines: [ok.n, line.n] };
  }
}

/** The control client connects once, and stays connected. */
export function* checkIsolation(lines: readonly Numbered[], { control }: Terms): Generator<Violation> {
  if (control === null) return;
  const states = lines.filter((line) => line.type === 'status' && line.who === control);
  const attempts = states.filter((line) => line.type === 'status' && line.state === 'connecting');
  if (attempts.length === 1) return;
  const says = `${control}, whom no fault was meant for, connected ${attempts.length} times`;
  yield { invariant: 'I14', says, lines: attempts.map(({ n }) => n) };
}

export function* checkDiscipline(lines: readonly Numbered[]): Generator<Violation> {
  const attempts = new Map<string, (LineOf<'status'> & { readonly n: number })[]>();
  for (const line of lines) {
    if (line.type !== 'status' || line.state !== 'connecting') continue;
    const own = attempts.get(line.who) ?? [];
    attempts.set(line.who, own);
    own.push(line);
    const first = own.at(-1 - attemptsMax);
    if (!first || line.t - first.t > attemptsMs) continue;
    const says = `${line.who} tried to connect ${attemptsMax + 1} times within ${Math.round(line.t - first.t)} ms`;
    yield { invariant: 'I22', says, lines: [first.n, line.n] };
  }
}
