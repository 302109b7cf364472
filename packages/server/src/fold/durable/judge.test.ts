/**
 * What becomes of requests to durable logs, judged with no log at all: each rule by itself, and by properties of whole histories, in
 * which requests come as they like, are repeated, and are judged by whoever began to read the log anywhere.
 */
import {
  type Data,
  type DurableState,
  durableEntry,
  durableKind,
  type Entry,
  type Keep,
  nextCheck,
  type ProducerTuple,
  readDurableEntry,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DurableRequest, endsAt, judge, type Outcome, type Verdict } from './judge.ts';

const start = 1_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const bodyOf = (text: string) => ({ bytes: bytes(text), fault: null });

type Create = DurableRequest & { op: 'create' };
type Append = DurableRequest & { op: 'append' };

function create(more: Partial<Create> = {}): Create {
  const facts = { type: 'text/plain', ttlS: null, expiresAt: null, closed: false };
  return { op: 'create', ...facts, body: bodyOf(''), ...more };
}

function append(text: string, more: Partial<Append> = {}): Append {
  const facts = { type: 'text/plain', closed: false, seq: null, producer: null };
  return { op: 'append', ...facts, body: bodyOf(text), ...more };
}

function by(id: string, epoch: number, seq: number): { producer: ProducerTuple } {
  return { producer: { id, epoch, seq } };
}

const actsOf = (data: Data) => readDurableEntry(data);
const bodiesOf = (data: Data) =>
  actsOf(data)
    .map(({ body }) => new TextDecoder().decode(body))
    .join('');

/** A log that is written by what is judged. */
class Log {
  readonly entries: Entry[] = [];
  readonly keep: Keep | null;
  view: DurableState = durableKind.empty();
  now = start;

  constructor(keep: Keep | null = null) {
    this.keep = keep;
  }

  ask(request: DurableRequest): Verdict {
    const verdict = judge(this.view, request, { now: this.now, keep: this.keep });
    if (verdict.act) this.#store(durableEntry([verdict.act]));
    return verdict;
  }

  outcomes(...requests: readonly DurableRequest[]): Outcome[] {
    return requests.map((request) => this.ask(request).outcome);
  }

  /** What was appended since the log was created. */
  get text(): string {
    const from = this.view.life?.created ?? Number.POSITIVE_INFINITY;
    const kept = this.entries.filter(({ offset }) => offset >= from);
    return kept.map(({ data }) => bodiesOf(data)).join('');
  }

  /** The entries that are still kept, as a broker trims them. */
  get kept(): readonly Entry[] {
    let kept = this.keep ? this.entries.slice(-this.keep.entriesMax) : this.entries;
    const size = () => kept.reduce((sum, { data }) => sum + data.length, 0);
    while (this.keep && kept.length > 1 && size() > this.keep.bytesMax) kept = kept.slice(1);
    return kept;
  }

  #store(data: Uint8Array): void {
    const check = nextCheck(this.entries.at(-1)?.check ?? 0, data);
    const entry = { offset: this.entries.length + 1, check, at: this.now, from: null, data };
    this.entries.push(entry);
    this.view = durableKind.apply(this.view, [entry]);
  }
}

