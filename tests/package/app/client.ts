// The application's client in Node: it publishes, reads what was published, sets a key, edits a document, and prints what it saw.
// Its arguments are the server's address and a token.
import { createClient, type Status, type Store, SyncError } from '@syncline/client';
import { createClient as createDocClient, type DocChannel } from '@syncline/client/doc';
import { longPoll, sse, websocket } from '@syncline/client/http';
import { createClient as createStreamClient } from '@syncline/client/stream';
import type { TimelineOptions } from '@syncline/client/types';
import type { channels } from './channels.ts';

const [, , url = '', token = ''] = process.argv;
const client = createDocClient<typeof channels>({ url, getToken: () => token });
const lobby = client.stream('chat/lobby');

/** All that a store shows until it shows what is wanted. */
function until<T>(store: Store<T>, wanted: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const stop = store.subscribe(() => {
      const value = store.get();
      if (!wanted(value)) return;
      stop();
      resolve(value);
    });
  });
}

const shown: TimelineOptions = { pageSize: 10 };
const timeline = lobby.timeline(shown);
const both = until(
  timeline,
  ({ items }) => items.length === 2 && items.every((one) => one.status === 'sent'),
);
const { offset } = await lobby.publish({ text: 'from the client' });
const texts = (await both).items.map(({ data }) => data.text);
await client.state('fleet/berlin').set('van', { lat: 52.5, lng: 13.4 });

const board: DocChannel = client.doc('board/7');
const leave = board.open();
await board.whenLoaded;
board.doc.getMap('shapes').set('a', { x: 1 });
await board.whenSynced();
leave();

/** The code of the error that a wrong address is refused with: the class must be the one that is imported here. */
function refusal(): string {
  try {
    createClient<typeof channels>({ url: 'nonsense' });
    return 'none';
  } catch (thrown) {
    return thrown instanceof SyncError ? thrown.code : String(thrown);
  }
}

const status: Status = createStreamClient({ url, transports: [websocket, sse, longPoll] }).status.get();
console.log(JSON.stringify({ texts, offset, refused: refusal(), status: status.state }));
client.close();
