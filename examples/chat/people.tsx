/**
 * The people of a room: who is here, who types, and how far each has read. The page puts these where they belong; they must not
 * know what is written.
 */
import { useEffect, useMemo } from 'preact/hooks';
import { hueOf } from '../shared/names.ts';
import { by, client, useEntries, useFreshness, usePresence, useRoom, useSignal, useStore } from './client.ts';

const list = new Intl.ListFormat(undefined, { type: 'conjunction' });
/** How soon after one another what was read is told, in ms. */
const readMs = 500;

/** A person in a circle. */
export function Face({ name, title }: { name: string; title: string }) {
  return (
    <span class="face" role="img" aria-label={title} title={title} style={{ '--hue': hueOf(name) }}>
      {[...name.trim()][0]?.toUpperCase()}
    </span>
  );
}

/** Who is here, oneself first, or was when that was last known. While it is shown, this window is here too. */
export function Here({ room, name }: { room: string; name: string | null }) {
  const members = usePresence(`chat/${room}`, name ? { name, by } : undefined);
  const { state } = useStore(client.stream(`chat/${room}`).presence.freshness);
  const sorted = [...members].sort((a, b) => Number(b.self) - Number(a.self));
  const names = sorted.map(({ self, data }) => (self ? 'you' : data.name));
  // Without a connection nobody knows who is here now.
  const known = state !== 'stale';
  const here = known ? 'here' : names.length > 1 ? 'were here' : 'was here';
  const title =
    names.length > 0
      ? `${known ? 'Here' : 'Here when the connection was lost'}: ${list.format(names)}`
      : `${known ? 'Nobody' : 'Nobody knows who'} is here`;
  return (
    <span class={known ? 'here' : 'here past'} title={title}>
      {sorted.slice(0, 5).map(({ self, data, connections }) => (
        <Face key={connections[0]?.id} name={data.name} title={self ? `${data.name} (you)` : data.name} />
      ))}
      <span class="count">{names.length > 0 && `${names.length} ${here}`}</span>
    </span>
  );
}

/** Who types, and hasn't sent it yet: nobody, as far as one knows without a connection. */
export function Typing({ room }: { room: string }) {
  const [signals] = useSignal(`chat/${room}`);
  const { items } = useRoom(room);
  const sent = (mark: string): number => items.findLast(({ data }) => data.by === mark)?.at ?? 0;
  const heard = useFreshness(`chat/${room}`).state === 'stale' ? [] : signals;
  const names = heard.filter(({ data, at }) => at > sent(data.by)).map(({ data }) => data.name);
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} others`] : names;
  return (
    <p class="typing" aria-live="polite">
      {names.length > 0 && `${list.format(shown)} ${names.length > 1 ? 'are' : 'is'} typing …`}
    </p>
  );
}

/**
 * The names of the others, by the offset of the last message that each has read.
 *
 * @param seen the offset of the last message that this window shows; it is told to the others, and never a lower one after it
 */
export function useReaders(room: string, name: string | null, seen: number): Map<number, string[]> {
  const { entries } = useEntries(`read/${room}`);
  useEffect(() => {
    const channel = client.state(`read/${room}`);
    if (!name || seen <= (channel.get(by).get()?.value.offset ?? 0)) return;
    const timer = setTimeout(() => channel.set(by, { name, offset: seen }).catch(() => {}), readMs);
    return () => clearTimeout(timer);
  }, [room, name, seen]);
  return useMemo(() => {
    const readers = new Map<number, string[]>();
    for (const [window, { value }] of entries) {
      if (window !== by) readers.set(value.offset, [...(readers.get(value.offset) ?? []), value.name]);
    }
    return readers;
  }, [entries]);
}
