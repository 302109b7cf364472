/**
 * The property that state channels are for: whatever is set, removed, refused, expires, is folded or restarted, on whichever
 * node, and wherever its readers stand, they all come to what one plain map says, and none of them ever sees a key go back.
 */
import { SyncError, state } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import { deleteOperation, setOperation } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { Channel } from './channel.ts';
import { Batch, type Cursor, SnapshotPart } from './cursor.ts';
import { StateFolder } from './fold/state.ts';
import { Fold } from './fold.ts';
import { Admission } from './hub/admission.ts';
import { newMetrics } from './observe.ts';
import { turns } from './testing/meddle.ts';
import { Mirror } from './testing/mirror.ts';
import { Turn } from './turn.ts';

const definition = state({ ttl: 1000, keys: 5 });
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '__proto__');
const which = fc.nat(5);
type Step =
  | {
      readonly do: 'set';
      readonly key: string;
      readonly at: number | undefined;
      readonly ttlMs: number | undefined;
      readonly version: number | 'current' | undefined;
    }
  | { readonly do: 'delete'; readonly key: string; readonly version: number | 'current' | undefined }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'turn' | 'restart' }
  | { readonly do: 'take' | 'again' | 'anew' | 'move'; readonly reader: number };
const version = fc.option(fc.oneof(fc.constant('current' as const), fc.nat(3)), { nil: undefined, freq: 3 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constant('set' as const),
        key,
        at: fc.option(fc.nat(20), { nil: undefined }),
        ttlMs: fc.option(fc.integer({ min: 1, max: 1500 }), { nil: undefined }),
        version,
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key, version }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(700) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'restart' as const) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'take' as const,
          'take' as const,
          'again' as const,
          'anew' as const,
          'move' as const,
        ),
        reader: which,
      }),
    },
  ),
  { maxLength: 150, size: 'max' },
);

/** One node that has the channel open. */
class Node {
  readonly channel: Channel;
  readonly #fold: Fold;

  private constructor(channel: Channel, fold: Fold) {
    this.channel = channel;
    this.#fold = fold;
  }

  static async start(broker: Broker, clock: FakeClock): Promise<Node> {
    const logger = {
      error: (_facts: unknown, message: string) => {
        throw new Error(message);
      },
    };
    const tools = { broker, clock, metrics: newMetrics(), turn: new Turn(clock), logger };
    const settings = { id: 1, name: 'c', stamped: true, keep: null, tailEntriesMax: 4, tailBytesMax: 1e6 };
    const channel = await Channel.open(settings, tools);
    const fold = new Fold(
      channel,
      new StateFolder(definition.ttlMs, clock),
      { foldEntriesMax: 6, foldBytesMax: 1e9 },
      tools,
    );
    await fold.open();
    return new Node(channel, fold);
  }

  stop(): void {
    this.#fold.close();
    this.channel.close();
  }
}

/** A reader on one of the nodes, which takes when it is told to. */
class Reader {
  readonly mirror = new Mirror({ epoch: '', offset: 0, check: 0 });
  #cursor: Cursor | undefined;

  async join(node: Node, anew: boolean): Promise<void> {
    this.#cursor?.release();
    const start = anew || this.mirror.position.epoch === '' ? Number.MAX_SAFE_INTEGER : this.mirror.position;
    const { cursor, position, gap } = await node.channel.join(start, { wake: () => {} });
    // A place that a reader was led to is a place in the log, or was folded since: there is no gap to be told.
    expect(gap).toBeNull();
    this.#cursor = cursor;
    if (start !== position) Object.assign(this.mirror, new Mirror(position));
  }

  /** Takes what there is, once. */
  take(): boolean {
    const taken = this.#cursor?.take();
    if (taken instanceof Batch) {
      if (taken.from === null) this.mirror.entries(taken.entries);
      else this.mirror.changes(taken.from, taken.last.check, taken.entries);
    } else if (taken instanceof SnapshotPart) {
      this.mirror.snapshot(taken.offset, taken.check, taken.more, taken.data);
    } else if (taken) throw new Error(`Unexpected: ${JSON.stringify(taken)}`);
    return taken !== undefined;
  }

  async drain(top: number): Promise<void> {
    for (let tries = 0; this.mirror.position.offset < top; tries++) {
      if (!this.take()) await turns(1);
      if (tries > 1000) throw new Error(`Stuck at ${this.mirror.position.offset} of ${top}.`);
    }
  }
}

/** What should come of it all, as a plain map says. */
class Oracle {
  readonly values = new Map<
    string,
    { text: string; version: number; at: number | undefined; ends: number }
  >();

