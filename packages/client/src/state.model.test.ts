/**
 * The whole client against a model of the server of keyed values, through any sequence of writes, expiries, snapshots, lost links
 * and lost logs. At every moment what was told makes what is shown, no key goes back, and in the end all is as the log says.
 */
import { SyncError } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StateEntry } from './entries.ts';
import type { Client, StateChannel, Written } from './index.ts';
import { createClientWith } from './internal.ts';
import type { SetOptions } from './state.ts';
import { KeyedServer } from './testing/keyed.ts';
import { happen, heal } from './testing/network.ts';

const name = 'fleet/a';
const key = fc.constantFrom('a', 'b', 'c', '__proto__');
const few = fc.nat({ max: 6 });
const back = fc.constantFrom(1, 1, 2);
const options = fc.record(
  { at: fc.nat({ max: 20 }), ifVersion: fc.nat({ max: 4 }), ifAbsent: fc.boolean() },
  { requiredKeys: [] },
);
const code = fc.constantFrom('too_many' as const, 'unavailable' as const, 'forbidden' as const);
const is = <const T>(value: T) => fc.constant(value);

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is('set'), key, options }) },
  { weight: 3, arbitrary: fc.record({ do: is('again'), key }) },
  { weight: 2, arbitrary: fc.record({ do: is('delete'), key, sure: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: is('others'), keys: fc.array(key, { maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'expire' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: is('listen') }) },
  { weight: 1, arbitrary: fc.record({ do: is('leave') }) },
  { weight: 8, arbitrary: fc.record({ do: is('pass'), up: few, down: few, back }) },
  { weight: 2, arbitrary: fc.record({ do: is('lose'), read: few, back }) },
  { weight: 1, arbitrary: fc.record({ do: is('bye') }) },
  { weight: 2, arbitrary: fc.record({ do: is('garble'), copies: fc.constantFrom(0, 2) }) },
  { weight: 3, arbitrary: fc.record({ do: is('wait'), ms: fc.constantFrom(0, 250, 1_000, 11_000, 40_000) }) },
  { weight: 1, arbitrary: fc.record({ do: is('refuse'), code }) },
  { weight: 2, arbitrary: fc.record({ do: is('fold') }) },
  { weight: 2, arbitrary: fc.record({ do: is('conflate') }) },
  { weight: 1, arbitrary: fc.record({ do: is('forget') }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** What came of a write. */
interface Fate {
  readonly value: string | undefined;
  outcome?: Written | SyncError;
}

class Run {
  readonly clock: FakeClock = fakeClock();
  readonly server = new KeyedServer();
  readonly client: Client;
  readonly city: StateChannel<unknown>;
  readonly fates: Fate[] = [];
  /** What the listener was told, made to what was shown when it came. */
  told: Map<string, unknown> | undefined;
  #stop = () => {};
  /** The newest time and version of each key that was shown. */
  readonly #newest = new Map<string, { readonly since: number; readonly version: number }>();
  #count = 0;

  constructor() {
    const surroundings = { clock: this.clock, transport: this.server, lifecycle: () => () => {} };
    const options = { url: 'ws://model/', outboxAgeMs: 3_600_000, onError: () => {} };
    this.client = createClientWith(surroundings, options);
    this.city = this.client.state(name);
  }

  get log() {
    return this.server.log(name);
  }

  listen(): void {
    if (this.told) return;
    const told = values(this.city.entries.get());
    this.told = told;
    this.#stop = this.city.on('change', ({ type, key: changed, value, previous }) => {
      expect(previous).toEqual(told.get(changed));
      if (type === 'set') told.set(changed, value);
      else expect(told.delete(changed)).toBe(true);
    });
  }

  leave(): void {
    this.#stop();
    this.told = undefined;
  }

  write(promise: Promise<Written>, value?: string): void {
    const fate: Fate = { value };
    this.fates.push(fate);
    const settled = (outcome: Written | SyncError) => {
      fate.outcome = outcome;
    };
    promise.then(settled, settled);
  }

  set(to: string, given: SetOptions = {}): void {
    const value = `m${++this.#count}`;
    this.write(this.city.set(to, value, given), value);
  }

  act(one: Command): Promise<void> | void {
    const { log, server } = this;
    switch (one.do) {
      case 'set':
        return this.set(one.key, one.options);
      case 'again':
        // On condition that what is shown is what stands.
        return this.set(one.key, { ifVersion: this.city.get(one.key).get()?.version ?? 0 });
      case 'delete':
        return this.write(this.city.delete(one.key, one.sure ? { ifVersion: 1 } : {}));
      case 'others':
        for (const other of one.keys) server.publish(name, ['set', other, `o${++this.#count}`]);
        return;
      case 'remove':
        return server.publish(name, ['delete', one.key]);
      case 'expire':
        log.expire(one.key);
        return server.announce(name);
      case 'listen':
        return this.listen();
      case 'leave':
        return this.leave();
      case 'pass':
      case 'lose':
      case 'bye':
      case 'garble':
      case 'wait':
        return happen(one, this);
      case 'refuse':
        server.refuseNext = one.code;
        return;
      case 'fold':
        log.folded = log.top;
        return;
      case 'conflate':
        log.conflates = !log.conflates;
        return;
      case 'forget':
        return server.forget(name);
    }
  }

  /** What holds at every moment. */
  look(): void {
    const entries = this.city.entries.get();
    if (this.told) expect(this.told).toEqual(values(entries));
    for (const [shown, entry] of entries) {
      expect(this.city.get(shown).get()).toBe(entry);
      this.#compare(shown, entry);
    }
  }

  #compare(shown: string, { since, version, from, pending }: StateEntry<unknown>): void {
    expect(version === 0).toBe(pending === true);
    const before = this.#newest.get(shown) ?? { since: 0, version: 0 };
    if (from !== null) expect(since).toBeGreaterThanOrEqual(before.since);
    // Where a log is lost its versions are too.
    if (version > 0 && this.server.lost.length === 0) expect(version).toBeGreaterThanOrEqual(before.version);
    this.#newest.set(shown, {
      since: from === null ? before.since : since,
      version: Math.max(version, before.version),
    });
  }

  heal(): Promise<void> {
    return heal(this, { look: () => this.look() });
  }
}

