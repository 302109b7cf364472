/**
 * Views against a model of the server, through any sequence of changes, moves, lost links, lost frames and lost logs. At every
 * moment what was told makes what is shown, no key goes back, and in the end each shows what its filter lets through of the log.
 */
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import type { ViewFilter } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StateEntry } from './entries.ts';
import type { Client, StateView } from './index.ts';
import { createClientWith } from './internal.ts';
import { happen, heal } from './testing/network.ts';
import { inView, ViewedServer } from './testing/viewed.ts';

const name = 'fleet/a';
const key = fc.constantFrom('a1', 'a2', 'b1', 'b2', '__proto__');
const which = fc.nat({ max: 2 });
const few = fc.nat({ max: 6 });
const back = fc.constantFrom(1, 1, 2);
const filter: fc.Arbitrary<ViewFilter> = fc.constantFrom<ViewFilter>(
  {},
  { prefix: 'a' },
  { prefix: 'b' },
  { prefix: 'none' },
  { keys: ['a1', 'b2', '__proto__'] },
  { keys: ['a1', 'a2', 'b1'], prefix: 'a' },
);
const code = fc.constantFrom('too_many' as const, 'unavailable' as const, 'forbidden' as const);
const copies = fc.constantFrom(0, 2);
const is = <const T>(value: T) => fc.constant(value);

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is('set'), keys: fc.array(key, { maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'expire' as const), key }) },
  { weight: 4, arbitrary: fc.record({ do: is('look'), which }) },
  { weight: 2, arbitrary: fc.record({ do: is('leave'), which }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: is('move'), which, to: fc.array(filter, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 8, arbitrary: fc.record({ do: is('pass'), up: few, down: few, back }) },
  { weight: 2, arbitrary: fc.record({ do: is('lose'), read: few, back }) },
  { weight: 1, arbitrary: fc.record({ do: is('bye') }) },
  { weight: 2, arbitrary: fc.record({ do: is('garble') }) },
  { weight: 3, arbitrary: fc.record({ do: is('wait'), ms: fc.constantFrom(0, 0, 250, 11_000, 40_000) }) },
  { weight: 2, arbitrary: fc.record({ do: is('beat') }) },
  { weight: 1, arbitrary: fc.record({ do: is('refuse'), code }) },
  { weight: 2, arbitrary: fc.record({ do: is('slow') }) },
  { weight: 1, arbitrary: fc.record({ do: is('forget') }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** One view, and whoever looks at it. */
class Looker {
  readonly view: StateView<unknown>;
  filter: ViewFilter;
  /** What the listener was told, made to what was shown when it came. */
  told: Map<string, unknown> | undefined;
  #stop = () => {};
  /** When the newest that was shown of each key was stored. */
  readonly #newest = new Map<string, number>();

  constructor(client: Client, filter: ViewFilter) {
    this.view = client.state(name).view(filter);
    this.filter = filter;
  }

  look(): void {
    if (this.told) return;
    const told = values(this.view.entries.get());
    this.told = told;
    this.#stop = this.view.on('change', ({ type, key: changed, value, previous }) => {
      expect(previous).toEqual(told.get(changed));
      expect(told.has(changed)).toBe(type !== 'enter');
      if (type === 'set' || type === 'enter') told.set(changed, value);
      else told.delete(changed);
    });
  }

  leave(): void {
    this.#stop();
    this.told = undefined;
  }

  check(): void {
    const entries = this.view.entries.get();
    if (this.told) expect(this.told).toEqual(values(entries));
    for (const [shown, entry] of entries) {
      expect(this.view.get(shown).get()).toBe(entry);
      expect(entry.since).toBeGreaterThanOrEqual(this.#newest.get(shown) ?? 0);
      this.#newest.set(shown, entry.since);
    }
  }
}

class Run {
  readonly clock: FakeClock = fakeClock();
  readonly server = new ViewedServer();
  readonly client: Client;
  readonly lookers: readonly Looker[];
  readonly #copies: number;
  #count = 0;

  /** @param copies how often frames come that are garbled: all of them, since one that comes twice makes up for one that is lost (V7) */
  constructor(copies: number) {
    this.#copies = copies;
    const surroundings = { clock: this.clock, transport: this.server, lifecycle: () => () => {} };
    this.client = createClientWith(surroundings, { url: 'ws://model/', onError: () => {} });
    this.lookers = [{}, { prefix: 'a' }, { keys: ['a1', 'b1'] }].map((one) => new Looker(this.client, one));
  }

  act(one: Command): Promise<void> | void {
    const { server } = this;
    const looker = 'which' in one ? this.lookers[one.which] : undefined;
    switch (one.do) {
      case 'set':
        for (const each of one.keys) server.publish(name, ['set', each, `v${++this.#count}`]);
        return;
      case 'remove':
        return server.publish(name, ['delete', one.key]);
      case 'expire':
        server.log(name).expire(one.key);
        return server.announce(name);
      case 'look':
        return looker?.look();
      case 'leave':
        return looker?.leave();
      case 'move':
        for (const to of one.to) {
          if (looker) looker.filter = to;
          looker?.view.update(to);
        }
        return;
      case 'pass':
      case 'lose':
      case 'bye':
      case 'wait':
        return happen(one, this);
      case 'garble':
        return happen({ ...one, copies: this.#copies }, this, /^\["seen"/);
      case 'beat':
        for (const link of server.links.slice(-1)) if (link.open) server.heartbeat(link);
        return;
      case 'refuse':
        server.refuseNext = one.code;
        return;
      case 'slow':
        server.slow = !server.slow;
        return server.announce(name);
      case 'forget':
        return server.forget(name);
    }
  }

  /** What holds at every moment. */
  look(): void {
    for (const looker of this.lookers) looker.check();
  }

  async heal(rounds: number): Promise<void> {
    this.server.slow = false;
    const begin = (): void => {
      // What was refused for good is asked for again after a move.
      for (const { view, filter: to } of this.lookers)
        if (view.freshness.get().state === 'refused') view.update(to);
      this.server.tellAll();
    };
    await heal(this, { rounds, begin, look: () => this.look() });
  }
}

function values(entries: ReadonlyMap<string, StateEntry<unknown>>): Map<string, unknown> {
  return new Map([...entries].map(([shown, { value }]) => [shown, value]));
}

function judge({ lookers, server }: Run): void {
  for (const { view, filter: to } of lookers) {
    const said = [...inView(server.log(name).values(), to)].map(([shown, { text, version, since, from }]) => [
      shown,
      { value: JSON.parse(text), version, since, from },
    ]);
    expect(Object.fromEntries(view.entries.get())).toEqual(Object.fromEntries(said));
    expect(view.freshness.get()).toEqual({ state: 'live' });
  }
  expect(server.viewsOpen).toBe(lookers.length);
}

test('[V3] [V4] [V5] [V6] [V7] whatever happens, what is told makes what is shown, and each view ends as its filter says', async () => {
  await fc.assert(
    fc.asyncProperty(copies, fc.array(command, { maxLength: 60, size: 'max' }), async (each, commands) => {
      const run = new Run(each);
      for (const one of commands) {
        await run.act(one);
        run.look();
      }
      for (const looker of run.lookers) looker.look();
      await run.heal(30);
      judge(run);
      for (const looker of run.lookers) looker.leave();
      await run.heal(5);
      expect(run.server.viewsOpen).toBe(0);
      run.client.close();
      await run.clock.advance(0);
      expect(run.clock.timers).toBe(0);
    }),
    { numRuns: 80 },
  );
});
