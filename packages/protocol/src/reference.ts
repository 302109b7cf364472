/**
 * The frames as rows for the reference page: their shape follows from the codec's tables, and the compiler asks for a
 * sentence about each. Only the script that writes the pages reads it; it must stay out of what ships to browsers.
 */
import { clientFrames, serverFrames } from './codec.ts';
import type { Field } from './field.ts';
import type { ClientFrame, ServerFrame } from './frame.ts';

const fromClient: Record<ClientFrame['type'], string> = {
  subscribe: 'begin or move a subscription (S1, S5)',
  unsubscribe: 'end a subscription (S6)',
  publish: 'append an entry; repeating it is harmless (A1, A2)',
  history: 'ask for a page of entries before or after an offset (S7)',
  auth: 'renew the rights of this session with a new token (I2)',
  heartbeat: 'ask for a sign of life (H3)',
  view: 'open a view of a state channel, move it or end it (V1)',
  enter: 'be a member of a channel, or change what the others see of one (N1, N2)',
  leave: 'be a member no longer (N3)',
  signal: 'tell something to whoever is there, which is not stored (N6)',
};

const fromServer: Record<ServerFrame['type'], string> = {
  welcome: 'the first frame on a connection (F7)',
  subscribed:
    'answers `subscribe`: the numeric id, where delivery starts, and why not where asked (S2 to S4)',
  unsubscribed: 'answers `unsubscribe`',
  revoked: 'the server has ended this subscription, and why (I5)',
  authenticated: 'answers `auth`: how long the rights last now (I2)',
  ack: 'answers `publish`: the entry is stored at this position (A1)',
  history: 'answers `history`',
  gap: 'the subscription stands elsewhere now; entries in between are gone (S8)',
  changes: 'the newest entry of each key that changed, with its offset, for who is behind (K9)',
  snapshot: 'the fold of all entries up to an offset (S9)',
  heartbeat: 'the heads of all subscribed channels (H1), and whether the server can’t reach its logs (H5)',
  error: 'answers a request that failed, or says why the connection ends (F5, L2)',
  bye: 'the server is leaving; come back after this long (L1)',
  viewing: 'answers `view`: the number of the view (V1)',
  seen: 'what came into a view or changed in it, and which keys are gone from it (V3)',
  entered: 'answers `enter`: the key of the member (N1)',
  left: 'answers `leave` (N3)',
  signalled: 'answers `signal`: the key under which the others are told (N6)',
  signals: 'what members of a channel signalled, in one turn (N6)',
  entries: 'consecutive entries of a channel (D1)',
};

/** One row: who sends it, its name, what stands on the wire, what it is for. */
export interface FrameRow {
  readonly direction: string;
  readonly name: string;
  readonly shape: string;
  readonly doc: string;
}

export const frames: readonly FrameRow[] = [
  ...rows('client → server', clientFrames, fromClient),
  ...rows('server → client', serverFrames, fromServer),
  { direction: 'server → client', name: 'entries', shape: '[id, first, entry, …]', doc: fromServer.entries },
];

function rows(
  direction: string,
  table: Readonly<Record<string, object>>,
  docs: Readonly<Record<string, string>>,
): FrameRow[] {
  return Object.entries(table).map(([name, fields]) => {
    const parts = Object.entries(fields as Record<string, Field<unknown>>).map(
      ([field, { shape }]) => `${field}: ${shape}`,
    );
    return { direction, name, shape: `[${[`"${name}"`, ...parts].join(', ')}]`, doc: docs[name] ?? '' };
  });
}
