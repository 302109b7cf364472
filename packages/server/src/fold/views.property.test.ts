/**
 * Views of keyed values against an oracle that asks the filter about every key: whatever happens to the values, to the log and to
 * the views, a client that applies all it is told holds what the filter lets through.
 */
import type { ViewFilter } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Log } from '../testing/views.ts';

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
async function run(steps: readonly Step[], log = new Log()): Promise<void> {
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

it('[V3] [V6] who applies all that is told holds what the filter lets through', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), (all) => run(all)),
    {
      numRuns: 400,
    },
  );
}, 60_000);

it('[V3] [V6] so does one who sleeps through most of it', async () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 120, size: 'max' });
  // As soon as anything changes, or as soon as more does than it has.
  const notesKept = fc.constantFrom(-100, 0);
  await fc.assert(
    fc.asyncProperty(steps, notesKept, (all, kept) => run(all, new Log(kept))),
    { numRuns: 400 },
  );
}, 60_000);
