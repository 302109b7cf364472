/**
 * What became of one channel: what was published against what its log holds in the end, and against what each client was
 * told of it (I1 to I8, I11). A client's deliveries fall into lives: a gap that says that the log is another one ends a life, and what
 * was told in it need not be in the log any more.
 */
import type { LineOf } from '../history.ts';
import type { Invariant, Numbered, Terms, Violation } from './terms.ts';

type Of<T extends Parameters<typeof isOf>[1]> = LineOf<T> & { readonly n: number };

/** What is known of a channel besides what single clients were told. */
interface Facts {
  readonly invoked: ReadonlyMap<string, Of<'invoke'>>;
  readonly acknowledged: readonly Of<'ok'>[];
  readonly failed: ReadonlyMap<string, Of<'fail'>>;
  /** The log, as the first node gave it; undefined where nobody read it. */
  readonly log: Of<'log'> | undefined;
  readonly ids: ReadonlyMap<number, string>;
  readonly places: ReadonlyMap<string, number>;
}

/** What one client's handler got, since the log was another one the last time. */
interface Life {
  readonly got: Map<number, Of<'deliver'>>;
  readonly byId: Map<string, Of<'deliver'>>;
  last: number | undefined;
}

export function* checkChannel(
  lines: readonly Numbered[],
  channel: string,
  terms: Terms,
): Generator<Violation> {
  const own = lines.filter((line) => 'channel' in line && line.channel === channel);
  const facts = factsOf(own);
  yield* checkLogs(own, facts, channel);
  yield* checkAnswers(facts, channel, terms);
  const left = new Set(lines.flatMap(({ type, who }) => (type === 'leave' ? who : [])));
  /** What any client has at a place of the log as it is now. */
  const told = new Map<number, Of<'deliver'>>();
  for (const client of new Set(own.filter(isReader).map(({ who }) => who))) {
    const reader = new Reader(client, channel, facts, terms);
    yield* reader.read(own.filter(({ who }) => who === client));
    yield* reader.agree(told);
    if (!left.has(client)) yield* reader.end();
  }
  yield* checkMembers(own, channel, left);
}

function isOf<T extends Numbered['type']>(
  line: Numbered,
  type: T,
): line is LineOf<T> & { readonly n: number } {
  return line.type === type;
}

function isReader(line: Numbered): boolean {
  return line.type === 'begin' || line.type === 'deliver';
}

function factsOf(own: readonly Numbered[]): Facts {
  const log = own.find((line) => isOf(line, 'log'));
  return {
    invoked: new Map(own.filter((line) => isOf(line, 'invoke')).map((line) => [line.id, line])),
    acknowledged: own.filter((line) => isOf(line, 'ok')),
    failed: new Map(own.filter((line) => isOf(line, 'fail')).map((line) => [line.id, line])),
    log,
    ids: new Map(log?.entries),
    places: new Map(log?.entries.map(([offset, id]) => [id, offset])),
  };
}

/** The log by itself, and as one node gave it against another. */
function* checkLogs(own: readonly Numbered[], { log, ids, invoked, failed }: Facts, channel: string) {
  if (!log) return;
  const seen = new Map<string, number>();
  for (const [i, [offset, id]] of log.entries.entries()) {
    const expected = (log.entries[0]?.[0] ?? 1) + i;
    if (offset !== expected) yield broken('I4', `the log of ${channel} has a hole before ${offset}`, log);
    const before = seen.get(id);
    if (before !== undefined)
      yield broken('I3', `${id} is stored at ${before} and at ${offset} of ${channel}`, log, invoked.get(id));
    seen.set(id, offset);
    if (!invoked.has(id)) yield broken('I2', `${channel} holds ${id}, which nobody published`, log);
    const refusal = failed.get(id);
    if (refusal)
      yield broken('I6', `${id} was refused for certain and is at ${offset} of ${channel}`, refusal, log);
  }
  for (const other of own.filter((line) => isOf(line, 'log'))) {
    const differs = other.entries.find(([offset, id]) => ids.get(offset) !== id);
    if (other.epoch === log.epoch && other.entries.length === log.entries.length && !differs) continue;
    const what = `${other.node} has another log of ${channel} than ${log.node}`;
    yield broken('I5', `${what}${differs ? `, first at ${differs[0]}` : ''}`, log, other);
  }
}

/** What authors were told against the log. */
function* checkAnswers({ acknowledged, log, ids, places }: Facts, channel: string, terms: Terms) {
  const first = new Map<string, Of<'ok'>>();
  for (const ok of acknowledged) {
    const before = first.get(ok.id);
    if (before && (before.epoch !== ok.epoch || before.offset !== ok.offset))
      yield broken(
        'I7',
        `${ok.id} was acknowledged at ${before.offset} and at ${ok.offset} of ${channel}`,
        before,
        ok,
      );
    first.set(ok.id, ok);
    if (!log || ok.offset < (log.entries[0]?.[0] ?? 1)) continue;
    if (places.get(ok.id) === ok.offset && ok.epoch === log.epoch) continue;
    if (terms.loses) continue;
    const there = ids.get(ok.offset) ?? 'nothing';
    yield broken(
      'I1',
      `${ok.id} was acknowledged at ${ok.offset} of ${channel}, where the log has ${there}`,
      ok,
      log,
    );
  }
}

