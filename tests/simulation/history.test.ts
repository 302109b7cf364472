/**
 * The simulator's judge by itself: a history in which all is well has no faults, and each thing that can be wrong is found and
 * called by its name. What it judges in earnest is simulation.test.ts's part.
 */
import { expect, test } from 'vitest';
import { type Evidence, type Happening, judge } from './history.ts';

const channel = 'chat/a';
const at = { client: 'ada', channel } as const;
const invoke = (id: string): Happening => ({ type: 'invoke', ...at, id });
const ok = (id: string, offset: number): Happening => ({ type: 'ok', ...at, id, offset });
const deliver = (id: string, offset: number, client = 'ada'): Happening => ({
  ...{ type: 'deliver', client, channel, id, offset },
});
const start: Happening = { type: 'start', ...at };
const gap: Happening = { type: 'gap', ...at, reason: 'trimmed' };

/** Three messages that were published, stored and given to one reader. */
const well: Evidence = {
  history: [start, ...[1, 2, 3].flatMap((n) => [invoke(`m${n}`), ok(`m${n}`, n), deliver(`m${n}`, n)])],
  logs: logOf('m1', 'm2', 'm3'),
  subscribed: [at],
  unsent: 0,
  reconnects: 1,
  floor: { acknowledged: 3, delivered: 3, reconnects: 1 },
};

function logOf(...ids: string[]): Evidence['logs'] {
  return new Map([[channel, ids.map((id, i) => ({ offset: i + 1, id }))]]);
}

/** The same, with something else in the place of one happening. */
function but(index: number, ...instead: Happening[]): Pick<Evidence, 'history'> {
  return { history: well.history.toSpliced(index, 1, ...instead) };
}

test('a history in which all is well has no faults', () => {
  expect(judge(well)).toEqual([]);
});

test('a gap that is told where the log has lost its beginning is no fault', () => {
  const logs = new Map([[channel, [{ offset: 3, id: 'm3' }]]]);
  expect(judge({ ...well, ...but(6, gap), logs, floor: { ...well.floor, delivered: 2 } })).toEqual([]);
});

test.each<[string, RegExp, Partial<Evidence>]>([
  ['acknowledged and not in the log', /^lost: m3 /, { logs: logOf('m1', 'm2') }],
  ['acknowledged where the log holds another', /^lost: m2 /, { logs: logOf('m1', 'm9', 'm3') }],
  ['given and never published', /^invented: ada was given m2/, but(4)],
  ['stored twice', /^twice: stored m3 at 3 and 4/, { logs: logOf('m1', 'm2', 'm3', 'm3') }],
  ['given twice', /^twice: ada was given 2 /, but(6, deliver('m2', 2), deliver('m2', 2))],
  ['given again after a gap', /^twice: ada was given 2 /, but(6, deliver('m2', 2), gap, deliver('m2', 2))],
  ['given out of order', /^twice: ada was given 1 .* after 2/, but(3, deliver('m2', 2), deliver('m1', 1))],
  ['passed over in silence', /^hole: ada was given 3 .* after 1/, but(6)],
  ['passed over, though it is there', /^gap: ada .*trimmed/, but(6, gap)],
  [
    'a log with a hole',
    /^hole: the log /,
    { logs: new Map([[channel, [1, 3].map((offset) => ({ offset, id: `m${offset}` }))]]) },
  ],
  [
    'given two things at one place',
    /^differs: bo was given m1 at 2/,
    but(9, deliver('m3', 3), deliver('m1', 2, 'bo')),
  ],
  ['refused for certain and in the log', /^refused: m2 /, but(5, { type: 'fail', ...at, id: 'm2' })],
  ['a reader that stops short', /^stuck: ada stopped at 2 /, but(9)],
  [
    'a reader that is given nothing',
    /^stuck: bo was given nothing/,
    { subscribed: [{ client: 'bo', channel }] },
  ],
  ['a publish without an answer', /^stuck: 1 publishes/, { unsent: 1 }],
  ['a run in which nothing happened', /^idle: .* 0 reconnects/, { reconnects: 0 }],
])('is found: %s', (_what, fault, changes) => {
  expect(judge({ ...well, ...changes })).toContainEqual(expect.stringMatching(fault));
});
