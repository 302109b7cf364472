/**
 * The storage that browsers bring along, as applications name it. What it does is loaded when a document is first kept; where
 * nothing is, nobody pays for it. It must not know what is kept.
 */
import type { DocStorage } from './storage.ts';

const storages = new Map<string, DocStorage>();

/**
 * Keeps documents in the browser's IndexedDB.
 *
 * @param space a name for what belongs together and to nobody else, such as the user's: who uses the same one on this machine finds
 * the same documents. Each is a database, called `syncline`, the space and the channel's name with blanks between; to forget a
 * document, delete it.
 * @returns the same storage each time
 * @example
 * client.doc('board/7', { persist: indexedDb(user.id) })
 */
export function indexedDb(space: string): DocStorage {
  const storage: DocStorage = storages.get(space) ?? {
    open: async (channel, client) => {
      const { openDatabase } = await import('./database.ts');
      return openDatabase(`syncline ${space} ${channel}`, client);
    },
  };
  storages.set(space, storage);
  return storage;
}
