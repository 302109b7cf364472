// The application's page, with hooks and a document: what a bundler makes of it must hold each library once, its types must do
// without those of Node. Nothing here runs in these tests.
import { createClient, type DocClient, indexedDb } from '@syncline/client/doc';
import { createHooks } from '@syncline/react/doc';
import { createElement, type ReactNode, useState } from 'react';
import * as Y from 'yjs';
import type { channels, Spot } from './channels.ts';

export const client: DocClient<typeof channels> = createClient<typeof channels>();
const { SynclineProvider, useDoc, useEntries, usePresence, useSignal, useTimeline } =
  createHooks<typeof channels>();

function Room({ name }: { readonly name: string }): ReactNode {
  const { items, publish, freshness } = useTimeline(`chat/${name}`);
  const { entries } = useEntries('fleet/berlin');
  const { doc, sync } = useDoc('board/7', { persist: indexedDb('ada') });
  const members = usePresence(`chat/${name}`);
  const [signals] = useSignal(`chat/${name}`);
  const [text] = useState('');
  const spots: Spot[] = [...entries.values()].map(({ value }) => value);
  const undo = doc instanceof Y.Doc ? new Y.UndoManager(doc.getMap('shapes')) : undefined;
  const lines = items.map(({ key, data }) =>
    createElement('p', { key, onClick: () => undo?.undo() }, data.text),
  );
  const told = `${freshness.state} ${sync?.state ?? ''} ${members.length} ${signals.length} ${spots.length}`;
  return createElement('main', { title: told, onClick: () => void publish({ text }) }, lines);
}

export const app: ReactNode = createElement(SynclineProvider, {
  client,
  children: createElement(Room, { name: 'lobby' }),
});
