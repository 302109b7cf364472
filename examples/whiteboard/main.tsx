/**
 * The whiteboard page: which board, who is on it, whether it is saved, and the board with its tools. index.html loads it.
 * The board stands in the address, `#team`; when its document is replaced, the page goes on with the new one.
 */
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Ask } from '../chat/ask.tsx';
import { Bar, Zoom } from './bar.tsx';
import { Board, type Placed } from './board.ts';
import { Canvas } from './canvas.tsx';
import { nameCharsMax } from './channels.ts';
import {
  type BoardChannel,
  boardInAddress,
  channelOf,
  lastName,
  ownName,
  setName,
  usePart,
  useStore,
} from './client.ts';
import { Desk, type DeskState } from './desk.ts';
import { Peers } from './peers.ts';
import { colorOf } from './screen.ts';

function Page() {
  const [id, setId] = useState(boardInAddress);
  useEffect(() => addEventListener('hashchange', () => setId(boardInAddress())), []);
  return <Room key={id} id={id} channel={channelOf(id)} />;
}

/** Tools and colors stay in hand from one board to the next. */
let inHand: DeskState | undefined;

function Room({ id, channel }: { id: string; channel: BoardChannel }) {
  const doc = useStore(channel.current);
  const { state } = useStore(channel.sync);
  const [name, setOwn] = useState(ownName);
  const [asking, ask] = useState<'board' | 'name' | undefined>(name ? undefined : 'name');
  const lost = useLost(channel);
  const { desk, peers } = useMemo(
    () => ({ desk: new Desk(new Board(doc), inHand), peers: new Peers(channel.awareness) }),
    [doc],
  );
  useEffect(() => {
    document.title = `${id} · Syncline whiteboard`;
    return () => {
      inHand = desk.get();
      desk.board.destroy();
    };
  }, [desk]);
  useEffect(() => (name ? peers.follow(desk, name) : undefined), [desk, name]);
  const count = usePart({ subscribe: desk.board.onChange, get: () => desk.board }, ({ size }) => size);
  const locked = state === 'read-only' || state === 'rejected';
  const join = (text: string): void => {
    setName(text);
    setOwn(text);
    ask(undefined);
  };
  const go = (text: string): void => {
    location.hash = text;
    ask(undefined);
  };
  const question = {
    name: { label: 'Your name', button: 'Join', charsMax: nameCharsMax, first: lastName(), onAnswer: join },
    board: { label: 'Open or begin a board', button: 'Open', charsMax: 40, first: '', onAnswer: go },
  };
  return (
    <>
      <Canvas desk={desk} peers={peers} label={`Board ${id}, ${count} ${count === 1 ? 'shape' : 'shapes'}`} />
      <header class="card">
        <a href="/" title="All examples">
          <img src="/board/icon.svg" alt="Syncline" width="26" height="26" />
        </a>
        <h1>
          <button type="button" title="Open another board" onClick={() => ask('board')}>
            {id}
          </button>
        </h1>
        <Sync channel={channel} />
      </header>
      <People peers={peers} own={name} onRename={() => ask('name')} />
      {lost.shapes.length > 0 && !locked && (
        <div class="card offer" role="alert">
          <p>{lost.why}</p>
          <button type="button" onClick={() => lost.end(desk.board)}>
            Bring back {lost.shapes.length} {lost.shapes.length === 1 ? 'shape' : 'shapes'}
          </button>
          <button type="button" onClick={() => lost.end()}>
            Let go
          </button>
        </div>
      )}
      {asking && (
        <div class="card ask">
          <Ask key={asking} {...question[asking]} onCancel={() => name && ask(undefined)} />
        </div>
      )}
      {count === 0 && state !== 'loading' && (
        <p class="hint">Draw something. Everyone here sees it at once.</p>
      )}
      <Bar desk={desk} locked={locked} />
      <Zoom desk={desk} />
    </>
  );
}

const reasons = {
  lineage: 'This board was replaced on the server. Your copy of the old one has what the new one hasn’t.',
  rejected: 'The server refused your last changes, so this board is as the others see it.',
  'read-only': 'You may only look at this board, so your last changes were not taken.',
} as const;

/** What a copy of the board had that was replaced, until it is brought back or let go. */
function useLost(channel: BoardChannel) {
  const [lost, setLost] = useState<{ why: string; shapes: readonly Placed[] }>({ why: '', shapes: [] });
  useEffect(
    () =>
      channel.on('replaced', ({ reason, before, after }) => {
        const [old, now] = [new Board(before), new Board(after)];
        setLost({ why: reasons[reason], shapes: now.lacks(old) });
        old.destroy();
        now.destroy();
      }),
    [channel],
  );
  const end = (board?: Board): void => {
    board?.bringBack(lost.shapes);
    setLost({ why: '', shapes: [] });
  };
  return { ...lost, end };
}

/** Whether what was drawn here is stored, as the SDK tells it. */
function Sync({ channel }: { channel: BoardChannel }) {
  const { state, unsaved, error } = useStore(channel.sync);
  const words = {
    loading: 'Loading …',
    syncing: unsaved > 0 ? `${unsaved} unsaved` : 'Catching up …',
    synced: unsaved > 0 ? `${unsaved} unsaved` : 'Saved',
    offline: unsaved > 0 ? `Offline, ${unsaved} unsaved` : 'Offline',
    'read-only': 'Read only',
    rejected: error?.message ?? 'Refused',
  };
  return <output class={`sync ${state} ${unsaved > 0 ? 'unsaved' : ''}`}>{words[state]}</output>;
}

function People({ peers, own, onRename }: { peers: Peers; own: string | null; onRename: () => void }) {
  const others = useStore(peers);
  return (
    <ul class="card people" aria-label="Who is here">
      {others.slice(0, 5).map(({ id, name }) => (
        <li key={id} title={name} style={{ background: colorOf(name) }}>
          <span class="hidden">{name}</span>
          <span aria-hidden="true">{initials(name)}</span>
        </li>
      ))}
      {others.length > 5 && <li class="more">+{others.length - 5}</li>}
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

const initials = (name: string): string =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map(([first = '']) => first.toUpperCase())
    .join('');

render(<Page />, document.body);
