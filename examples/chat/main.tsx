/**
 * The chat page: who you are, which rooms there are, and the one you are in. index.html loads it. The room stands in the
 * address, `#garden`; the name belongs to the window, so that two windows are two people.
 */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Ask } from './ask.tsx';
import { nameCharsMax, textCharsMax } from './channels.ts';
import { by, client, roomName, timelineOf, timeOf, useStore } from './client.ts';
import { Log } from './log.tsx';

const opened = client.stream('rooms').timeline();
const lastName = localStorage.getItem('name') ?? '';
const roomInAddress = (): string => roomName(location.hash) || 'lobby';

function App() {
  const [room, setRoom] = useState(roomInAddress);
  const [name, setName] = useState(sessionStorage.getItem('name'));
  const known = useStore(opened).items.map(({ data }) => data);
  const rooms = [...new Set(['lobby', ...known, room])];
  useEffect(() => addEventListener('hashchange', () => setRoom(roomInAddress())), []);
  const join = (text: string): void => {
    for (const storage of [sessionStorage, localStorage]) storage.setItem('name', text);
    setName(text);
  };
  const open = (text: string): void => {
    location.hash = roomName(text);
    if (!rooms.includes(roomInAddress())) void opened.publish(roomInAddress());
  };
  const send = (text: string): unknown => name && timelineOf(room).publish({ name, text, by });
  return (
    <>
      <nav aria-label="Rooms">
        <h1>Syncline chat</h1>
        <ul>
          {rooms.map((each) => (
            <li key={each}>
              <a href={`#${each}`} aria-current={each === room && 'page'}>
                {each}
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
          <h2>{room}</h2>
          <Status room={room} />
        </header>
        <Log room={room} />
        {name ? (
          <Ask
            label={`Message ${room}`}
            button="Send"
            charsMax={textCharsMax}
            first=""
            lines
            onAnswer={send}
          />
        ) : (
          <Ask label="Your name" button="Join" charsMax={nameCharsMax} first={lastName} onAnswer={join} />
        )}
      </main>
    </>
  );
}

/** How fresh the room is, as the SDK tells it. */
function Status({ room }: { room: string }) {
  const is = useStore(client.stream(`chat/${room}`).freshness);
  const unsent = useStore(client.unsent);
  useStore(client.status);
  const words = (): string => {
    if (is.state === 'live') return 'Live';
    if (is.state === 'catching-up') return `Catching up, ${is.left} left`;
    if (is.state === 'gap')
      return is.reason === 'trimmed' ? 'Some messages were missed' : 'The room began anew';
    if (is.state === 'refused') return is.error.message;
    const since = Date.now() - is.since < 2000 ? 'Connecting …' : `Offline since ${timeOf(is.since)}`;
    return unsent > 0 ? `${since}, ${unsent} to send` : since;
  };
  return (
    <p role="status" class={`freshness ${is.state}`}>
      {words()}
    </p>
  );
}

render(<App />, document.body);