/** One client in one channel. */
class Reader {
  readonly #client: string;
  readonly #channel: string;
  readonly #facts: Facts;
  readonly #terms: Terms;
  #life: Life = { got: new Map(), byId: new Map(), last: undefined };
  #begun: Of<'begin'> | undefined;
  /** What was said last of how the subscription went on, until something came. */
  #said: Of<'begin'> | undefined;
  /** Whether entries were passed over and it was told of that, in this life. */
  #gaps = 0;

  constructor(client: string, channel: string, facts: Facts, terms: Terms) {
    this.#client = client;
    this.#channel = channel;
    this.#facts = facts;
    this.#terms = terms;
  }

  *read(lines: readonly Numbered[]): Generator<Violation> {
    for (const line of lines) {
      if (isOf(line, 'begin')) yield* this.#begin(line);
      if (isOf(line, 'deliver')) yield* this.#deliver(line);
    }
  }

  /** What it has of the log as it is now is what the log has, and everyone else. */
  *agree(told: Map<number, Of<'deliver'>>): Generator<Violation> {
    const { log, ids } = this.#facts;
    const oldest = log?.entries[0]?.[0] ?? Number.POSITIVE_INFINITY;
    for (const [offset, line] of this.#life.got) {
      const where = `at ${offset} of ${this.#channel}`;
      const stored = ids.get(offset);
      if (log && offset >= oldest && stored !== line.id)
        yield broken(
          'I5',
          `${this.#client} was given ${line.id} ${where}, where the log has ${stored}`,
          line,
          log,
        );
      const other = told.get(offset);
      if (other && other.id !== line.id)
        yield broken(
          'I5',
          `${this.#client} was given ${line.id} ${where}, ${other.who} ${other.id}`,
          line,
          other,
        );
      told.set(offset, line);
    }
  }

  /** It stayed until the end, so it stands at the end, and has whatever was acknowledged while it was there. */
  *end(): Generator<Violation> {
    const { log, acknowledged, invoked, places } = this.#facts;
    const top = log?.entries.at(-1)?.[0] ?? 0;
    const { last, byId } = this.#life;
    if (log && (last ?? 0) < top)
      yield broken(
        'I9',
        `${this.#client} stands at ${last ?? 'nothing'} of ${this.#channel}, which ends at ${top}`,
        log,
      );
    if (this.#gaps > 0 || !this.#begun) return;
    for (const ok of acknowledged) {
      const call = invoked.get(ok.id);
      if (!call || call.t < this.#begun.t || byId.has(ok.id)) continue;
      // What is in no log any more was lost with it, which is judged by the log.
      if (log && !places.has(ok.id)) continue;
      yield broken('I1', `${ok.id} was acknowledged, and ${this.#client} never got it`, ok, this.#begun);
    }
  }

  *#begin(line: Of<'begin'>): Generator<Violation> {
    this.#said = line;
    this.#begun ??= line;
    if (line.via !== 'gap' || !line.reason) return;
    this.#gaps++;
    if (!this.#terms.gaps.includes(line.reason))
      yield broken(
        'I8',
        `${this.#client} was told of a gap in ${this.#channel}, ${line.reason}, where there was none`,
        line,
      );
    if (isBreak(line.reason, this.#terms)) this.#life = { got: new Map(), byId: new Map(), last: undefined };
  }

  *#deliver(line: Of<'deliver'>): Generator<Violation> {
    const { offset, id } = line;
    const { last, got, byId } = this.#life;
    const what = `${this.#client} was given ${offset} of ${this.#channel}`;
    const said = this.#said;
    this.#said = undefined;
    if (!this.#facts.invoked.has(id)) yield broken('I2', `${what}: ${id}, which nobody published`, line);
    const refusal = this.#facts.failed.get(id);
    if (refusal) yield broken('I6', `${what}: ${id}, which was refused for certain`, refusal, line);
    const before = got.get(offset) ?? byId.get(id);
    if (before) yield broken('I3', `${what}: ${id}, after ${before.id} at ${before.offset}`, before, line);
    else if (last !== undefined && offset <= last) yield broken('I4', `${what} after ${last}`, line);
    else if (last !== undefined && offset !== last + 1 && said?.via !== 'gap')
      yield broken(said ? 'I8' : 'I4', `${what} after ${last}, and was told of no gap`, said ?? line, line);
    this.#life.last = Math.max(last ?? 0, offset);
    got.set(offset, line);
    byId.set(id, line);
  }
}

/** Everyone is shown the same members: those who entered and have not left. */
function* checkMembers(
  own: readonly Numbered[],
  channel: string,
  left: ReadonlySet<string>,
): Generator<Violation> {
  const shown = own.filter((line) => isOf(line, 'members'));
  const there = shown.map(({ who }) => who).filter((who) => !left.has(who));
  const wanted = [...there].sort().join(' ');
  for (const line of shown) {
    const got = [...line.shown].sort().join(' ');
    if (got === wanted) continue;
    yield broken('I11', `${line.who} is shown ${got || 'nobody'} in ${channel}, where ${wanted} are`, line);
  }
}

/** Whether after such a gap the log is another one, or may be: of entries that aren't kept nobody can say whether they were rolled back. */
function isBreak(reason: string, { gaps }: Terms): boolean {
  return reason !== 'trimmed' || gaps.includes('diverged');
}

function broken(invariant: Invariant, says: string, ...lines: readonly (Numbered | undefined)[]): Violation {
  return { invariant, says, lines: lines.flatMap((line) => line?.n ?? []) };
}
