/**
 * The messages of a room: grouped, with days, marks and times. At the bottom it follows; elsewhere what is on the screen
 * stays where it is, and history loads upward. It must not know how messages travel.
 */
import type { TimelineItem } from '@syncline/client';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from './channels.ts';
import { by, client, dayOf, timelineOf, timeOf, useStore } from './client.ts';

type Item = TimelineItem<Message>;
const groupMs = 5 * 60_000;
const isOwn = (item: Item): boolean => item.own || item.data.by === by;
const writer = ({ data }: Item): string => data.by ?? data.name;
/** What isn't stored yet has no time yet. */
const timed = ({ at }: Item): number => at ?? Date.now();
/** One of ten hues, which stays with a name; these numbers let common short names differ. */
const hueOf = (name: string) => ([...name].reduce((n, c) => (n * 25 + c.charCodeAt(0)) % 1009, 40) % 10) * 36;

export function Log({ room }: { room: string }) {
  const timeline = timelineOf(room);
  const { items, hasOlder, loading } = useStore(timeline);
  const box = useRef<HTMLDivElement>(null);
  const height = useRef(0);
  const [atBottom, setAtBottom] = useState(true);
  const unread = useUnread(room, atBottom);
  const last = items.at(-1);
  const toBottom = (): unknown => box.current?.scrollTo({ top: 0 });

  // The list stands on its lower edge, so what is added above moves nothing; what is added below is made up for here.
  useLayoutEffect(() => {
    if (box.current && !atBottom) box.current.scrollTop -= box.current.scrollHeight - height.current;
    if (last?.status === 'pending') toBottom();
  }, [last?.key]);
  useLayoutEffect(() => {
    height.current = box.current?.scrollHeight ?? 0;
    const marked = document.hidden && unread.length > 0 ? `(${unread.length}) ${room}` : room;
    document.title = `${marked} · Syncline chat`;
  });
  const onScroll = (): void => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    setAtBottom(scrollTop > -48);
    if (scrollHeight - clientHeight + scrollTop < 400) timeline.loadOlder().catch(() => {});
  };
  const beginning = last ? 'Here begins what is kept' : 'Nothing here yet. Say the first word!';
  return (
    <section aria-label={`Messages in ${room}`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse. */}
      <div ref={box} tabIndex={0} onScroll={onScroll}>
        <ol>
          <li class="mark">{loading ? 'Loading earlier messages …' : !hasOlder && beginning}</li>
          {items.map((item, i) => (
            <Row key={item.key} item={item} before={items[i - 1]} unread={item.offset === unread[0]} />
          ))}
        </ol>
      </div>
      <button type="button" hidden={atBottom} onClick={toBottom}>
        {unread.length > 0 ? `${unread.length} new ↓` : 'Latest ↓'}
      </button>
      <output class="hidden">{last && !isOwn(last) && `${last.data.name}: ${last.data.text}`}</output>
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
    return client.stream(`chat/${room}`).onMessage(({ offset, own }) => {
      if (own) return;
      const before = looked.current ? [] : undefined;
      setUnread((now) => (looking.current ? [] : [...(before ?? now), offset]));
      looked.current = looking.current;
    });
  }, [room]);
  return unread;
}

function Row({ item, before, unread }: { item: Item; before: Item | undefined; unread: boolean }) {
  const { data, status, error, retry, discard } = item;
  const at = timed(item);
  const newDay = !before || dayOf(timed(before)) !== dayOf(at);
  const joins = !newDay && !unread && writer(before) === writer(item) && at - timed(before) < groupMs;
  return (
    <li class={`message ${isOwn(item) ? 'own' : ''} ${status}`}>
      {newDay && <p class="mark">{dayOf(at)}</p>}
      {unread && <p class="mark unread">New</p>}
      {!joins && (
        <p class="head">
          <b style={{ color: `oklch(from var(--muted) l 0.13 ${hueOf(data.name)})` }}>
            {isOwn(item) ? 'You' : data.name}
          </b>{' '}
          <time dateTime={new Date(at).toISOString()}>{timeOf(at)}</time>
        </p>
      )}
      <p class="text">{data.text}</p>
      {status === 'pending' && <span class="hidden">waiting to be sent</span>}
      {error && (
        <p class="fault">
          Not sent. {error.message}
          <button type="button" onClick={retry}>
            Retry
          </button>
          <button type="button" onClick={discard}>
            Discard
          </button>
        </p>
      )}
    </li>
  );
}
