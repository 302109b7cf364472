/**
 * Views of keyed values against an oracle that asks the filter about every key: whatever happens to the values and to the views,
 * a client that applies all it is told holds what the filter lets through. The folder is driven by hand; there is no channel.
 */
import { SyncError } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import {
  deleteEntry,
  type Entry,
  expireEntry,
  type StateValue,
  setEntry,
  stateRow,
  type ViewFilter,
} from '@syncline/protocol/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Seen, type View } from '../cursor.ts';
import { StateFolder } from './state.ts';

const geo = { lat: 'lat', lng: 'lng' };

/** The rule V2 as it reads, about one value. */
function lets({ keys, prefix, bbox }: ViewFilter, key: string, text: string): boolean {
  if (keys && !keys.includes(key)) return false;
  if (prefix !== undefined && !key.startsWith(prefix)) return false;
  if (!bbox) return true;
  const value = JSON.parse(text) as { lat?: unknown; lng?: unknown } | null;
  const [west, south, east, north] = bbox;
  const [lat, lng] = [value?.lat, value?.lng];
  if (typeof lat !== 'number' || typeof lng !== 'number' || lat < south || lat > north) return false;
  return west <= east ? lng >= west && lng <= east : lng >= west || lng <= east;
}

/** A folder with a log of its own, and what the log comes to. */
class Log {
  readonly clock = fakeClock();
  readonly folder = new StateFolder(Number.POSITIVE_INFINITY, this.clock, geo, 4);
  values = new Map<string, StateValue>();
  readonly removedAt = new Map<string, number>();
  offset = 0;
  /** How often it turned out to be another one. */
  lives = 0;
  readonly clients: Client[] = [];
  #ids = 0;
  /** As long as a log is read anew, it isn't seen what removes a key. */
  #replacing = false;

  set(key: string, text: string): void {
    this.#add(setEntry(key, text));
    this.values.set(key, {
      text,
      version: this.offset,
      since: this.offset,
      from: null,
      at: undefined,
      ttlMs: undefined,
    });
    this.#note('exit');
  }

  remove(key: string, why: 'delete' | 'expire'): void {
    this.#add(why === 'delete' ? deleteEntry(key) : expireEntry(key));
    this.values.delete(key);
    this.removedAt.set(key, this.offset);
    this.#note(why);
  }

  /** The log turns out to be another one, with some of the values. */
  replace(keeps: (key: string) => boolean): () => void {
    this.folder.clear();
    this.lives++;
    const kept = [...this.values].filter(([key]) => keeps(key));
    this.values = new Map();
    this.offset = 0;
    this.#replacing = true;
    for (const [key, { text }] of kept) this.set(key, text);
    this.#note('delete');
    return () => {
      this.folder.caughtUp();
      this.#replacing = false;
    };
  }

  async open(filter: ViewFilter): Promise<Client> {
    const client = new Client(this, filter);
    const traits = { id: ++this.#ids, onWake: () => client.wakes++, onRelease: () => {}, onTold: () => {} };
    client.view = await this.folder.view(traits, filter);
    this.clients.push(client);
    return client;
  }

  #note(why: string): void {
    for (const client of this.clients) {
      if (this.#replacing) client.noteReplaced();
      client.note(why);
    }
  }

  #add(data: string): void {
    const entry: Entry = { offset: ++this.offset, check: 0, at: this.offset, from: null, data };
    this.folder.add([entry]);
  }
}

/** Someone who is told of a view, and applies it. */
class Client {
  view: View | undefined;
  wakes = 0;
  filter: ViewFilter;
  readonly rows = new Map<string, string>();
  readonly frames: Seen[] = [];
  readonly #log: Log;
  /** Of the keys held: what took them out of view since they were told, one after another. */
  readonly #left = new Map<string, Set<string>>();
  readonly #outside = new Set<string>();
  /** It shows what it showed from the beginning. */
  #unmoved = true;

  constructor(log: Log, filter: ViewFilter) {
    this.#log = log;
    this.filter = filter;
  }

