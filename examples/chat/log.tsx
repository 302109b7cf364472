/**
 * The messages of a room: what was said of them is put to them. At the bottom it follows; elsewhere what is on the screen
 * stays where it is, and history loads upward. It must not know how messages travel.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { client, useRoom } from './client.ts';
import { useReaders } from './people.tsx';
import { type Line, reduce } from './reduce.ts';
import { isOwn, Row } from './row.tsx';

interface LogProps {
  readonly room: string;
  /** This window's name; null while it only reads. */
  readonly name: string | null;
  /** The key of the message that is being edited. */
  readonly editing: string | undefined;
  readonly onEdit: (line: Line) => void;
}

export function Log({ room, name, editing, onEdit }: LogProps) {
  const { items, hasOlder, loading, loadOlder } = useRoom(room);
  const box = useRef<HTMLDivElement>(null);
  const height = useRef(0);
  const [atBottom, setAtBottom] = useState(true);
  const unread = useUnread(room, atBottom);
  const lines = useMemo(() => reduce(items), [items]);
  const last = lines.at(-1);
  const looking = atBottom && !document.hidden;
  const seen = looking ? (lines.findLast(({ item }) => item.offset !== null)?.item.offset ?? 0) : 0;
  const readers = useReaders(room, name, seen);
  const toBottom = (): unknown => box.current?.scrollTo({ top: 0 });

  // The list stands on its lower edge, so what is added above moves nothing; what is added below is made up for here.
  useLayoutEffect(() => {
    if (box.current && !atBottom) box.current.scrollTop -= box.current.scrollHeight - height.current;
    if (last?.item.status === 'pending') toBottom();
  }, [last?.item.key]);
  useLayoutEffect(() => {
    height.current = box.current?.scrollHeight ?? 0;
    const marked = document.hidden && unread.length > 0 ? `(${unread.length}) ${room}` : room;
    document.title = `${marked} · Syncline chat`;
  });
  const onScroll = (): void => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    setAtBottom(scrollTop > -48);
    if (scrollHeight - clientHeight + scrollTop < 400) loadOlder().catch(() => {});
  };
  const beginning = last ? 'Beginning of the history' : 'Nothing here yet. Say the first word!';
  return (
    <section aria-label={`Messages in ${room}`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse. */}
      <div ref={box} tabIndex={0} onScroll={onScroll}>
        <ol>
          <li class="mark">{loading ? 'Loading earlier messages …' : !hasOlder && beginning}</li>
          {lines.map((line, i) => (
            <Row
              key={line.item.key}
              {...{ room, name, line, onEdit }}
              before={lines[i - 1]}
              editing={line.item.key === editing}
              unread={line.item.offset === unread[0]}
              readers={readers.get(line.item.offset ?? 0) ?? []}
            />
          ))}
        </ol>
      </div>
      <button type="button" hidden={atBottom} onClick={toBottom}>
        {unread.length > 0 ? `${unread.length} new ↓` : 'Latest ↓'}
      </button>
      <output class="hidden">{last && !isOwn(last) && `${last.post.name}: ${last.post.text}`}</output>
    </section>
  );
}

/** Offsets of what the others wrote while nobody looked; they stay marked until the next message is seen arriving. */
function useUnread(room: string, atBottom: boolean) {
  const [unread, setUnread] = useState<readonly number[]>([]);
  const looking = useRef(true);
  const looked = useRef(true);
  looking.current = atBottom && !document.hidden;
  looked.current ||= looking.current;
  useEffect(() => {
    document.onvisibilitychange = () => setUnread((now) => [...now]);
    return client.stream(`chat/${room}`).onMessage(({ offset, own, data }) => {
      if (own || 'amends' in data) return;
      const before = looked.current ? [] : undefined;
      setUnread((now) => (looking.current ? [] : [...(before ?? now), offset]));
      looked.current = looking.current;
    });
  }, [room]);
  return unread;
}
