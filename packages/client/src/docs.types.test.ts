/**
 * What compiles with a client that has documents, and what doesn't: `tsc` is the test. Names and what members say come from the
 * contract, as with the other kinds.
 */
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import type { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import { createClient, type DocChannel, type DocSync, indexedDb, type Store } from './docs.ts';

declare const cursor: Schema<{ clientId: number; state: { name: string } }>;

const channels = defineChannels({
  'board/:id': doc({ presence: cursor }),
  'chat/:room': stream(),
  'fleet/:city': state(),
});

const client = createClient<typeof channels>();
const board = client.doc('board/7', { persist: 'indexeddb' });
client.doc('board/8', { persist: indexedDb('ada') });

const doc_: Doc = board.doc;
const awareness: Awareness = board.awareness;
const current: Store<Doc> = board.current;
const sync: Store<DocSync> = board.sync;
const plain: DocChannel = board;
void [doc_, awareness, current, sync, plain];

void board.presence.enter({ clientId: 1, state: { name: 'Ada' } });
// @ts-expect-error what members say comes from the contract
void board.presence.enter({ name: 'Ada' });
board.on('replaced', ({ reason, before, after }) => {
  const why: 'lineage' | 'read-only' | 'rejected' = reason;
  void [why, before.clientID, after.clientID];
});

// @ts-expect-error a stream is no document
client.doc('chat/lobby');
// @ts-expect-error nor is a channel that the contract hasn't got
client.doc('page/1');
// @ts-expect-error a document is no stream
client.stream('board/7');
// @ts-expect-error where it is kept is one of two
client.doc('board/7', { persist: 'localstorage' });
// @ts-expect-error the document is replaced by the channel alone
board.doc = doc_;

// The other kinds are there too, and without a contract any name will do.
client.stream('chat/lobby').onMessage(() => {});
client.state('fleet/berlin').entries.get();
createClient().doc('any/name').open();
