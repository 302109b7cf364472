/**
 * One message of a room: who wrote it and when, what it says, what people think of it, who has read up to here, and what one
 * may do with it. The log makes a list of them; it must not know where messages come from.
 */
import { hueOf } from '../shared/names.ts';
import { by, dayOf, say, timeOf } from './client.ts';
import { Face } from './people.tsx';
import type { Item, Line } from './reduce.ts';

const groupMs = 5 * 60_000;
const emojis = ['👍', '❤️', '😄', '🎉'];
export const isOwn = ({ item, post }: Line): boolean => item.own || post.by === by;
const writer = ({ post }: Line): string => post.by ?? post.name;
/** What isn't stored yet has no time yet. */
const timed = ({ item }: Line): number => item.at ?? Date.now();

interface RowProps {
  readonly room: string;
  readonly name: string | null;
  readonly line: Line;
  readonly before: Line | undefined;
  readonly unread: boolean;
  /** Whether it is being edited. */
  readonly editing: boolean;
  readonly readers: readonly string[];
  readonly onEdit: (line: Line) => void;
}

export function Row({ room, name, line, before, unread, editing, readers, onEdit }: RowProps) {
  const { item, post, edited, failed } = line;
  const at = timed(line);
  const newDay = !before || dayOf(timed(before)) !== dayOf(at);
  const joins = !newDay && !unread && writer(before) === writer(line) && at - timed(before) < groupMs;
  return (
    <li class={`message ${isOwn(line) ? 'own' : ''} ${item.status} ${editing ? 'edits' : ''}`}>
      {newDay && <p class="mark">{dayOf(at)}</p>}
      {unread && <p class="mark unread">New</p>}
      {!joins && (
        <p class="head">
          <b style={{ color: `oklch(from var(--muted) l 0.13 ${hueOf(post.name)})` }}>
            {isOwn(line) ? 'You' : post.name}
          </b>{' '}
          <time dateTime={new Date(at).toISOString()}>{timeOf(at)}</time>
        </p>
      )}
      <div class="said">
        <p class="text">{post.text}</p>
        {name && item.offset !== null && <Tools {...{ room, name, line, onEdit }} />}
      </div>
      <Reactions {...{ room, name, line }} />
      {edited && <span class="head">edited</span>}
      {readers.length > 0 && (
        <p class="readers">
          {readers.map((reader) => (
            <Face key={reader} name={reader} title={`${reader} has read up to here`} />
          ))}
        </p>
      )}
      {item.status === 'pending' && <span class="hidden">waiting to be sent</span>}
      {[item, failed].map((one) => one?.error && <Fault key={one.key} item={one} />)}
    </li>
  );
}

/** What one may do with a message that is stored; shown while one points at it. */
function Tools({ room, name, line, onEdit }: Pick<RowProps, 'room' | 'line' | 'onEdit'> & { name: string }) {
  return (
    <span class="tools">
      {emojis.map((emoji) => (
        <button
          key={emoji}
          type="button"
          title={`React with ${emoji}`}
          onClick={() => react(room, name, line, emoji)}
        >
          {emoji}
        </button>
      ))}
      {isOwn(line) && (
        <>
          <button type="button" onClick={() => onEdit(line)}>
            Edit
          </button>
          <button
            type="button"
            onClick={() => say(room, { kind: 'edit', amends: line.item.offset ?? 0, text: null, by })}
          >
            Delete
          </button>
        </>
      )}
    </span>
  );
}

function Reactions({ room, name, line }: Pick<RowProps, 'room' | 'name' | 'line'>) {
  if (line.reactions.size === 0) return null;
  return (
    <p class="reactions">
      {[...line.reactions].map(([emoji, people]) => (
        <button
          key={emoji}
          type="button"
          disabled={!name}
          aria-pressed={people.has(by)}
          title={[...people.values()].join(', ')}
          onClick={() => name && react(room, name, line, emoji)}
        >
          {emoji} {people.size}
        </button>
      ))}
    </p>
  );
}

function Fault({ item: { data, error, retry, discard } }: { item: Item }) {
  const what = 'emoji' in data ? 'Reaction not sent' : 'amends' in data ? 'Change not sent' : 'Not sent';
  return (
    <p class="fault">
      {what}. {error?.message}
      <button type="button" onClick={retry}>
        Retry
      </button>
      <button type="button" onClick={discard}>
        Discard
      </button>
    </p>
  );
}

/** Puts one's emoji there, or takes it away. */
function react(room: string, name: string, { item, reactions }: Line, emoji: string): void {
  const on = !reactions.get(emoji)?.has(by);
  say(room, { kind: 'reaction', amends: item.offset ?? 0, emoji, on, name, by });
}