  /** To be called after each thing that happens: keys that are held may have left the view by it. */
  note(why: string): void {
    for (const key of this.rows.keys()) {
      const value = this.#log.values.get(key);
      if (value && lets(this.filter, key, value.text)) this.#outside.delete(key);
      else if (!this.#outside.has(key)) this.#leave(key, value ? 'exit' : why);
    }
  }

  /** The log is another one: where a key is now is all that counts, whatever happened to it before. */
  noteReplaced(): void {
    for (const key of this.rows.keys()) {
      const value = this.#log.values.get(key);
      if (!value) this.#leave(key, 'delete');
      else if (!lets(this.filter, key, value.text)) this.#leave(key, 'exit');
    }
  }

  #leave(key: string, why: string): void {
    this.#outside.add(key);
    this.#left.set(key, new Set(this.#left.get(key)).add(why));
  }

  #forget(key: string): void {
    this.#outside.delete(key);
    this.#left.delete(key);
  }

  move(filter: ViewFilter): void {
    this.filter = filter;
    this.#unmoved = false;
    this.note('exit');
    this.view?.move(filter);
  }

  /** Takes one frame, which is held to what is so now. */
  take(): boolean {
    const seen = this.view?.take();
    if (!(seen instanceof Seen)) return false;
    this.frames.push(seen);
    for (const text of seen.rows) {
      const [key] = JSON.parse(text) as [string];
      const value = this.#log.values.get(key);
      expect(value && stateRow(key, value)).toBe(text);
      expect(lets(this.filter, key, value?.text ?? ''), text).toBe(true);
      this.rows.set(key, text);
      this.#forget(key);
    }
    for (const [key, why] of seen.gone) {
      expect(this.rows.has(key), `${key} was never told`).toBe(true);
      const reasons = this.#log.values.has(key) ? ['exit'] : [...(this.#left.get(key) ?? [])];
      expect(reasons, key).toContain(why);
      this.rows.delete(key);
      this.#forget(key);
    }
    const keys = [
      ...seen.rows.map((row) => (JSON.parse(row) as [string])[0]),
      ...seen.gone.map(([key]) => key),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    if (!seen.more && this.#unmoved && this.#log.lives === 0) this.#checkUpTo(seen.offset);
    return true;
  }

  /** What happened up to here has been told. */
  #checkUpTo(offset: number): void {
    const { values, removedAt } = this.#log;
    for (const [key, value] of values) {
      if (value.version > offset) continue;
      const expected = lets(this.filter, key, value.text) ? stateRow(key, value) : undefined;
      expect(this.rows.get(key), key).toBe(expected);
    }
    for (const key of this.rows.keys())
      if (!values.has(key)) expect(removedAt.get(key), key).toBeGreaterThan(offset);
  }

  /** Takes until nothing is left, however long that takes. */
  async drain(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      if (this.take()) idle = 0;
      else {
        idle++;
        await this.#log.clock.advance(200_000);
      }
    }
    expect(this.view?.hasMore).toBe(false);
  }

  /** What the filter lets through, by key. */
  get expected(): ReadonlyMap<string, string> {
    const { values } = this.#log;
    const rows = new Map<string, string>();
    for (const [key, value] of values)
      if (lets(this.filter, key, value.text)) rows.set(key, stateRow(key, value));
    return rows;
  }
}

const lat = fc.oneof(
  fc.constantFrom(-90, -89.999, 0, 52.5, 90),
  fc.double({ min: 52, max: 53, noNaN: true }),
);
const lng = fc.oneof(
  fc.constantFrom(-180, -179.999, 0, 13.4, 179.999, 180),
  fc.double({ min: 13, max: 14, noNaN: true }),
  fc.double({ min: -180, max: 180, noNaN: true }),
);
const key = fc.oneof(
  fc.constantFrom('a', 'ab', 'abc', 'b', 'b/1', 'b/2', '__proto__', 'constructor', '\u{1f69a}', 'b\uffff'),
  fc.nat(30).map((n) => `v${n}`),
);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(lat, lng).map(([y, x]) => JSON.stringify({ lng: x, lat: y, x: 'ü' })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'null',
      '7',
      '{"lat":"52","lng":13}',
      '{"lat":52.5}',
      '[1,2]',
      '{"lat":1e999,"lng":3}',
    ),
  },
);
const bbox = fc
  .tuple(lng, lat, lng, lat)
  .map(([w, s, e, n]): [number, number, number, number] => [w, Math.min(s, n), e, Math.max(s, n)]);
