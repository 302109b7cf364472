/**
 * The checker against made-up histories: a good one has nothing wrong, and each promise that is broken in it is named, with the
 * lines. Whoever adds an invariant adds its row here.
 */
import { describe, expect, test } from 'vitest';
import { type Invariant, invariants, type Terms } from './checker/terms.ts';
import { check, show } from './checker.ts';
import type { Holdings, Line, Told } from './history.ts';

const terms: Terms = {
  gaps: [],
  loses: false,
  healMs: 1000,
  visibleMs: 500,
  control: 'control',
  rssBytesMax: 1e9,
  floor: { acknowledged: 3, reconnects: 1, faults: 1 },
};
const idle: Holdings = {
  sessionsOpen: 0,
  cursorsOpen: 0,
  channelsOpen: 0,
  membersOpen: 0,
  resources: 3,
  rssBytes: 1e8,
};
const channel = 'chat/a';
const epoch = 'e1';

type Draft = readonly [who: string, told: Told];
const invoke = (id: string): Draft => ['ann', { type: 'invoke', channel, id }];
const ok = (id: string, offset: number): Draft => ['ann', { type: 'ok', channel, id, epoch, offset }];
const deliver = (who: string, offset: number, id: string): Draft => [
  who,
  { type: 'deliver', channel, id, offset },
];
const begin = (who: string, via: 'start' | 'recovered' = 'start'): Draft => [
  who,
  { type: 'begin', channel, via, reason: null },
];
const status = (who: string, state: string): Draft => [who, { type: 'status', state, code: null }];
const log = (node: string, ...ids: string[]): Draft => [
  'crowd',
  { type: 'log', channel, node, epoch, entries: ids.map((id, i) => [i + 1, id] as const) },
];

/** Two readers, three messages, one reconnect, one fault; all went well. */
function good(): Draft[] {
  return [
    ...['ann', 'bob', 'control'].flatMap((who) => [
      status(who, 'connecting'),
      status(who, 'open'),
      begin(who),
    ]),
    invoke('m1'),
    ok('m1', 1),
    ...['ann', 'bob', 'control'].map((who) => deliver(who, 1, 'm1')),
    ['harness', { type: 'fault', name: 'reset', on: 'bob' }],
    status('bob', 'waiting'),
    status('bob', 'connecting'),
    status('bob', 'open'),
    begin('bob', 'recovered'),
    invoke('m2'),
    ok('m2', 2),
    invoke('m3'),
    ok('m3', 3),
    ...['ann', 'bob', 'control'].flatMap((who) => [deliver(who, 2, 'm2'), deliver(who, 3, 'm3')]),
    ['harness', { type: 'heal' }],
    ['harness', { type: 'settled', ms: 10, left: [] }],
    log('node0', 'm1', 'm2', 'm3'),
    log('node1', 'm1', 'm2', 'm3'),
    ['ann', { type: 'members', channel, shown: ['ann', 'bob'] }],
    ['bob', { type: 'members', channel, shown: ['ann', 'bob'] }],
    ['node0', { type: 'exit', how: 'code 0', wanted: true }],
    ['node0', { type: 'rest', before: idle, after: idle }],
  ];
}

const dated = (drafts: readonly Draft[]): Line[] =>
  drafts.map(([who, told], i) => ({ t: i * 10, who, ...told }));
const faults = (drafts: readonly Draft[], changed: Partial<Terms> = {}) =>
  check(dated(drafts), { ...terms, ...changed });

/** The same history with the lines that fit left out, replaced, or others put behind them. */
function bent(fits: (draft: Draft) => boolean, put: (draft: Draft) => readonly Draft[]): Draft[] {
  return good().flatMap((draft) => (fits(draft) ? put(draft) : [draft]));
}
const delivery =
  (client: string, id: string) =>
  ([who, told]: Draft) =>
    who === client && told.type === 'deliver' && told.id === id;
const typed =
  (type: Told['type'], client?: string) =>
  ([who, told]: Draft) =>
    told.type === type && (client === undefined || who === client);
const after = (type: Told['type'], ...put: Draft[]) => bent(typed(type), (draft) => [draft, ...put]);

