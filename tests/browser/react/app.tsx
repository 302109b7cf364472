/**
 * A page with every hook, for react.test.ts: it mounts what the test wishes for and prints what each hook gives. It must not
 * know what is tested.
 */
/** @jsxImportSource react */
import { defineChannels, doc, state, stream } from '@syncline/protocol';
import type { ViewFilter } from '@syncline/protocol/wire';
import { createHooks } from '@syncline/react/doc';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';

const anonymous = ['subscribe', 'publish', 'history', 'presence'] as const;
export const channels = defineChannels({
  'chat/:room': stream<string>({ anonymous }),
  'chat/closed': stream<string>({ anonymous: ['subscribe', 'history'] }),
  'fleet/:city': state<number>({ anonymous }),
  'board/:id': doc({ anonymous }),
});

const { SynclineProvider, ...hooks } = createHooks<typeof channels>();

export { SynclineProvider };

/** What is to be mounted. */
export interface Wish {
  readonly room?: string;
  readonly city?: string;
  readonly filter?: ViewFilter;
  readonly van?: string;
  /** One component each, by its key; without data it looks only. */
  readonly people?: readonly { readonly key: string; readonly room: string; readonly data?: unknown }[];
  readonly typing?: string;
  readonly board?: string;
}

declare global {
  interface Window {
    wish(wish: Wish): void;
    publish(text: string): Promise<unknown>;
    loadOlder(count?: number): Promise<void>;
    signal(data: unknown): void;
    edit(text: string): void;
    point(x: number): void;
  }
}

/** Hands the test a way to act, as long as a component is mounted. */
function useHandle(name: keyof Window, act: unknown): void {
  useEffect(() => void Object.assign(window, { [name]: act }), [name, act]);
}

function Print({ id, value }: { id: string; value: unknown }) {
  return <output id={id}>{typeof value === 'string' ? value : JSON.stringify(value)}</output>;
}

function Room({ name }: { name: string }) {
  const { items, hasOlder, publish, loadOlder, freshness } = hooks.useTimeline(`chat/${name}`, {
    pageSize: 5,
  });
  useHandle('publish', publish);
  useHandle('loadOlder', loadOlder);
  const lines = items.map(({ data, status }) => (status === 'sent' ? data : `${data} ${status}`));
  return (
    <>
      <Print id="items" value={lines.join(', ')} />
      <Print id="older" value={hasOlder} />
      <Print id="fresh" value={freshness.state} />
      <Print id="apart" value={hooks.useFreshness(`chat/${name}`).state} />
    </>
  );
}

function City({ name, filter }: { name: string; filter: ViewFilter | undefined }) {
  const { entries, freshness } = hooks.useEntries(`fleet/${name}`, filter);
  const renders = useRef<string[]>([]);
  const shown = [...entries].map(([key, { value }]) => `${key} ${value}`).sort();
  if (renders.current.at(-1) !== shown.join(', ')) renders.current.push(shown.join(', '));
  return (
    <>
      <Print id="entries" value={shown.join(', ')} />
      <Print id="history" value={renders.current.join(' | ')} />
      <Print id="view" value={freshness.state} />
    </>
  );
}

function Van({ name, van }: { name: string; van: string }) {
  return <Print id="van" value={hooks.useEntry(`fleet/${name}`, van)?.value ?? null} />;
}

function People({ id, room, data }: { id: string; room: string; data: unknown }) {
  const members = hooks.usePresence(`chat/${room}`, data);
  return <Print id={`people-${id}`} value={members.map((member) => member.data)} />;
}

function Typing({ name }: { name: string }) {
  const [signals, signal] = hooks.useSignal(hooks.useClient().stream(`chat/${name}`));
  useHandle('signal', signal);
  return <Print id="signals" value={signals.map(({ data }) => data)} />;
}

function Board({ name }: { name: string }) {
  const { doc, awareness, sync } = hooks.useDoc(`board/${name}`);
  const [, redraw] = useState({});
  const text = doc.getText('text');
  const shown = useSyncExternalStore(
    (onChange) => {
      text.observe(onChange);
      return () => text.unobserve(onChange);
    },
    () => text.toString(),
    () => '',
  );
  useEffect(() => {
    Object.assign(window, {
      edit: (more: string) => text.insert(text.length, more),
      point: (x: number) => awareness.setLocalStateField('x', x),
    });
    const onChange = (): void => redraw({});
    awareness.on('change', onChange);
    return () => awareness.off('change', onChange);
  }, [text, awareness]);
  return (
    <>
      <Print id="text" value={shown} />
      <Print id="sync" value={sync.state} />
      <Print id="aware" value={[...awareness.getStates().values()]} />
    </>
  );
}

export function App({ first }: { first: Wish }) {
  const [{ room, city, filter, van, people = [], typing, board }, setWish] = useState(first);
  useHandle('wish', setWish);
  return (
    <>
      <Print id="status" value={hooks.useStatus().state} />
      {room && <Room name={room} />}
      {city && <City name={city} filter={filter} />}
      {city && van && <Van name={city} van={van} />}
      {people.map(({ key, room, data }) => (
        <People key={key} id={key} room={room} data={data} />
      ))}
      {typing && <Typing name={typing} />}
      {board && <Board name={board} />}
    </>
  );
}