const filter: fc.Arbitrary<ViewFilter> = fc.record(
  {
    keys: fc.uniqueArray(key, { maxLength: 5 }),
    prefix: fc.constantFrom('', 'a', 'ab', 'b', 'b/', 'v1', '__'),
    bbox,
    maxHz: fc.constantFrom(0.5, 2, 1000),
  },
  { requiredKeys: [] },
);

type Step =
  | { readonly type: 'set'; readonly key: string; readonly text: string }
  | { readonly type: 'remove'; readonly key: string; readonly why: 'delete' | 'expire' }
  | { readonly type: 'open'; readonly filter: ViewFilter }
  | { readonly type: 'move'; readonly at: number; readonly filter: ViewFilter }
  | { readonly type: 'close'; readonly at: number }
  | { readonly type: 'take'; readonly at: number; readonly count: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'replace'; readonly modulo: number; readonly late: boolean };

const at = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('set' as const), key, text: value }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('remove' as const),
      key,
      why: fc.constantFrom('delete' as const, 'expire' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('open' as const), filter }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('move' as const), at, filter }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close' as const), at }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('take' as const), at, count: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.nat(3000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('replace' as const),
      modulo: fc.integer({ min: 1, max: 3 }),
      late: fc.boolean(),
    }),
  },
);

/** Runs what happens, one thing after another. */
async function run(steps: readonly Step[]): Promise<void> {
  const log = new Log();
  const { clients } = log;
  let caughtUp = (): void => {};
  for (const one of steps) {
    switch (one.type) {
      case 'set':
        log.set(one.key, one.text);
        break;
      case 'remove':
        if (log.values.has(one.key)) log.remove(one.key, one.why);
        break;
      case 'open':
        await log.open(one.filter);
        break;
      case 'move':
        clients[one.at]?.move(one.filter);
        break;
      case 'close':
        clients[one.at]?.view?.release();
        clients.splice(one.at, 1);
        break;
      case 'take':
        for (let i = 0; i < one.count; i++) clients[one.at]?.take();
        break;
      case 'advance':
        await log.clock.advance(one.ms);
        break;
      case 'replace':
        caughtUp();
        caughtUp = log.replace((name) => name.length % one.modulo === 0);
        if (!one.late) caughtUp();
        break;
    }
  }
  caughtUp();
  for (const client of clients) {
    await client.drain();
    expect(client.rows).toEqual(client.expected);
    client.view?.release();
  }
  expect(log.clock.timers).toBe(0);
}

describe('whatever happens', () => {
  it('[V3] [V6] who applies all that is told holds what the filter lets through', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), run), {
      numRuns: 400,
    });
  }, 60_000);
});

const at52 = (x: number, more = '') => JSON.stringify({ lat: 52, lng: x, more });

