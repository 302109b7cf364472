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
  standing: true,
  stalls: false,
  revokedMs: 20,
  revokedLate: false,
  unnoticed: false,
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

const got = (who: string, id: string, of = channel): Draft => [who, { type: 'got', channel: of, id }];
const pad = (who: string, fresh: boolean, ...ids: string[]): Draft => [
  who,
  { type: 'pad', pad: 'pad/a', fresh, vector: `${ids.length}`, content: ids.join(), ids },
];
const probe = (answer: string, ms = 5, says = ''): Draft => [
  'prober',
  { type: 'probe', node: 'node0', input: 'junk', wants: '400', got: answer, ms, says },
];
const open = { sessions: 3, subscriptions: 6, members: 2 };
const sound = { p999Ms: 30, maxMs: 40, busyMs: 20 };
const listened = { node: 'node0', via: 'websocket', heartbeatMs: 100, livedMs: 500, worstMs: 110 };
/** What clients by hand did and were told in a run that went well, before and after the rights of one were withdrawn. */
const strangers: readonly Draft[] = [
  ['harness', { type: 'secret', what: 'a payload', text: 'xyzzy' }],
  ['outsider', { type: 'may', channels: ['chat/b'] }],
  ['leaver', { type: 'may', channels: [channel] }],
  ['outsider', { type: 'denied', of: channel, code: 'forbidden', says: 'You may not.' }],
  got('outsider', 'm0', 'chat/b'),
  got('leaver', 'm1'),
];
const withdrawn: readonly Draft[] = [
  ['node0', { type: 'revoke', of: 'leaver' }],
  ['leaver', { type: 'denied', of: 'the connection', code: 'revoked', says: 'Withdrawn.' }],
];
const looked: readonly Draft[] = [
  ['harness', { type: 'open', clients: open, nodes: open }],
  ['node0', { type: 'metrics', left: false, metrics: { sessionsOpen: 3 } }],
  probe('400'),
  pad('ann', false, 'e1', 'e2'),
  pad('a reader by node0', true, 'e1', 'e2'),
  ['crowd', { type: 'heard', ...listened }],
  ['node0', { type: 'loop', ...sound }],
  ['node0', { type: 'metrics', left: true, metrics: { sessionsOpen: 0, sessionsOpened: 3 } }],
];
const edits: readonly Draft[] = ['e1', 'e2'].flatMap((id): Draft[] => [
  ['ann', { type: 'edit', pad: 'pad/a', id }],
  ['ann', { type: 'saved', pad: 'pad/a', id }],
]);

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
    ...strangers,
    ...edits,
    ...['ann', 'bob', 'control'].map((who) => deliver(who, 1, 'm1')),
    ['harness', { type: 'fault', name: 'reset', on: 'bob' }],
    ...withdrawn,
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
    ...looked,
    // Long after anything that it was asked for.
    ...Array<Draft>(60).fill(status('bob', 'open')),
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