describe('a durable log', () => {
  test('is created once, and created again it is the same one or another one', () => {
    const log = new Log();
    expect(log.outcomes(append('x'), { op: 'delete' }, { op: 'touch' })).toEqual(Array(3).fill('missing'));
    expect(log.outcomes(create({ body: bodyOf('a') }), create({ body: bodyOf('b') }))).toEqual([
      'created',
      'exists',
    ]);
    expect(log.outcomes(create({ type: 'TEXT/Plain; charset=utf-8' }))).toEqual(['exists']);
    expect(
      log.outcomes(
        create({ type: 'text/html' }),
        create({ ttlS: 60 }),
        create({ expiresAt: start + 1 }),
        create({ closed: true }),
      ),
    ).toEqual(Array(4).fill('different'));
    expect(log.text).toBe('a');
  });

  test('takes what is of its media type, and nothing that is empty or can not be stored', () => {
    const log = new Log();
    log.ask(create());
    const faulty = { bytes: bytes('{'), fault: 'It is no JSON.' };
    expect(
      log.outcomes(
        append('a'),
        append('b', { type: 'text/plain;charset=utf-8' }),
        append('c', { type: 'text/html' }),
        append('d', { type: null }),
        append(''),
        append('', { body: faulty }),
        append('', { body: faulty, type: 'application/json' }),
      ),
    ).toEqual(['appended', 'appended', 'mistyped', 'faulty', 'faulty', 'faulty', 'mistyped']);
    expect(log.text).toBe('ab');
  });

  test('that is closed says so before all else, and stays closed', () => {
    const log = new Log();
    log.ask(create());
    expect(
      log.outcomes(
        append('end', { closed: true }),
        append('x'),
        append('x', { closed: true }),
        append('x', { type: 'text/html', seq: '0' }),
        append('', { closed: true }),
        append('', { closed: true, ...by('a', 0, 0) }),
      ),
    ).toEqual(['appended', 'ended', 'ended', 'ended', 'closed', 'ended']);
    expect(log.text).toBe('end');
  });

  test('takes marks of its writers in the order of their bytes only', () => {
    const log = new Log();
    log.ask(create());
    const marks = ['09', '10', '2', '10', '2', 'a', 'Z', '\uffff', '\u{1f600}'];
    expect(log.outcomes(...marks.map((seq) => append('x', { seq })))).toEqual([
      ...['appended', 'appended', 'appended', 'late', 'late', 'appended', 'late', 'appended'],
      // As UTF-8 it is above, as UTF-16 it would be below.
      'appended',
    ]);
    expect(log.outcomes(append('x'), append('x', { seq: '\u{1f600}' }))).toEqual(['appended', 'late']);
  });

  test('knows the requests of a producer by their numbers', () => {
    const log = new Log();
    log.ask(create());
    expect(
      log.outcomes(
        append('a', by('p', 0, 1)),
        append('a', by('p', 0, 0)),
        append('a', by('p', 0, 0)),
        append('b', by('p', 0, 1)),
        append('a', by('p', 0, 0)),
        append('d', by('p', 0, 3)),
        append('x', by('p', 2, 1)),
        append('c', by('p', 2, 0)),
        append('x', by('p', 1, 0)),
        append('x', by('p', 0, 2)),
        append('q', by('q', 7, 0)),
      ),
    ).toEqual([
      ...['skipped', 'appended', 'duplicate', 'appended', 'duplicate', 'skipped'],
      ...['unsteady', 'appended', 'fenced', 'fenced', 'appended'],
    ]);
    expect(log.text).toBe('abcq');
    expect(log.ask(append('a', by('p', 2, 0))).producer).toEqual({ id: 'p', epoch: 2, seq: 0 });
  });

  test('that is closed still knows what was stored before', () => {
    const log = new Log();
    log.ask(create());
    log.ask(append('a', by('p', 1, 0)));
    log.ask(append('b', { closed: true, ...by('q', 0, 0) }));
    expect(
      log.outcomes(
        append('b', { closed: true, ...by('q', 0, 0) }),
        append('a', by('p', 1, 0)),
        append('c', by('p', 1, 1)),
        append('c', by('p', 0, 0)),
      ),
    ).toEqual(['duplicate', 'duplicate', 'ended', 'fenced']);
  });

  test('lives as long as it is used, and no shorter than it was told', () => {
    const log = new Log();
    log.ask(create({ ttlS: 16 }));
    log.now += 500;
    expect(log.outcomes({ op: 'touch' })).toEqual(['untouched']);
    log.now += 15_500;
    expect(log.outcomes({ op: 'touch' })).toEqual(['touched']);
    log.now += 16_000;
    expect(log.outcomes(append('a'))).toEqual(['appended']);
    log.now += 17_000;
    expect(log.outcomes(append('b'), { op: 'touch' }, { op: 'delete' })).toEqual(Array(3).fill('missing'));
    expect(log.outcomes(create({ type: 'text/html' }))).toEqual(['created']);
    expect(log.text).toBe('');
  });

  test('that ends at a time ends then, however it is used', () => {
    const log = new Log();
    log.ask(create({ expiresAt: start + 5000 }));
    log.now += 4999;
    expect(log.outcomes(append('a'), { op: 'touch' })).toEqual(['appended', 'untouched']);
    log.now += 1;
    expect(log.outcomes(append('b'))).toEqual(['missing']);
  });

  test('that was deleted is forgotten with all that it knew', () => {
    const log = new Log();
    const first = append('a', { seq: '9', closed: true, ...by('p', 3, 0) });
    expect(log.outcomes(create(), first, { op: 'delete' }, { op: 'delete' }, create())).toEqual([
      ...['created', 'appended', 'deleted', 'missing', 'created'],
    ]);
    expect(log.outcomes(append('b', { seq: '1', ...by('p', 0, 0) }))).toEqual(['appended']);
    expect(log.text).toBe('b');
  });
});

/** A request, and how much time goes by before it. */
interface Step {
  readonly request: DurableRequest;
  readonly afterMs: number;
}

const producer = fc.option(
  fc.record({ id: fc.constantFrom('p', 'q', '__proto__'), epoch: fc.nat(2), seq: fc.nat(3) }),
  { nil: null },
);
const request: fc.Arbitrary<DurableRequest> = fc.oneof(
  fc
    .record({
      type: fc.constantFrom('text/plain', 'text/html'),
      ttlS: fc.constantFrom(null, null, 1, 10),
      expiresAt: fc.constantFrom(null, null, start + 10_000),
      closed: fc.constantFrom(false, false, false, true),
    })
    .map((said) => create(said)),
  {
    weight: 10,
    arbitrary: fc
      .record({
        text: fc.constantFrom('', 'a', 'bc', 'x'.repeat(400)),
        closed: fc.constantFrom(false, false, false, false, true),
        seq: fc.constantFrom(null, null, '1', '2', '3'),
        producer,
      })
      .map(({ text, ...said }) => append(text, said)),
  },
  fc.constant<DurableRequest>({ op: 'touch' }),
  fc.constant<DurableRequest>({ op: 'delete' }),
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ request, afterMs: fc.constantFrom(0, 0, 0, 100, 900, 3000) }),
  { minLength: 1, maxLength: 80 },
);
const keep: fc.Arbitrary<Keep | null> = fc.option(
  fc.record({
    entriesMax: fc.integer({ min: 1, max: 50 }),
    bytesMax: fc.integer({ min: 1, max: 3000 }),
    ageMs: fc.constant(Number.POSITIVE_INFINITY),
  }),
  { nil: null },
);