describe('a new view', () => {
  it('[V4] begins with all that is in it, in frames of 64 KiB, and goes on with what changed meanwhile', async () => {
    const log = new Log();
    for (let i = 0; i < 300; i++) log.set(`k${i}`, at52(i / 10, 'ü'.repeat(1000)));
    log.set('large', at52(1, 'x'.repeat(100_000)));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    const before = log.offset;
    expect(client.take()).toBe(true);
    log.set('k1', at52(3));
    log.set('k200', at52(5));
    log.remove('k2', 'delete');
    log.set('new', at52(4));
    while (client.take());
    const opening = client.frames.filter(({ offset }) => offset === before);
    expect(opening.length).toBeGreaterThan(5);
    expect(opening.map(({ more }) => more)).toEqual(opening.map((_, i) => i < opening.length - 1));
    expect(opening.flatMap(({ gone }) => gone)).toEqual([]);
    for (const { rows } of client.frames)
      expect(rows.length === 1 || Buffer.byteLength(rows.join(',')) <= 65_536).toBe(true);
    expect(client.frames.at(-1)).toMatchObject({ offset: log.offset, more: false });
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.size).toBe(202);
  });

  it('[V4] that shows nothing says so, once', async () => {
    const log = new Log();
    log.set('a', '1');
    const client = await log.open({ keys: ['b'] });
    while (client.take());
    expect(client.frames).toEqual([new Seen(1, 1, false, [], [])]);
    log.set('a', '2');
    expect([client.view?.hasMore, client.take()]).toEqual([false, false]);
  });

  it('takes up what there is in steps, and what happens between them', async () => {
    const log = new Log();
    for (let i = 0; i < 3000; i++) log.set(`k${i}`, at52(i / 100));
    const opening = log.open({ bbox: [0, 50, 20, 55], prefix: 'k1' });
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => log.clock.endOfTurn(() => resolve(undefined)));
      for (let i = 0; i < 3000; i += 7) log.set(`k${i}`, at52((i * 13) / 100));
      log.remove(`k1${turn}`, 'delete');
      log.set(`k1-${turn}`, at52(7));
    }
    const client = await opening;
    await client.drain();
    expect(client.rows).toEqual(client.expected);
    expect(client.rows.size).toBeGreaterThan(500);
  });

  it('goes on later where it looked at much and found little, and lets others come first', async () => {
    const log = new Log();
    // All in one cell, and beside the box.
    for (let i = 0; i < 20_000; i++)
      log.set(`k${i}`, JSON.stringify({ lat: 52.001 + i * 1e-8, lng: 13.001 }));
    log.set('one', JSON.stringify({ lat: 52.002, lng: 13.003 }));
    const client = await log.open({ bbox: [13.002, 52, 13.004, 52.005] });
    // The one that was added last is looked at first; all others are looked at in vain.
    while (client.take());
    expect(client.view?.hasMore).toBe(true);
    await expect.poll(() => client.wakes).toBeGreaterThan(0);
    await client.drain();
    expect(client.frames.map(({ more, rows }) => [more, rows.length])).toEqual([
      [true, 1],
      [false, 0],
    ]);
  });
});

describe('a slow reader', () => {
  it('[V6] is told the newest of each key, and nothing of one that came and went', async () => {
    const log = new Log();
    log.set('a', at52(1));
    log.set('b', at52(2));
    const client = await log.open({ bbox: [0, 50, 20, 55] });
    while (client.take());
    for (let i = 0; i < 500; i++) {
      log.set('a', at52(3 + i / 100));
      log.set(`passing${i}`, at52(5));
      if (i % 2) log.set(`passing${i}`, at52(50));
      else log.remove(`passing${i}`, 'expire');
    }
    log.remove('b', 'expire');
    const frames = client.frames.length;
    while (client.take());
    expect(client.frames.slice(frames)).toEqual([
      new Seen(1, log.offset, false, [client.expected.get('a') ?? ''], [['b', 'expire']]),
    ]);
  });

  it('[V6] is woken once, however much happens until it takes', async () => {
    const log = new Log();
    const client = await log.open({});
    while (client.take());
    for (let i = 0; i < 100; i++) log.set(`k${i % 10}`, String(i));
    expect(client.wakes).toBe(1);
    while (client.take());
    log.set('k1', 'null');
    expect(client.wakes).toBe(2);
  });
});

