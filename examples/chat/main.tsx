/**
 * The chat page: who you are, which rooms there are, and the one you are in. index.html loads it. The room stands in the
 * address, `#garden`; the name belongs to the window, so that two windows are two people.
 */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Ask, forget } from '../shared/ask.tsx';
import { lastName, ownName, plain, plainIn, setName } from '../shared/names.ts';
import { connectingMs, TryNow } from '../shared/try-now.tsx';
import { nameCharsMax, textCharsMax } from './channels.ts';
import { by, client, SynclineProvider, say, timeOf, useFreshness, useStore, useTimeline } from './client.ts';
import { Log } from './log.tsx';
import { Here, Typing } from './people.tsx';
import type { Line } from './reduce.ts';

const roomInAddress = (): string => plainIn(location.hash) || 'lobby';

function App() {
  const [room, setRoom] = useState(roomInAddress);
  const [name, write] = useState(ownName);
  useEffect(() => addEventListener('hashchange', () => setRoom(roomInAddress())), []);
  const join = (text: string): void => {
    setName(text);
    write(text);
  };
  return (
    <>
      <nav aria-label="Rooms">
        <h1>
          <a href="/" title="All examples">
            <img src="/chat/icon.svg" alt="" width="26" height="26" />
            <span>Syncline</span>
          </a>{' '}
          <span>chat</span>
        </h1>
        <Rooms present={room} />
        <button type="button" title="Change name" hidden={!name} onClick={() => write(null)}>
          {name}
        </button>
      </nav>
      <Room key={room} room={room} name={name} onJoin={join} />
    </>
  );
}

const inSight = (link: HTMLElement | null): void =>
  link?.scrollIntoView({ block: 'nearest', inline: 'nearest' });

/** The rooms that anybody opened, and how one opens another. */
function Rooms({ present }: { present: string }) {
  const { items, publish } = useTimeline('rooms');
  const rooms = [...new Set(['lobby', ...items.map(({ data }) => data), present])];
  const open = (text: string): void => {
    location.hash = plain(text);
    if (!rooms.includes(roomInAddress())) void publish(roomInAddress());
  };
  return (
    <>
      <ul>
        {rooms.map((each) => (
          <li key={each}>
            <a
              href={`#${each}`}
              aria-current={each === present && 'page'}
              ref={each === present ? inSight : null}
            >
              # {each}
            </a>
          </li>
        ))}
      </ul>
      <Ask label="New room" button="Open" charsMax={40} onAnswer={open} />
    </>
  );
}

interface RoomProps {
  readonly room: string;
  readonly name: string | null;
  readonly onJoin: (name: string) => void;
}

/** What is said in a room, and a field for what one wants to say there; whoever has no name is asked for one. */
function Room({ room, name, onJoin }: RoomProps) {
  const [editing, edit] = useState<Line | null>(null);
  const change = ({ item, post }: Line, text: string): void => {
    edit(null);
    if (text !== post.text) say(room, { kind: 'edit', amends: item.offset ?? 0, text, by });
  };
  const cancel = ({ item }: Line): void => {
    forget(item.key);
    edit(null);
  };
  return (
    <main>
      <header>
        <h2># {room}</h2>
        <Here room={room} name={name} />
        <Status room={room} />
      </header>
      <Log room={room} name={name} editing={editing?.item.key} onEdit={edit} />
      <Typing room={room} />
      <Lost room={room} />
      {name !== null && editing && (
        <p class="editing">
          <span>Editing “{editing.post.text}”</span>
          <button
            type="button"
            title="Cancel (Escape)"
            aria-label="Cancel editing"
            onClick={() => cancel(editing)}
          >
            ×
          </button>
        </p>
      )}
      {name === null ? (
        <Ask
          key="name"
          label="Your name"
          button="Join"
          charsMax={nameCharsMax}
          first={lastName()}
          onAnswer={onJoin}
        />
      ) : editing ? (
        <Ask
          key={editing.item.key}
          label="Edit your message"
          about={editing.item.key}
          button="Save"
          charsMax={textCharsMax}
          first={editing.post.text}
          lines
          onAnswer={(text) => change(editing, text)}
          onCancel={() => cancel(editing)}
        />
      ) : (
        <Ask
          key="message"
          label={`Message ${room}`}
          button="Send"
          charsMax={textCharsMax}
          lines
          onAnswer={(text) => say(room, { name, text, by })}
          onType={() => client.stream(`chat/${room}`).signal({ name, by })}
        />
      )}
    </main>
  );
}

/** What was here and isn't any more, if anything: freshness says so too, but only until the next message. */
function Lost({ room }: { room: string }) {
  const [words, tell] = useState('');
  useEffect(() => {
    tell('');
    return client.stream(`chat/${room}`).onRecover((recovery) => {
      if (recovery.via === 'gap')
        tell(
          recovery.reason === 'trimmed'
            ? 'Older messages are gone.'
            : 'The server lost messages that were here.',
        );
    });
  }, [room]);
  if (!words) return null;
  return (
    <p class="editing" role="alert">
      <span>{words}</span>
      <button type="button" aria-label="Dismiss" onClick={() => tell('')}>
        ×
      </button>
    </p>
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
  return (
    <div class="status">
      <output class={`freshness ${is.state}`}>{words()}</output>
      {is.state === 'stale' && <TryNow client={client} />}
    </div>
  );
}

// The provider's types are React's, and know no other's elements.
const app = (<App />) as never;
render(<SynclineProvider client={client}>{app}</SynclineProvider>, document.body);
