/**
 * The whiteboard page: the board that stands in the address, `#team`, its tools, and what one should know about it. index.html
 * loads it. When the document of the board is replaced, the page goes on with the new one.
 */
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Ask } from '../shared/ask.tsx';
import { lastName, ownName, setName } from '../shared/names.ts';
import { Bar, Zoom } from './bar.tsx';
import { Board } from './board.ts';
import { Canvas } from './canvas.tsx';
import { nameCharsMax } from './channels.ts';
import * as client from './client.ts';
import { Desk, type DeskState } from './desk.ts';
import { Peers } from './peers.ts';
import { Offer, People, Sync } from './status.tsx';

function Page() {
  const [id, setId] = useState(client.boardInAddress);
  useEffect(() => addEventListener('hashchange', () => setId(client.boardInAddress())), []);
  return <Room key={id} id={id} channel={client.channelOf(id)} />;
}

/** Tools and colors stay in hand from one board to the next, and from a document to the one in its place. */
let inHand: DeskState | undefined;

function useDesk(channel: client.BoardChannel, name: string | null) {
  const doc = client.useStore(channel.current);
  const { desk, peers } = useMemo(
    () => ({ desk: new Desk(new Board(doc), inHand), peers: new Peers(channel.awareness) }),
    [doc],
  );
  useEffect(() => {
    return () => {
      inHand = desk.get();
      desk.board.destroy();
    };
  }, [desk]);
  useEffect(() => void channel.whenLoaded.then(() => desk.arrive()), [channel]);
  useEffect(() => (name ? peers.follow(desk, name) : undefined), [desk, name]);
  return { desk, peers };
}

function Room({ id, channel }: { id: string; channel: client.BoardChannel }) {
  const [name, write] = useState(ownName);
  const [asking, ask] = useState<Question | undefined>(name ? undefined : 'name');
  const { desk, peers } = useDesk(channel, name);
  const { state } = client.useStore(channel.sync);
  // Without a connection nobody knows who is here now, nor where they point.
  const known = client.useStore(channel.freshness).state !== 'stale';
  useEffect(() => desk.lock(state === 'read-only'), [desk, state === 'read-only']);
  const count = client.usePart(
    { subscribe: desk.board.onChange, get: () => desk.board },
    (board) => board.size,
  );
  useEffect(() => {
    document.title = `${id} · Syncline whiteboard`;
  }, [id]);
  const answer = (text: string): void => {
    if (asking === 'board') location.hash = text;
    else {
      setName(text);
      write(text);
    }
    ask(undefined);
  };
  return (
    <>
      <Canvas
        desk={desk}
        peers={peers}
        pointed={known}
        label={`Board ${id}, ${count} ${count === 1 ? 'shape' : 'shapes'}`}
      />
      <header>
        <div class="card">
          <a href="/" title="All examples">
            <img src="/board/icon.svg" alt="Syncline" width="26" height="26" />
          </a>
          <h1>
            <button type="button" title="Open another board" onClick={() => ask('board')}>
              {id}
            </button>
          </h1>
          <Sync channel={channel} />
        </div>
        <People peers={peers} known={known} own={name} onRename={() => ask('name')} />
      </header>
      <Offer channel={channel} board={desk.board} />
      {asking && (
        <div class="card ask">
          <Ask
            key={asking}
            {...questions[asking]()}
            onAnswer={answer}
            onCancel={() => name && ask(undefined)}
          />
        </div>
      )}
      {count === 0 && state !== 'loading' && (
        <p class="hint">
          Draw something.{' '}
          {state === 'offline' ? 'It is kept until you are online.' : 'Everyone here sees it at once.'}
        </p>
      )}
      <Bar desk={desk} />
      <Zoom desk={desk} />
    </>
  );
}

const questions = {
  name: () => ({ label: 'Your name', button: 'Join', charsMax: nameCharsMax, first: lastName() }),
  board: () => ({ label: 'Open or begin a board', button: 'Open', charsMax: 40, first: '' }),
};
type Question = keyof typeof questions;

render(<Page />, document.body);