describe('maxHz', () => {
  it('[V6] bounds how often a view tells, and what it tells then is the newest', async () => {
    const log = new Log();
    log.set('a', '0');
    const client = await log.open({ maxHz: 2 });
    while (client.take());
    for (let i = 1; i <= 40; i++) {
      log.set('a', String(i));
      await log.clock.advance(100);
      while (client.take());
    }
    // Four seconds, twice a second, and what it began with.
    expect(client.frames.length).toBe(9);
    expect(client.wakes).toBe(8);
    await client.drain();
    expect(client.rows).toEqual(client.expected);
    expect(log.clock.timers).toBe(0);
  });

  it('[V6] tells what is more than a frame in one go, and at once after it was quiet', async () => {
    const log = new Log();
    const client = await log.open({ maxHz: 0.1 });
    while (client.take());
    await log.clock.advance(10_000);
    const long = 'x'.repeat(30_000);
    for (let i = 0; i < 10; i++) log.set(`k${i}`, JSON.stringify(long));
    client.take();
    log.set('late', '1');
    while (client.take());
    expect(client.rows.size).toBe(10);
    await log.clock.advance(10_000);
    expect(client.take()).toBe(true);
    expect(client.rows.size).toBe(11);
  });

  it('[V5] lets a view be moved at any time: the difference is told at once', async () => {
    const log = new Log();
    for (let i = 0; i < 100; i++) log.set(`k${i}`, at52(i));
    const client = await log.open({ bbox: [0, 50, 40, 55], maxHz: 0.01 });
    while (client.take());
    const frames = client.frames.length;
    for (let west = 1; west <= 10; west++) {
      client.move({ bbox: [west, 50, west + 40, 55], maxHz: 0.01 });
      while (client.take());
      expect(client.rows).toEqual(client.expected);
    }
    const told = client.frames.slice(frames);
    expect(told.map(({ rows, gone, more }) => [rows.length, gone, more])).toEqual(
      Array.from({ length: 10 }, (_, i) => [1, [[`k${i}`, 'exit']], false]),
    );
  });
});

describe('moving', () => {
  it('[V5] away and back at once tells what changed outside meanwhile, and of what stayed the same nothing', async () => {
    const log = new Log();
    for (const key of ['a', 'b', 'c']) log.set(key, at52(1));
    const client = await log.open({ bbox: [0, 50, 5, 55] });
    while (client.take());
    client.move({ bbox: [40, 50, 45, 55] });
    log.set('a', at52(2));
    log.remove('b', 'delete');
    client.move({ bbox: [0, 50, 6, 55] });
    const frames = client.frames.length;
    while (client.take());
    expect(client.frames.slice(frames)).toEqual([
      new Seen(1, log.offset, false, [client.expected.get('a') ?? ''], [['b', 'exit']]),
    ]);
    expect(client.rows).toEqual(client.expected);
  });
});

describe('views of a channel', () => {
  it('begin anew after nobody viewed it for long', async () => {
    const log = new Log();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) log.set(`k${i}`, at52(i + round));
      const client = await log.open({ bbox: [10, 50, 20, 55] });
      await client.drain();
      expect(client.rows).toEqual(client.expected);
      client.view?.release();
      for (let i = 0; i < 50 * round; i++) log.remove(`k${i}`, 'delete');
      for (let i = 0; i < 400; i++) log.set(`k${i % 50}`, at52(i));
    }
  });

  it('are released once, and told of nothing after', async () => {
    const log = new Log();
    let released = 0;
    const traits = { id: 9, onWake: () => {}, onRelease: () => released++, onTold: () => {} };
    const view = await log.folder.view(traits, { maxHz: 1 });
    expect(view.take()).toBeInstanceOf(Seen);
    log.set('a', '1');
    view.release();
    view.release();
    view.move({ keys: ['a'] });
    log.set('a', '2');
    expect([released, view.take(), view.hasMore, log.clock.timers]).toEqual([1, undefined, false, 0]);
  });

  it('end with an error, which is told when there is room, and then nothing', async () => {
    const log = new Log();
    const client = await log.open({});
    while (client.take());
    client.view?.end(new SyncError('corrupt'));
    log.set('a', '1');
    expect(client.wakes).toBe(1);
    expect(client.view?.take()).toMatchObject({ id: 1, error: { code: 'corrupt' } });
    expect([client.view?.hasMore, client.view?.take()]).toEqual([false, undefined]);
  });

  it('[V2] refuse a box where the contract names no places, also of a view that is moved', async () => {
    const folder = new StateFolder(1000, fakeClock());
    const traits = { id: 1, onWake: () => {}, onRelease: () => {}, onTold: () => {} };
    const box = { bbox: [0, 0, 1, 1] } as const;
    await expect(folder.view(traits, box)).rejects.toMatchObject({ code: 'bad_payload' });
    const view = await folder.view(traits, {});
    expect(() => view.move(box)).toThrow(/geo/);
    expect(view.take()).toBeInstanceOf(Seen);
  });
});