function values(entries: ReadonlyMap<string, StateEntry<unknown>>): Map<string, unknown> {
  return new Map([...entries].map(([shown, { value }]) => [shown, value]));
}

/** Everybody got an answer that is true, and what is shown is what the log says. */
function judge({ client, city, log, server, fates }: Run): void {
  expect(client.unsent.get()).toBe(0);
  const said = [...log.values()].map(([shown, { text, version, since, from, at }]) => [
    shown,
    { value: JSON.parse(text), version, since, from, ...(at !== undefined && { at }) },
  ]);
  expect(Object.fromEntries(city.entries.get())).toEqual(Object.fromEntries(said));
  expect(city.freshness.get()).toEqual({ state: 'live' });
  const lives = [...server.lost, log].map(({ epoch, entries }) => ({ epoch, stored: entries.map(valueIn) }));
  for (const { value, outcome } of fates) {
    expect(outcome).toBeDefined();
    for (const { stored } of lives) {
      if (value) expect(stored.filter((one) => one === value).length).toBeLessThanOrEqual(1);
    }
    if (outcome instanceof SyncError) continue;
    const { version = 0, position } = outcome && 'position' in outcome ? outcome : {};
    const life = lives.find(({ epoch }) => epoch === position?.epoch);
    if (position) expect(life?.stored[version - 1]).toBe(value);
    // A log that was lost may have held an earlier copy (rule A3).
    else if (value) expect(lives.at(-1)?.stored).not.toContain(value);
  }
}

const valueIn = (entry: string): unknown => JSON.parse(entry)[1];

test('[S9] [K9] [K10] [A2] whatever happens, what is told makes what is shown, and all ends as the log says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const run = new Run();
      for (const one of commands) {
        await run.act(one);
        run.look();
      }
      run.listen();
      await run.heal();
      judge(run);
      run.client.close();
      await run.clock.advance(0);
      expect(run.clock.timers).toBe(0);
    }),
    { numRuns: 200 },
  );
});
