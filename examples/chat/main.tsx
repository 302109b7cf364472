/**
 * The chat page: who you are, which rooms there are, and the one you are in. index.html loads it. The room stands in the
 * address, `#garden`; the name belongs to the window, so that two windows are two people.
 */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Ask } from './ask.tsx';
import { type Message, nameCharsMax, textCharsMax } from './channels.ts';
import {
  by,
  client,
  roomName,
  SynclineProvider,
  say,
  timeOf,
  useFreshness,
  useStore,
  useTimeline,
} from './client.ts';
import { Log } from './log.tsx';
import { Here, Typing } from './people.tsx';
import type { Line } from './reduce.ts';

const lastName = localStorage.getItem('name') ?? '';
/** A connection that comes back sooner was never "offline". */
const connectingMs = 2000;
const roomInAddress = (): string => roomName(location.hash) || 'lobby';

function App() {
  const [room, setRoom] = useState(roomInAddress);
  const [name, setName] = useState(sessionStorage.getItem('name'));
  const opened = useTimeline('rooms');
  const rooms = [...new Set(['lobby', ...opened.items.map(({ data }) => data), room])];
  useEffect(() => addEventListener('hashchange', () => setRoom(roomInAddress())), []);
  const join = (text: string): void => {
    for (const storage of [sessionStorage, localStorage]) storage.setItem('name', text);
    setName(text);
  };
  const open = (text: string): void => {
    location.hash = roomName(text);
    if (!rooms.includes(roomInAddress())) void opened.publish(roomInAddress());
  };
  const [editing, edit] = useState<Line | null>(null);
  useEffect(() => edit(null), [room]);
  const send = (message: Message): void => {
    edit(null);
    say(room, message);
  };
  return (
    <>
      <nav aria-label="Rooms">
        <h1>
          <a href="/" title="All examples">
            Syncline
          </a>{' '}
          chat
        </h1>
        <ul>
          {rooms.map((each) => (
            <li key={each}>
              <a href={`#${each}`} aria-current={each === room && 'page'}>
                # {each}
              </a>
            </li>
          ))}
        </ul>
        <Ask label="New room" button="Open" charsMax={40} onAnswer={open} />
        <button type="button" title="Change name" hidden={!name} onClick={() => setName(null)}>
          {name}
        </button>
      </nav>
      <main key={room}>
        <header>
          <h2># {room}</h2>
          <Here room={room} name={name} />
          <Status room={room} />
        </header>
        <Log room={room} name={name} onEdit={edit} />
        <Typing room={room} />
        {name === null ? (
          <Ask
            key="name"
            label="Your name"
            button="Chat as this"
            charsMax={nameCharsMax}
            first={lastName}
            onAnswer={join}
          />
        ) : editing ? (
          <Ask
            key={editing.item.key}
            label="Edit your message"
            button="Save"
            charsMax={textCharsMax}
            first={editing.post.text}
            lines
            onAnswer={(text) => send({ amends: editing.item.offset ?? 0, text, by })}
            onCancel={() => edit(null)}
          />
        ) : (
          <Ask
            key={room}
            label={`Message ${room}`}
            button="Send"
            charsMax={textCharsMax}
            lines
            onAnswer={(text) => send({ name, text, by })}
            onType={() => client.stream(`chat/${room}`).signal({ name, by })}
          />
        )}
      </main>
    </>
  );
}

/** How fresh the room is, as the SDK tells it. */
function Status({ room }: { room: string }) {
  const is = useFreshness(`chat/${room}`);
  const unsent = useStore(client.unsent);
  const [, redraw] = useState({});
  useEffect(() => void setTimeout(redraw, connectingMs, {}), [is]);
  const words = (): string => {
    if (is.state === 'live') return 'Live';
    if (is.state === 'catching-up') return `Catching up, ${is.left} left`;
    if (is.state === 'gap') return 'Older messages are gone';
    if (is.state === 'refused') return is.error.message;
    const since = Date.now() - is.since < connectingMs ? 'Connecting …' : `Offline since ${timeOf(is.since)}`;
    return unsent > 0 ? `${since}, ${unsent} to send` : since;
  };
  return <output class={`freshness ${is.state}`}>{words()}</output>;
}

// The provider's types are React's, and know no other's elements.
const app = (<App />) as never;
render(<SynclineProvider client={client}>{app}</SynclineProvider>, document.body);
