/**
 * What one should know about a board: whether it is saved, who is here, and what a copy had that was replaced. main.tsx lays
 * it over the board; it must not know how anything is drawn.
 */
import { useEffect, useState } from 'preact/hooks';
import { TryNow } from '../shared/try-now.tsx';
import { Board, type Placed } from './board.ts';
import { type BoardChannel, client, useStore } from './client.ts';
import type { Peers } from './peers.ts';
import { colorOf } from './screen.ts';

/** Whether what was drawn here is stored, as the SDK tells it. */
export function Sync({ channel }: { channel: BoardChannel }) {
  const { state, unsaved, error } = useStore(channel.sync);
  const words = {
    loading: error?.message ?? 'Loading …',
    syncing: unsaved > 0 ? `${unsaved} unsaved` : (error?.message ?? 'Catching up …'),
    synced: 'Saved',
    offline: unsaved > 0 ? `Offline, ${unsaved} unsaved` : 'Offline',
    'read-only': 'Read only',
    rejected: error?.message ?? 'Refused',
  };
  return (
    <>
      <output class={`sync ${state}`}>{words[state]}</output>
      {state === 'offline' && <TryNow client={client} />}
    </>
  );
}

interface PeopleProps {
  readonly peers: Peers;
  /** Whether they are known to be here now; else they were when that was last known. */
  readonly known: boolean;
  /** This window's name, once there is one. */
  readonly own: string | null;
  readonly onRename: () => void;
}
const narrow = matchMedia('(max-width: 760px)');

export function People({ peers, known, own, onRename }: PeopleProps) {
  const all = useStore(peers);
  const shownMax = narrow.matches ? 2 : 5;
  // A phone has room only for what is known.
  const others = known || !narrow.matches ? all : [];
  return (
    <ul
      class={known ? 'card people' : 'card people past'}
      aria-label={known ? 'Who is here' : 'Who was here'}
    >
      {others.slice(0, shownMax).map(({ id, name }) => (
        <li key={id} title={known ? name : `${name} was here`} style={{ background: colorOf(name) }}>
          <span class="hidden">{name}</span>
          <span aria-hidden="true">{initials(name)}</span>
        </li>
      ))}
      {others.length > shownMax && <li class="more">+{others.length - shownMax}</li>}
      {own && (
        <li>
          <button type="button" title="Change name" onClick={onRename}>
            {own}
          </button>
        </li>
      )}
    </ul>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/).slice(0, 2);
  return words.map(([letter = '']) => letter.toUpperCase()).join('');
}

const reasons = {
  lineage: 'This board was replaced on the server. Your copy of the old one has what the new one hasn’t.',
  rejected: 'The server refused your last changes, so this board is as the others see it.',
  'read-only': 'This board can only be looked at, so your last changes were not taken.',
} as const;

/** Offers what a copy of the board had that was replaced, until it is brought back or discarded. */
export function Offer({ channel, board }: { channel: BoardChannel; board: Board }) {
  const [{ why, lost }, offer] = useState<{ why: string; lost: readonly Placed[] }>({ why: '', lost: [] });
  useEffect(
    () =>
      channel.on('replaced', ({ reason, before, after }) => {
        const [old, now] = [new Board(before), new Board(after)];
        offer({ why: reasons[reason], lost: now.lacks(old) });
        old.destroy();
        now.destroy();
      }),
    [channel],
  );
  const end = (taken: readonly Placed[]): void => {
    if (taken.length > 0) board.bringBack(taken);
    offer({ why: '', lost: [] });
  };
  const readOnly = useStore(channel.sync).state === 'read-only';
  if (lost.length === 0) return null;
  return (
    <div class="card offer" role="alert">
      <p>{why}</p>
      {!readOnly && (
        <button type="button" onClick={() => end(lost)}>
          Bring back {lost.length} {lost.length === 1 ? 'shape' : 'shapes'}
        </button>
      )}
      <button type="button" onClick={() => end([])}>
        Discard
      </button>
    </div>
  );
}