const rows: readonly [Invariant, string, Draft[]][] = [
  ['I1', 'lost on the way to one', bent(delivery('bob', 'm3'), () => [])],
  [
    'I1',
    'acknowledged, and not in the log',
    good().map((draft) => (draft[1].type === 'log' ? log(draft[1].node, 'm1', 'm2') : draft)),
  ],
  ['I2', 'made up', bent(delivery('bob', 'm3'), (draft) => [draft, deliver('bob', 4, 'm9')])],
  ['I3', 'delivered twice', bent(delivery('bob', 'm3'), (draft) => [draft, draft])],
  [
    'I3',
    'stored twice',
    good().map((draft) => (draft[1].type === 'log' ? log(draft[1].node, 'm1', 'm2', 'm3', 'm2') : draft)),
  ],
  ['I4', 'passed over while all was well', bent(delivery('ann', 'm2'), () => [])],
  [
    'I4',
    'out of order',
    bent(
      ([who, { type }]) => who === 'ann' && type === 'deliver',
      ([who, told]) => [
        told.type === 'deliver' && told.offset > 1
          ? deliver(who, 5 - told.offset, `m${5 - told.offset}`)
          : [who, told],
      ],
    ),
  ],
  ['I5', 'another entry for one', bent(delivery('bob', 'm2'), () => [deliver('bob', 2, 'm3')])],
  [
    'I5',
    'another log on one node',
    bent(
      (d) => d[1].type === 'log' && d[1].node === 'node1',
      () => [log('node1', 'm1', 'm3', 'm2')],
    ),
  ],
  [
    'I6',
    'refused and stored',
    after('fault', ['ann', { type: 'fail', channel, id: 'm1', code: 'forbidden' }]),
  ],
  ['I7', 'acknowledged at two places', after('heal', ok('m1', 7))],
  ['I8', 'recovered, and passed over', bent(delivery('bob', 'm2'), () => [])],
  [
    'I8',
    'a gap that was none',
    after('heal', ['bob', { type: 'begin', channel, via: 'gap', reason: 'trimmed' }]),
  ],
  [
    'I9',
    'somebody waits',
    bent(typed('settled'), () => [['harness', { type: 'settled', ms: 999, left: ['bob is stale'] }]]),
  ],
  ['I9', 'somebody stands short of the end', bent(delivery('bob', 'm3'), () => [])],
  ['I9', 'too late', bent(typed('settled'), () => [['harness', { type: 'settled', ms: 1001, left: [] }]])],
  [
    'I10',
    'acknowledged long before it came',
    [
      ...bent(delivery('bob', 'm3'), () => []),
      ...Array<Draft>(50).fill(status('ann', 'open')),
      deliver('bob', 3, 'm3'),
    ],
  ],
  [
    'I11',
    'a ghost',
    bent(typed('members', 'ann'), () => [
      ['ann', { type: 'members', channel, shown: ['ann', 'bob', 'eve'] }],
    ]),
  ],
  [
    'I13',
    'a cursor that stayed',
    bent(typed('rest'), () => [
      ['node0', { type: 'rest', before: idle, after: { ...idle, cursorsOpen: 1 } }],
    ]),
  ],
  [
    'I13',
    'sockets that stayed',
    bent(typed('rest'), () => [['node0', { type: 'rest', before: idle, after: { ...idle, resources: 30 } }]]),
  ],
  ['I14', 'the control client had to come back', after('heal', status('control', 'connecting'))],
  ['I16', 'a node that died', after('heal', ['node0', { type: 'exit', how: 'code 1', wanted: false }])],
  [
    'I16',
    'a rejection that nobody caught',
    after('heal', ['node0', { type: 'cry', text: 'unhandledRejection' }]),
  ],
  ['I22', 'seven attempts at once', after('heal', ...Array<Draft>(7).fill(status('bob', 'connecting')))],
  ['I24', 'no fault at all', bent(typed('fault'), () => [])],
  ['I24', 'nothing acknowledged', bent(typed('ok'), () => [])],
  ['I24', 'nobody who came back', bent(typed('status', 'bob'), () => [])],
  ['I24', 'logs that nobody read', bent(typed('log'), () => [])],
];

describe('the checker', () => {
  test('finds nothing wrong where all went well', () => {
    expect(faults(good()).map(show)).toEqual([]);
  });

  test.each(rows)('finds %s broken: %s', (invariant, _, drafts) => {
    const found = faults(drafts).filter((violation) => violation.invariant === invariant);
    expect(found, faults(drafts).map(show).join('\n')).not.toEqual([]);
    for (const { lines } of found) for (const n of lines) expect(dated(drafts)[n - 1]).toBeDefined();
  });

  test('has a row for each invariant', () => {
    expect([...new Set(rows.map(([invariant]) => invariant))].sort()).toEqual(Object.keys(invariants).sort());
  });

  test('allows what a scenario allows: a log that was rolled back, and everyone told', () => {
    const lost = good().map((draft) => (draft[1].type === 'log' ? log(draft[1].node, 'm1') : draft));
    const told = ['ann', 'bob', 'control'].flatMap((who): Draft[] => [
      [who, { type: 'begin', channel, via: 'gap', reason: 'diverged' }],
      deliver(who, 1, 'm1'),
    ]);
    expect(faults([...lost, ...told], { gaps: ['diverged'], loses: true }).map(show)).toEqual([]);
    const silent = [...lost, ...told.filter(([who]) => who !== 'bob')];
    expect(faults(silent, { gaps: ['diverged'], loses: true }).map(({ invariant }) => invariant)).toContain(
      'I5',
    );
  });
});
