/**
 * Whatever several nodes are asked at once, however slow the ways to the log are and whatever news of it are lost: each answer is one that
 * the log itself would have given, at some moment between question and answer. What was answered is held against every state of the log.
 */
import { defineChannels, durable } from '@syncline/protocol';
import { fakeClock, seeded } from '@syncline/protocol/testing';
import {
  type DurableAct,
  type DurableState,
  durableEntry,
  durableKind,
  type Entry,
  lookup,
  readDurableEntry,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { judge } from '../fold/durable/judge.ts';
import { Hub } from '../hub.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { meddle, turns } from '../testing/meddle.ts';
import { Turn } from '../turn.ts';
import { type DurableRequest, type Outcome, unnamed } from './durables.ts';

const name = 'log/a';
const channels = defineChannels({ 'log/:name': durable() });

/** Who asks what, of which node, after how many turns. */
interface Step {
  readonly node: number;
  readonly afterTurns: number;
  readonly request: DurableRequest;
}

/** A request, and between which states of the log it was answered. */
interface Answered {
  readonly request: DurableRequest;
  readonly outcome: Outcome;
  readonly from: number;
  readonly to: number;
}

const bodyOf = (text: string) => ({ bytes: Buffer.from(text), fault: null });
const request: fc.Arbitrary<DurableRequest> = fc.oneof(
  fc
    .record({ type: fc.constantFrom('a/b', 'c/d'), closed: fc.constantFrom(false, false, true) })
    .map(
      (said): DurableRequest => ({ op: 'create', ...said, ttlS: null, expiresAt: null, body: bodyOf('') }),
    ),
  {
    weight: 8,
    arbitrary: fc
      .record({
        type: fc.constantFrom('a/b', 'a/b', 'c/d'),
        text: fc.constantFrom('', 'x', 'yz'),
        closed: fc.constantFrom(false, false, false, true),
        seq: fc.constantFrom(null, null, '1', '2'),
        producer: fc.option(fc.record({ id: fc.constantFrom('p', 'q'), epoch: fc.nat(1), seq: fc.nat(2) }), {
          nil: null,
        }),
      })
      .map(({ text, ...said }): DurableRequest => ({ op: 'append', ...said, body: bodyOf(text) })),
  },
  fc.constant<DurableRequest>({ op: 'delete' }),
);
const steps = fc.array(fc.record({ node: fc.nat(2), afterTurns: fc.nat(3), request }), {
  minLength: 5,
  maxLength: 40,
});

/** Plays the steps on three nodes. @returns the log's states, act by act, and what was answered */
async function play(all: readonly Step[], seed: number) {
  const random = seeded(seed);
  const clock = fakeClock({ seed });
  const broker = memory({ clock });
  /** All that was ever appended. */
  const entries: Entry[] = [];
  broker.listen(name, (news) => entries.push(...news.entries));
  const slow = () => turns(Math.floor(random() * 4));
  const hubs = [0, 1, 2].map(() => {
    const { broker: own, meddling } = meddle(broker);
    meddling.append = async (pass) => {
      await slow();
      const appended = await pass();
      await slow();
      return appended;
    };
    meddling.read = async (pass) => {
      await slow();
      const slice = await pass();
      await slow();
      return slice;
    };
    meddling.news = (news, tell) => {
      if (random() < 0.5) void slow().then(() => tell(news));
    };
    const tools = { broker: own, clock, turn: new Turn(clock), metrics: newMetrics(), logger: silentLogger };
    return new Hub(resolveNumbers({}), tools, lookup(channels));
  });
  const answered: Answered[] = [];
  const asking: Promise<void>[] = [];
  for (const { node, afterTurns, request: what } of all) {
    await turns(afterTurns);
    const from = entries.length;
    const ask = async (): Promise<void> => {
      const judged = await hubs[node]?.durables.ask(name, what, null);
      if (judged) answered.push({ request: what, outcome: judged.outcome, from, to: entries.length });
    };
    asking.push(ask());
  }
  await Promise.all(asking);
  for (const hub of hubs) await hub.close();
  return { entries, answered };
}

/** What the log was after each of its entries, and within each, act by act. */
function statesOf(entries: readonly Entry[]): readonly (readonly DurableState[])[] {
  let view = durableKind.empty();
  return [
    [view],
    ...entries.map((entry) => {
      const acts: readonly DurableAct[] = readDurableEntry(entry.data);
      const within = acts.map((_, i) => {
        const data = durableEntry(acts.slice(0, i + 1));
        return durableKind.apply(view, [{ ...entry, data }]);
      });
      view = durableKind.apply(view, [entry]);
      return within;
    }),
  ];
}

it('[P25] an answer is one that the log would have given between question and answer', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer(), async (all, seed) => {
      const { entries, answered } = await play(all, seed);
      expect(answered).toHaveLength(all.length);
      const states = statesOf(entries);
      const given = (view: DurableState | undefined, what: DurableRequest) =>
        view && judge(view, unnamed(what), { now: 0, keep: null });
      for (const { request: what, outcome, from, to } of answered) {
        const between = states.slice(from, to + 1).flat();
        expect(between.map((view) => given(view, what)?.outcome)).toContain(outcome);
      }
      // And what was answered to be stored is what is stored: so many acts, of such bodies.
      const stored = entries.flatMap(({ data }) => readDurableEntry(data));
      const text = ({ body }: DurableAct) => Buffer.from(body).toString();
      const said = answered.filter(({ request: what, outcome }) => {
        if (what.op === 'append') return outcome === 'appended' || (outcome === 'closed' && what.producer);
        return outcome === 'created' || outcome === 'deleted';
      });
      const bodies = said.map(({ request: what }) =>
        'body' in what ? Buffer.from(what.body.bytes).toString() : '',
      );
      // To close again is answered alike, and stored once only.
      const acts = stored.filter(
        ({ header }) => !(header.op === 'append' && header.closed && !header.producer),
      );
      const closing = said.filter(
        ({ request: what }) => what.op === 'append' && what.closed && !what.producer,
      );
      const kept = bodies.filter((_, i) => !closing.includes(said[i] as Answered));
      expect(acts.map(text).toSorted()).toEqual(kept.toSorted());
    }),
    { numRuns: 100 },
  );
});