  expire(now: number): void {
    for (const [name, { ends }] of this.values) if (ends <= now) this.values.delete(name);
  }

  /** Why an operation must be refused. */
  verdict(step: Step & { key: string }, ifVersion: number | undefined): SyncError['code'] | undefined {
    const known = this.values.get(step.key);
    if (ifVersion !== undefined && ifVersion !== (known?.version ?? 0)) return 'precondition';
    if (step.do !== 'set') return undefined;
    if (step.at !== undefined && known?.at !== undefined && step.at < known.at) return 'superseded';
    return !known && this.values.size >= definition.keysMax ? 'too_many' : undefined;
  }
}

class World {
  readonly clock = fakeClock();
  readonly #broker = memory({ clock: this.clock });
  readonly #admission = new Admission(65_536, this.clock);
  readonly #oracle = new Oracle();
  readonly nodes: Node[] = [];
  readonly readers = Array.from({ length: 6 }, () => new Reader());
  #count = 0;

  async begin(): Promise<void> {
    for (let i = 0; i < 2; i++) this.nodes.push(await Node.start(this.#broker, this.clock));
    for (const [i, reader] of this.readers.entries()) await reader.join(this.node(i), true);
  }

  node(i: number): Node {
    const node = this.nodes[i % this.nodes.length];
    if (!node) throw new Error('No node.');
    return node;
  }

  async carryOut(step: Step): Promise<void> {
    if (step.do === 'turn') return await turns(1);
    if (step.do === 'wait') {
      await turns();
      await this.clock.advance(step.ms);
      await turns();
      return this.#oracle.expire(this.clock.now());
    }
    if (step.do === 'restart') return await this.#restart();
    if (step.do === 'set' || step.do === 'delete') return await this.#write(step);
    if (!('reader' in step)) return;
    const reader = this.readers[step.reader];
    if (step.do === 'take') reader?.take();
    else await reader?.join(this.node(step.reader + (step.do === 'move' ? 1 : 0)), step.do === 'anew');
  }

  async #write(step: Step & { key: string }): Promise<void> {
    const { key: name } = step;
    const known = this.#oracle.values.get(name);
    const asked = 'version' in step ? step.version : undefined;
    const ifVersion = asked === 'current' ? (known?.version ?? 0) : asked;
    const text = String(++this.#count);
    const given = step.do === 'set' ? { at: step.at, ttlMs: step.ttlMs, ifVersion } : { ifVersion };
    const payload = step.do === 'set' ? setOperation(name, text, given) : deleteOperation(name, given);
    const { append } = this.#admission.take('c', payload, definition, null);
    const answer = await this.node(this.#count)
      .channel.append({ ...append, from: null })
      .catch((thrown: SyncError) => thrown);
    const verdict = this.#oracle.verdict(step, ifVersion);
    if (answer instanceof SyncError || verdict) {
      expect(answer).toMatchObject({ code: verdict });
      return;
    }
    this.#oracle.values.delete(name);
    if (step.do !== 'set') return;
    const ends = answer.at + Math.min(definition.ttlMs, step.ttlMs ?? Number.POSITIVE_INFINITY);
    this.#oracle.values.set(name, { text, version: answer.offset, at: step.at, ends });
  }

  async #restart(): Promise<void> {
    this.nodes.shift()?.stop();
    this.nodes.push(await Node.start(this.#broker, this.clock));
    for (const [i, reader] of this.readers.entries()) await reader.join(this.node(i), false);
  }

  /** Everyone reads to the end, and must have come to the same. */
  async end(): Promise<void> {
    await turns();
    const { top } = this.node(0).channel;
    const expected = Object.fromEntries([...this.#oracle.values].map(([name, { text }]) => [name, text]));
    for (const [i, reader] of this.readers.entries()) {
      await reader.drain(top.offset);
      expect(reader.mirror.position, `reader ${i}`).toEqual(top);
      expect(reader.mirror.content, `reader ${i}`).toEqual(expected);
    }
    for (const node of this.nodes) node.stop();
  }
}

it('[K2] [K5] [K9] [K10] readers come to the same, by entries, changes and snapshots, through folds, expiries and restarts', async () => {
  const seen = { entries: 0, changes: 0, snapshots: 0 };
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = new World();
      await world.begin();
      for (const step of list) await world.carryOut(step);
      await world.end();
      for (const { mirror } of world.readers)
        for (const way of ['entries', 'changes', 'snapshots'] as const) seen[way] += mirror.seen[way];
    }),
    { numRuns: 150 },
  );
  // It is of use only as long as readers get there in every way.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
});
