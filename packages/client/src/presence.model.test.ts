/**
 * Presence against a model of the server, with two clients of one person and others beside them, through any sequence of entering,
 * leaving, lost links and times of grace. At every moment what was told makes what is shown; in the end those are there who should.
 */
import { SyncError } from '@syncline/protocol';
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Client, Member, Presence } from './index.ts';
import { createClientWith } from './internal.ts';
import { happen, heal } from './testing/network.ts';
import { PresentServer } from './testing/present.ts';

const name = 'chat/a';
const companion = `${name}?presence`;
const who = fc.nat({ max: 1 });
const few = fc.nat({ max: 6 });
const back = fc.constantFrom(1, 1, 2, 3);
const other = fc.constantFrom('ada1', 'bob1', 'bob2', 'cyd1', 'anon1', 'anon2');
const code = fc.constantFrom('too_many' as const, 'unavailable' as const);
const is = <const T>(value: T) => fc.constant(value);

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is('enter'), who, bad: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: is('again'), who }) },
  { weight: 3, arbitrary: fc.record({ do: is('exit'), who }) },
  { weight: 4, arbitrary: fc.record({ do: is('others'), keys: fc.array(other, { maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: is('gone'), key: other }) },
  { weight: 3, arbitrary: fc.record({ do: is('look'), who }) },
  { weight: 1, arbitrary: fc.record({ do: is('unlook'), who }) },
  { weight: 2, arbitrary: fc.record({ do: is('signal'), who }) },
  { weight: 8, arbitrary: fc.record({ do: is('pass'), up: few, down: few, back }) },
  { weight: 3, arbitrary: fc.record({ do: is('lose'), read: few, back }) },
  { weight: 2, arbitrary: fc.record({ do: is('bye'), back }) },
  { weight: 2, arbitrary: fc.record({ do: is('garble'), copies: fc.constantFrom(0, 2), back }) },
  { weight: 4, arbitrary: fc.record({ do: is('wait'), ms: fc.constantFrom(0, 50, 250, 11_000, 40_000) }) },
  { weight: 2, arbitrary: fc.record({ do: is('grace') }) },
  { weight: 1, arbitrary: fc.record({ do: is('refuse'), code }) },
  { weight: 1, arbitrary: fc.record({ do: is('fold') }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** What a client wished for, and what came of it. */
interface Wish {
  readonly data: string | null;
  outcome?: 'done' | SyncError;
}

class Tab {
  readonly client: Client;
  readonly presence: Presence<unknown>;
  readonly wishes: Wish[] = [];
  /** What the listener was told, made to what was shown when it came; by the person. */
  told: Map<string, Member<unknown>> | undefined;
  #stop = () => {};

  constructor(clock: FakeClock, server: PresentServer) {
    const surroundings = { clock, transport: server, lifecycle: () => () => {} };
    this.client = createClientWith(surroundings, { url: 'ws://model/', onError: () => {} });
    this.presence = this.client.stream(name).presence;
  }

  wish(data: string | null): void {
    const wish: Wish = { data };
    this.wishes.push(wish);
    const asked = data === null ? this.presence.leave() : this.presence.enter(data);
    asked.then(
      () => {
        wish.outcome = 'done';
      },
      (error: SyncError) => {
        wish.outcome = error;
      },
    );
  }

  look(): void {
    if (this.told) return;
    const told = byPerson(this.presence.members.get());
    this.told = told;
    this.#stop = this.presence.on('change', ({ type, member }) => {
      const id = personOf(member);
      expect(told.has(id)).toBe(type !== 'enter');
      if (type === 'leave') {
        expect(member).toBe(told.get(id));
        told.delete(id);
      } else told.set(id, member);
    });
  }

  unlook(): void {
    this.#stop();
    this.told = undefined;
  }

  /** What holds at every moment. */
  check(): void {
    const members = this.presence.members.get();
    expect(this.presence.members.get()).toBe(members);
    // Asked of each member after each frame, so it asks for what is wrong only.
    const { told } = this;
    const wrong = members.filter((member) => {
      const { self, connections, data, since } = member;
      const newest = Math.max(...connections.map((one) => one.since));
      return !(
        (!told || told.get(personOf(member)) === member) &&
        self === connections.some((one) => one.self) &&
        since === newest &&
        connections.some((one) => one.since === newest && one.data === data)
      );
    });
    expect(wrong).toEqual([]);
    expect(told?.size ?? members.length).toBe(members.length);
    const ids = members.flatMap(({ connections }) => connections.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    const own = members.flatMap(({ connections }) => connections.filter((one) => one.self));
    expect(own.length).toBeLessThanOrEqual(1);
  }
}

const personOf = ({ user, connections }: Member<unknown>) => user ?? `#${connections[0]?.id}`;
const byPerson = (members: readonly Member<unknown>[]) => new Map(members.map((one) => [personOf(one), one]));

class Run {
  readonly clock: FakeClock = fakeClock();
  readonly server = new PresentServer();
  readonly tabs: readonly Tab[];
  #count = 0;

  constructor() {
    this.tabs = [new Tab(this.clock, this.server), new Tab(this.clock, this.server)];
  }

  act(one: Command): Promise<void> | void {
    const { server } = this;
    const tab = 'who' in one ? this.tabs[one.who] : undefined;
    switch (one.do) {
      case 'enter':
        return tab?.wish(`${one.bad && this.#count % 3 === 0 ? 'bad' : 'd'}${++this.#count}`);
      case 'again':
        return tab?.wish(tab.wishes.at(-1)?.data ?? 'first');
      case 'exit':
        return tab?.wish(null);
      case 'others':
        for (const key of one.keys) server.put(companion, key, `"o${++this.#count}"`);
        return;
      case 'gone':
        return server.drop(companion, one.key);
      case 'look':
        return tab?.look();
      case 'unlook':
        return tab?.unlook();
      case 'signal':
        return tab?.client.stream(name).signal(this.#count);
      case 'pass':
      case 'lose':
      case 'bye':
      case 'garble':
      case 'wait':
        return happen(one, this);
      case 'grace':
        return server.grace(companion);
      case 'refuse':
        server.refuseNext = one.code;
        return;
      case 'fold':
        server.log(companion).folded = server.log(companion).top;
        return;
    }
  }

  look(): void {
    for (const tab of this.tabs) tab.check();
  }

  async heal(): Promise<void> {
    await heal(this, { rounds: 30, links: 6, look: () => this.look() });
    this.server.grace(companion);
    for (const link of this.server.links) while (link.readDown());
    this.look();
  }
}

/** Those are there who should be, and everybody is shown them. */
function judge({ tabs, server }: Run): void {
  const values = server.log(companion).values();
  const standing = tabs.flatMap(({ wishes }) => {
    wishes.forEach(({ outcome }, i) => {
      expect(outcome).toBeDefined();
      if (!(outcome instanceof SyncError)) return;
      // It was refused, or the wish that took its place was.
      expect(outcome.code).toBe('bad_payload');
      expect(wishes.slice(i).some(({ data }) => data?.startsWith('bad'))).toBe(true);
    });
    return wishes.findLast(({ outcome }) => outcome === 'done')?.data ?? [];
  });
  // A client's own keys are longer than those of the others.
  const own = [...values].filter(([key]) => key.length > 6).map(([, { text }]) => JSON.parse(text));
  expect(own.sort()).toEqual(standing.sort());
  for (const { presence } of tabs) {
    const shown = presence.members
      .get()
      .flatMap(({ user, connections }) =>
        connections.map(({ id, data, since }) => [id, { user, data, since }] as const),
      );
    const said = [...values].map(([key, { text, since, from }]) => [
      key,
      { user: from, data: JSON.parse(text), since },
    ]);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(said));
    const people = new Set([...values].map(([key, { from }]) => from ?? key));
    expect(presence.members.get().length).toBe(people.size);
  }
}

test('[N1] [N2] [N3] [N4] whatever happens, what is told makes what is shown, and in the end those are there who should be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const run = new Run();
      for (const one of commands) {
        await run.act(one);
        run.look();
      }
      for (const tab of run.tabs) tab.look();
      await run.heal();
      judge(run);
      for (const { client } of run.tabs) client.close();
      await run.clock.advance(0);
      expect(run.clock.timers).toBe(0);
    }),
    { numRuns: 50 },
  );
});