const late = (told: Partial<typeof sound>): Draft => ['node0', { type: 'loop', ...sound, ...told }];
const counted = (nodes: typeof open): Draft => ['harness', { type: 'open', clients: open, nodes }];
const metrics = (left: boolean, metrics: Readonly<Record<string, number>>): Draft => [
  'node0',
  { type: 'metrics', left, metrics },
];

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
  ['I12', 'what somebody may not read', after('heal', got('outsider', 'm2'))],
  ['I12', 'somebody who is never told', bent(typed('denied', 'leaver'), () => [])],
  [
    'I12',
    'somebody who is told too late',
    [
      ...bent(typed('denied', 'leaver'), () => []),
      ...Array<Draft>(60).fill(status('bob', 'open')),
      ...withdrawn.slice(1),
    ],
  ],
  ['I12', 'something after rights were withdrawn', after('heal', got('leaver', 'm3'))],
  ['I14', 'the control client had to come back', after('heal', status('control', 'connecting'))],
  ['I15', 'a loop that stood still', bent(typed('loop'), () => [late({ maxMs: 1200, busyMs: 1100 })])],
  ['I15', 'a loop that is late often', bent(typed('loop'), () => [late({ p999Ms: 250, maxMs: 300 })])],
  ['I16', 'a node that died', after('heal', ['node0', { type: 'exit', how: 'code 1', wanted: false }])],
  [
    'I16',
    'a rejection that nobody caught',
    after('heal', ['node0', { type: 'cry', text: 'unhandledRejection' }]),
  ],
  ['I17', 'another answer', bent(typed('probe'), () => [probe('200')])],
  ['I17', 'no answer', bent(typed('probe'), () => [probe('')])],
  ['I17', 'an answer that is late', bent(typed('probe'), () => [probe('400', 1500)])],
  [
    'I18',
    'a subscription that nobody has',
    bent(typed('open'), () => [counted({ ...open, subscriptions: 7 })]),
  ],
  ['I18', 'a count below nothing', after('open', metrics(false, { sessionsOpen: -1 }))],
  ['I18', 'members of whom none is left', after('open', metrics(true, { membersOpen: 1 }))],
  ['I19', 'a copy that lacks an edit', bent(typed('pad', 'ann'), () => [pad('ann', false, 'e1')])],
  ['I19', 'edits in another order', bent(typed('pad', 'ann'), () => [pad('ann', false, 'e2', 'e1')])],
  [
    'I19',
    'a saved edit that nobody has',
    bent(typed('pad'), ([who, { type }]) => [pad(who, type === 'pad' && who !== 'ann', 'e1')]),
  ],
  [
    'I19',
    'an edit that nobody made',
    bent(typed('pad'), ([who]) => [pad(who, who !== 'ann', 'e1', 'e2', 'e3')]),
  ],
  [
    'I19',
    'an edit that is there twice',
    bent(typed('pad'), ([who]) => [pad(who, who !== 'ann', 'e1', 'e2', 'e2')]),
  ],
  ['I20', 'a payload in a log', after('heal', ['node0', { type: 'said', text: 'log about xyzzy' }])],
  ['I20', 'a payload in an answer', bent(typed('probe'), () => [probe('400', 5, 'no xyzzy please')])],
  [
    'I20',
    'a payload in a reason',
    after('heal', ['bob', { type: 'denied', of: channel, code: 'forbidden', says: 'xyzzy' }]),
  ],
  [
    'I20',
    'a payload in an error',
    after('heal', ['bob', { type: 'status', state: 'open', code: null, says: 'xyzzy' }]),
  ],
  [
    'I21',
    'a silence of two heartbeats',
    bent(typed('heard'), () => [['crowd', { type: 'heard', ...listened, worstMs: 200 }]]),
  ],
  ['I22', 'seven attempts at once', after('heal', ...Array<Draft>(7).fill(status('bob', 'connecting')))],
  ['I24', 'no fault at all', bent(typed('fault'), () => [])],
  ['I24', 'nothing acknowledged', bent(typed('ok'), () => [])],
  ['I24', 'nobody who came back', bent(typed('status', 'bob'), () => [])],
  ['I24', 'nobody whose rights were withdrawn', bent(typed('revoke'), () => [])],
  ['I24', 'nobody who lost anything with its rights', bent(typed('got', 'leaver'), () => [])],
  ['I24', 'nobody who was denied anything', bent(typed('denied'), () => [])],
  ['I24', 'nobody who sent anything bad', bent(typed('probe'), () => [])],
  ['I24', 'nobody who counted', bent(typed('open'), () => [])],
  ['I24', 'nobody who listened', bent(typed('heard'), () => [])],
  ['I24', 'nobody who edited', bent(typed('saved'), () => [])],
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
    const named = new Set([...rows.map(([invariant]) => invariant), 'I23']);
    expect([...named].sort()).toEqual(Object.keys(invariants).sort());
  });

  test.each([
    ['a connection that ends', ['bob', { type: 'status', state: 'waiting', code: null }]],
    ['a subscription that begins anew', begin('bob')],
    ['a member that goes', ['bob', { type: 'member', channel, change: 'ann leave' }]],
    ['a publish that is refused', ['ann', { type: 'fail', channel, id: 'm9', code: 'too_many' }]],
  ] as [string, Draft][])('finds I23 broken where nobody may notice anything: %s', (_, noticed) => {
    const calm = good().filter(([who, { type }]) => who !== 'bob' || (type !== 'status' && type !== 'begin'));
    const broken = (drafts: readonly Draft[]) =>
      faults(drafts, { unnoticed: true }).filter(({ invariant }) => invariant === 'I23');
    expect(broken(calm)).toEqual([]);
    const at = calm.findIndex(typed('fault'));
    expect(broken(calm.toSpliced(at + 1, 0, noticed))).not.toEqual([]);
  });

  test('takes a node that was stopped, or had no processor, for no slow one', () => {
    const slow = bent(typed('loop'), () => [late({ maxMs: 3000, p999Ms: 900 })]);
    const about = (drafts: readonly Draft[]) =>
      faults(drafts).flatMap(({ invariant }) => (invariant === 'I15' ? 1 : []));
    expect(about(slow)).toEqual([1]);
    expect(about([...slow, ['harness', { type: 'fault', name: 'SIGSTOP', on: 'node0' }]])).toEqual([]);
    expect(about([...slow, ['crowd', { type: 'starved', ms: 600 }]])).toEqual([]);
  });

  test('goes by a withdrawal that the node had time to store', () => {
    const died = bent(typed('revoke'), (draft) => [
      draft,
      ['node0', { type: 'exit', how: 'SIGKILL', wanted: true }],
    ]);
    const again: Draft[] = [got('leaver', 'm3'), ['node1', { type: 'revoke', of: 'leaver' }]];
    const about = (drafts: readonly Draft[], changed: Partial<Terms> = {}) =>
      faults(drafts, changed).filter(({ invariant }) => invariant === 'I12');
    const deaf = again.concat(withdrawn.slice(1));
    expect(about([...died, ...deaf])).toEqual([]);
    expect(about(after('heal', got('leaver', 'm3')), { revokedLate: true, revokedMs: 5 })).toHaveLength(1);
    expect(
      about(
        bent(typed('heal'), (draft) => [got('leaver', 'm3'), draft]),
        { revokedLate: true },
      ),
    ).toEqual([]);
  });

  test('allows what a scenario allows: a log that was rolled back, and everyone told', () => {
    const lost = good().map((draft) => (draft[1].type === 'log' ? log(draft[1].node, 'm1') : draft));
    const told = ['ann', 'bob', 'control'].flatMap((who): Draft[] => [
      [who, { type: 'begin', channel, via: 'gap', reason: 'diverged' }],
      deliver(who, 1, 'm1'),
    ]);
    expect(
      faults([...lost, ...told], { gaps: ['diverged'], loses: true, visibleMs: null }).map(show),
    ).toEqual([]);
    const far = told.map(
      ([who, what]): Draft => [who, what.type === 'begin' ? { ...what, reason: 'trimmed' } : what],
    );
    expect(
      faults([...lost, ...far], { gaps: ['diverged', 'trimmed'], loses: true, visibleMs: null }),
    ).toEqual([]);
    expect(
      faults([...lost, ...far], { gaps: ['trimmed'], loses: true, visibleMs: null }).map(
        ({ invariant }) => invariant,
      ),
    ).toContain('I3');
    const silent = [...lost, ...told.filter(([who]) => who !== 'bob')];
    expect(
      faults(silent, { gaps: ['diverged'], loses: true, visibleMs: null }).map(({ invariant }) => invariant),
    ).toContain('I5');
  });
});
