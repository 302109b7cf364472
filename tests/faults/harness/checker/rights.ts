/**
 * Who got what they may not have: entries of channels that are not for them, or after their rights were withdrawn (I12), and
 * secrets where anybody can read them (I20). Clients by hand are the witnesses: whatever a node sends them they put down.
 */
import type { LineOf } from '../history.ts';
import type { Numbered, Terms, Violation } from './terms.ts';

type Of<T extends Numbered['type']> = LineOf<T> & { readonly n: number };

/** What somebody is told who may not. */
const refusals: readonly string[] = ['forbidden', 'revoked'];
/** How much later somebody may come to know who has to ask again for that. */
const tellMs = 1000;
/** How long a node over a folder may take to store that a token is revoked; one that is killed before may forget it. */
const storeMs = 500;

export function* checkRights(lines: readonly Numbered[], terms: Terms): Generator<Violation> {
  const may = new Map<string, Of<'may'>>();
  for (const line of lines) if (line.type === 'may') may.set(line.who, line);
  if (!terms.standing) return;
  if (may.size === 0) yield nothing('nobody had few rights');
  const denied = new Set<string>();
  for (const line of lines) {
    if (line.type === 'denied' && refusals.includes(line.code)) denied.add(line.who);
    const own = line.type === 'got' ? may.get(line.who) : undefined;
    if (line.type !== 'got' || !own || own.channels.includes(line.channel)) continue;
    const says = `${line.who} was given ${line.id} of ${line.channel}, which it may not read`;
    yield { invariant: 'I12', says, lines: [own.n, line.n] };
  }
  for (const who of may.keys())
    if (!denied.has(who)) yield nothing(`nobody denied ${who} anything, so nothing is known of its rights`);
  yield* checkRevoked(lines, terms);
}

/** Nothing comes after the time within which a withdrawal has to be known everywhere. */
function* checkRevoked(lines: readonly Numbered[], { revokedMs, revokedLate }: Terms): Generator<Violation> {
  const healed = lines.find(({ type }) => type === 'heal')?.t ?? 0;
  const over = new Map<string, Of<'revoke'>>();
  for (const line of lines)
    if (line.type === 'revoke' && !over.has(line.of) && stands(lines, line, revokedLate ? healed : 0))
      over.set(line.of, line);
  if (over.size === 0) yield nothing('nobody’s rights were withdrawn by way of a node that stayed');
  for (const [who, revoke] of over) {
    const since = (revokedLate ? Math.max(revoke.t, healed) : revoke.t) + revokedMs;
    const got = lines.filter((line) => line.type === 'got' && line.who === who);
    const told = lines.find(
      (line) => line.type === 'denied' && line.who === who && line.code === 'revoked' && line.t >= revoke.t,
    );
    if (!told || told.t > since + tellMs) {
      const says = `${who} was ${told ? `told ${Math.round(told.t - revoke.t)} ms after` : 'never told'} that its rights were withdrawn`;
      yield { invariant: 'I12', says, lines: [revoke.n, ...(told ? [told.n] : [])] };
    }
    if (!got.some(({ t }) => t < revoke.t)) yield nothing(`${who} had got nothing when it lost its rights`);
    for (const line of got) {
      if (line.type !== 'got' || line.t <= since) continue;
      const says = `${who} was given ${line.id} of ${line.channel} ${Math.round(line.t - revoke.t)} ms after its rights were withdrawn`;
      yield { invariant: 'I12', says, lines: [revoke.n, line.n] };
    }
  }
}

/** Whether the node lived long enough to store and tell it. */
function stands(lines: readonly Numbered[], { who, t }: Of<'revoke'>, until: number): boolean {
  const end = Math.max(t + storeMs, until);
  return !lines.some((line) => line.type === 'exit' && line.who === who && line.t >= t && line.t < end);
}

export function* checkSecrets(lines: readonly Numbered[]): Generator<Violation> {
  const secrets = lines.filter((line) => line.type === 'secret');
  const found = new Set<string>();
  for (const line of lines) {
    const text = readable(line);
    for (const secret of text === undefined ? [] : secrets) {
      const where = `${secret.what} in a line of ${line.who}`;
      if (!text?.includes(secret.text) || found.has(where)) continue;
      found.add(where);
      yield { invariant: 'I20', says: `there is ${where}, of type ${line.type}`, lines: [secret.n, line.n] };
    }
  }
}

/** What of a line others than those whom it concerns may come to read. */
function readable(line: Numbered): string | undefined {
  switch (line.type) {
    case 'said':
    case 'cry':
    case 'report':
      return line.text;
    case 'probe':
    case 'denied':
    case 'status':
    case 'fail':
    case 'info':
      return line.says;
    case 'metrics':
      return JSON.stringify(line.metrics);
    default:
      return undefined;
  }
}

function nothing(says: string): Violation {
  return { invariant: 'I24', says, lines: [] };
}
