/**
 * Who is measured, what they are called, and who is compared with whom: tables without code. The scenarios name them, the page
 * shows them; how one is started is for its program in servers/ to know.
 */

/** Who is measured. Each has a program in servers/. */
export const contenders = [
  'syncline',
  'ws',
  'socketio',
  'syncline-jwt',
  'syncline-schema',
  'syncline-doc',
  'hocuspocus',
  'syncline-views',
  'syncline-everyone',
  'syncline-redis',
  'socketio-redis',
  'socketio-streams',
] as const;
export type Contender = (typeof contenders)[number];

export const labels: Readonly<Record<Contender, string>> = {
  syncline: 'Syncline',
  ws: 'ws, ten lines',
  socketio: 'Socket.IO 4',
  'syncline-jwt': 'Syncline, JWT and capabilities',
  'syncline-schema': 'Syncline, JWT, capabilities and a schema',
  'syncline-doc': 'Syncline, documents',
  hocuspocus: 'Hocuspocus 4',
  'syncline-views': 'Syncline, a view for each viewer',
  'syncline-everyone': 'Syncline, everything to everyone',
  'syncline-redis': 'Syncline on Redis',
  'socketio-redis': 'Socket.IO 4, Redis adapter',
  'socketio-streams': 'Socket.IO 4, Redis Streams adapter',
};

/** What the generator speaks to those that it puts under load. */
export const dialects: Readonly<Partial<Record<Contender, string>>> = {
  syncline: 'syncline',
  ws: 'ws',
  socketio: 'socketio',
  'syncline-jwt': 'syncline',
  'syncline-schema': 'syncline',
  'syncline-redis': 'syncline',
  'socketio-redis': 'socketio',
  'socketio-streams': 'socketio',
};

/** Whose figure is divided by whose. */
export interface Pair {
  readonly of: Contender;
  readonly than: Contender;
}

/** Who takes turns in a scenario, in the order of a round, and who is compared with whom. */
export interface Lineup {
  readonly title: string;
  readonly contenders: readonly Contender[];
  readonly pairs: readonly Pair[];
}

export const lineups = {
  peers: {
    title: 'Syncline beside its peers',
    contenders: ['syncline', 'ws', 'socketio'],
    pairs: [
      { of: 'syncline', than: 'socketio' },
      { of: 'syncline', than: 'ws' },
    ],
  },
  edge: {
    title: 'What knowing who is there costs: Syncline beside itself',
    contenders: ['syncline', 'syncline-jwt', 'syncline-schema'],
    pairs: [
      { of: 'syncline-jwt', than: 'syncline' },
      { of: 'syncline-schema', than: 'syncline' },
    ],
  },
  documents: {
    title: 'Documents: Syncline beside Hocuspocus, each with its own SDK',
    contenders: ['syncline-doc', 'hocuspocus'],
    pairs: [{ of: 'syncline-doc', than: 'hocuspocus' }],
  },
  views: {
    title: 'Keyed values: what viewers look at, beside everything to everyone',
    contenders: ['syncline-views', 'syncline-everyone'],
    pairs: [{ of: 'syncline-views', than: 'syncline-everyone' }],
  },
  state: { title: 'Keyed values: joining', contenders: ['syncline-everyone'], pairs: [] },
  cluster: {
    title: 'Three nodes on one Redis: Syncline beside Socket.IO and its adapters',
    contenders: ['syncline-redis', 'socketio-redis', 'socketio-streams'],
    pairs: [
      { of: 'syncline-redis', than: 'socketio-redis' },
      { of: 'syncline-redis', than: 'socketio-streams' },
    ],
  },
  backplane: {
    title: 'What three nodes and a Redis add: Syncline beside itself',
    contenders: ['syncline-redis', 'syncline'],
    pairs: [{ of: 'syncline-redis', than: 'syncline' }],
  },
  nodes: { title: 'What Redis is asked', contenders: ['syncline-redis'], pairs: [] },
  alone: { title: 'Syncline alone', contenders: ['syncline'], pairs: [] },
} as const satisfies Record<string, Lineup>;
