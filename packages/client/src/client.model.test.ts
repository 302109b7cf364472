/**
 * The whole client against a model of the server, through any sequence of what applications, networks and logs do: publishing,
 * listening and leaving in handlers, lost links, lost logs, refusals. Afterwards all must have come right.
 */
import { type FakeClock, fakeClock } from '@syncline/protocol/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Client } from './client.ts';
import { createClientWith } from './internal.ts';
import type { Hint } from './lifecycle.ts';
import { ModelServer } from './testing/model.ts';
import { happen, heal } from './testing/network.ts';
import type { Timeline } from './timeline.ts';

const channels = ['chat/a', 'chat/b'] as const;
type Channel = (typeof channels)[number];

const channel = fc.constantFrom(...channels);
const code = fc.constantFrom('too_many' as const, 'unavailable' as const, 'forbidden' as const);
const how = fc.constantFrom('stay' as const, 'again' as const, 'answer' as const);
const few = fc.nat({ max: 6 });
/** Which link: the newest, or one before it, which a client that moves still has. */
const back = fc.constantFrom(1, 1, 2);

/** What happens, and how often. */
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), channel, same: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('others' as const), channel, count: few }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('listen' as const), channel, how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), channel }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), up: few, down: few, back }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), read: few, back }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bye' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('garble' as const), copies: fc.constantFrom(0, 2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 250, 1_000, 11_000, 40_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('hint' as const),
      hint: fc.constantFrom<Hint>('wake', 'offline'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), code }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('trim' as const), channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), channel }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** One listener's story: offsets as they came, and a line for each new beginning. */
interface Listener {
  readonly story: (number | 'start' | 'recovered' | 'gap')[];
  readonly stop: () => void;
  active: boolean;
}

class Run {
  readonly clock: FakeClock = fakeClock();
  readonly server = new ModelServer();
  readonly client: Client;
  readonly fates = new Map<string, string>();
  readonly sentOn: Record<Channel, string[]> = { 'chat/a': [], 'chat/b': [] };
  readonly listeners: Record<Channel, Listener[]> = { 'chat/a': [], 'chat/b': [] };
  readonly lists: Record<Channel, Timeline<unknown>>;
  readonly errors: unknown[] = [];
  #hint: (hint: Hint) => void = () => {};
  #count = 0;

  constructor() {
    const lifecycle = (onHint: (hint: Hint) => void) => {
      this.#hint = onHint;
      return () => {};
    };
    const surroundings = { clock: this.clock, transport: this.server, lifecycle };
    const onError = (error: unknown) => this.errors.push(error);
    this.client = createClientWith(surroundings, { url: 'ws://model/', outboxAgeMs: 3_600_000, onError });
    const list = (name: Channel) => this.client.stream(name).timeline({ pageSize: 5 });
    this.lists = { 'chat/a': list('chat/a'), 'chat/b': list('chat/b') };
    this.lists['chat/a'].subscribe(() => {});
  }

  publish(name: Channel, text = `m${++this.#count}`): void {
    const id = `${this.sentOn[name].length}`;
    this.sentOn[name].push(text);
    this.lists[name].publish(text).then(
      () => this.fates.set(name + id, 'stored'),
      (error) => this.fates.set(name + id, error.code),
    );
  }

  listen(name: Channel, how: 'stay' | 'again' | 'answer'): void {
    const room = this.client.stream(name);
    const story: Listener['story'] = [];
    const offRecover = room.onRecover(({ via }) => story.push(via));
    const off = room.onMessage(({ offset, own }) => {
      story.push(offset);
      if (how === 'stay') return;
      if (how === 'answer' && !own && this.#count < 60) this.publish(name);
      if (how !== 'again') return;
      listener.stop();
      this.listen(name, 'stay');
    });
    const stop = () => {
      off();
      offRecover();
      listener.active = false;
    };
    const listener: Listener = { story, stop, active: true };
    this.listeners[name].push(listener);
  }

  async act(one: Command): Promise<void> {
    switch (one.do) {
      case 'publish':
        return this.publish(one.channel, one.same ? 'same' : undefined);
      case 'others':
        for (let i = 0; i < one.count; i++)
          this.server.publish(one.channel, i === 0 ? 'same' : `o${++this.#count}`);
        return;
      case 'listen':
        return this.listen(one.channel, one.how);
      case 'leave':
        return this.listeners[one.channel].find(({ active }) => active)?.stop();
      case 'pass':
      case 'lose':
      case 'bye':
      case 'garble':
      case 'wait':
        return happen(one, this);
      case 'hint':
        return this.#hint(one.hint);
      case 'refuse':
        this.server.refuseNext = one.code;
        return;
      case 'trim':
        this.server.log(one.channel).trimmed = this.server.log(one.channel).top;
        return;
      case 'forget':
        return this.server.forget(one.channel);
    }
  }

  heal(): Promise<void> {
    return heal(this);
  }
}

function judge(run: Run): void {
  expect(run.client.unsent.get()).toBe(0);
  const used = run.client.status.get().state !== 'idle';
  if (used) expect(run.client.status.get().state).toBe('open');
  for (const name of channels) {
    const log = run.server.log(name);
    const sent = run.sentOn[name];
    expect(sent.every((_, i) => run.fates.has(name + i))).toBe(true);
    const unique = sent.filter((text) => text !== 'same');
    for (const life of [...run.server.lost.filter(({ id }) => id === log.id), log]) {
      // Once each, in the order they were published.
      const stored = life.entries
        .map((text) => String(JSON.parse(text)))
        .filter((text) => unique.includes(text));
      expect(stored).toEqual(unique.filter((text) => stored.includes(text)));
    }
    for (const { story, active } of run.listeners[name]) judgeStory(story, active, log.top);
    if (name === 'chat/a') judgeList(run.lists[name], log.epoch, log.entries);
  }
}

function judgeStory(story: Listener['story'], active: boolean, top: number): void {
  let last: number | undefined;
  for (const step of story) {
    if (step === 'gap' || step === 'start') last = undefined;
    if (typeof step !== 'number') continue;
    if (last !== undefined) expect(step).toBe(last + 1);
    last = step;
  }
  if (active && last !== undefined) expect(last).toBe(top);
}

/** The list ends as the log does, without a hole, and nothing of this client waits in it. */
function judgeList(list: Timeline<unknown>, epoch: string, entries: readonly string[]): void {
  const { items } = list.get();
  const kept = items.filter(({ status }) => status !== 'failed');
  expect(new Set(items.map(({ key }) => key)).size).toBe(items.length);
  const tail = entries.slice(entries.length - kept.length).map((text) => JSON.parse(text));
  expect(
    kept.map(({ data }) => data),
    epoch,
  ).toEqual(tail);
  expect(kept.at(-1)?.offset ?? entries.length).toBe(entries.length);
}

test('[S2] [D2] [A2] [L3] whatever happens, nothing is lost, doubled, out of order or stuck', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const run = new Run();
      for (const one of commands) await run.act(one);
      await run.heal();
      judge(run);
      run.client.close();
      await run.clock.advance(0);
      expect(run.clock.timers).toBe(0);
    }),
    { numRuns: 600 },
  );
});