/** Plays steps; `see` is given each with what was known before it. */
function play(
  all: readonly Step[],
  see: (log: Log, step: Step, before: DurableState, verdict: Verdict) => void,
  of: Keep | null = null,
) {
  const log = new Log(of);
  for (const step of all) {
    log.now += step.afterMs;
    const before = log.view;
    see(log, step, before, log.ask(step.request));
  }
  return log;
}

/** Whether a log is there. */
function lives({ life }: DurableState, now: number): boolean {
  return life !== null && endsAt(life) > now;
}

describe('whatever is asked for', () => {
  test('the same is judged alike, and nothing that was known is changed by it', () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, ({ now }, step, before, verdict) => {
          const was = structuredClone(before);
          expect(judge(before, step.request, { now, keep: null })).toEqual(verdict);
          expect(before).toEqual(was);
        });
      }),
    );
  });

  test('a request with a number that is repeated stores nothing more, however often and whenever', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, pick) => {
        const stored: DurableRequest[] = [];
        const log = play(all, (_log, step, _before, { outcome }) => {
          const { request } = step;
          const ends = request.op === 'create' ? outcome === 'created' : request.op === 'delete';
          if (ends) stored.length = 0;
          if (request.op === 'append' && request.producer && ['appended', 'closed'].includes(outcome))
            stored.push(request);
        });
        const again = stored[pick % Math.max(1, stored.length)];
        if (!again || !lives(log.view, log.now)) return;
        const { outcome, act } = log.ask(again);
        expect(act).toBeNull();
        expect(['duplicate', 'fenced']).toContain(outcome);
      }),
    );
  });

  test('nothing is stored after what closes a log, until it is deleted or has ended', () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, ({ now }, { request }, before, { act }) => {
          if (!before.life?.closed || !lives(before, now)) return;
          if (request.op === 'append' || request.op === 'create') expect(act).toBeNull();
        });
      }),
    );
  });

  test('a producer of an epoch that has passed stores nothing', () => {
    fc.assert(
      fc.property(steps, (all) => {
        play(all, ({ now }, { request }, before, { act, outcome }) => {
          if (request.op !== 'append' || !request.producer || !lives(before, now)) return;
          const known = before.life?.producers.get(request.producer.id);
          if (!known || request.producer.epoch >= known.epoch) return;
          expect(act).toBeNull();
          expect(outcome).toBe('fenced');
        });
      }),
    );
  });

  test('the numbers of a producer are stored one after another, from 0 in each epoch', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { entries } = play(all, () => {});
        const newest = new Map<string, ProducerTuple>();
        for (const { data } of entries) {
          const [{ header } = { header: { op: 'touch' } as const }] = actsOf(data);
          if (header.op === 'create' || header.op === 'delete') newest.clear();
          if (header.op !== 'append' || !header.producer) continue;
          const { id, epoch, seq } = header.producer;
          const last = newest.get(id);
          expect(epoch).toBeGreaterThanOrEqual(last?.epoch ?? 0);
          expect(seq).toBe(last && last.epoch === epoch ? last.seq + 1 : 0);
          newest.set(id, header.producer);
        }
      }),
    );
  });

  test('whoever begins to read at an entry that says all knows what everyone knows', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, pick) => {
        const { entries, view } = play(all, () => {});
        const empty = durableKind.empty();
        const from = pick % Math.max(1, entries.length);
        const late = durableKind.apply({ ...empty, offset: from }, entries.slice(from));
        // Until it has come to such an entry it knows nothing.
        expect(late).toEqual(late.mark === 0 ? { ...empty, offset: view.offset } : view);
      }),
    );
  });

  test('what a log keeps always says all, however little that is', () => {
    fc.assert(
      fc.property(steps, keep, (all, of) => {
        play(
          all,
          (log) => {
            const [first] = log.kept;
            const late = durableKind.apply(
              { ...durableKind.empty(), offset: (first?.offset ?? 1) - 1 },
              log.kept,
            );
            expect(late).toEqual(log.view);
          },
          of,
        );
      }),
    );
  });

  test('what is to be read to know all is bounded', () => {
    const log = new Log();
    log.ask(create());
    for (let i = 0; i < 500; i++) {
      log.ask(append('x', by(`p${i % 7}`, 0, Math.floor(i / 7))));
      expect(log.view.offset - log.view.mark).toBeLessThan(40);
    }
    log.ask(append('x'.repeat(70_000)));
    log.ask(append('x'));
    expect(log.view.mark).toBe(log.view.offset);
  });
});
