/**
 * Documents kept in IndexedDB, a database each: where the log was read up to, what it said, and edits that it may lack. Several tabs
 * may have one open; each sees to its own edits while it lives, which a lock tells the others. It must not know what records mean.
 */
import {
  type KeptChange,
  type KeptContent,
  type KeptDoc,
  type KeptEdit,
  type KeptPlace,
  toWrite,
} from './storage.ts';

/** Opens a database, or makes one. Rejects where there can be none. @param client its edits are its own while it lives */
export async function openDatabase(name: string, client: string): Promise<KeptDoc> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    const { result } = opening;
    result.createObjectStore('place');
    result.createObjectStore('log', { autoIncrement: true });
    result.createObjectStore('edits', { keyPath: 'id' });
  };
  const database = await outcome(opening);
  // Someone deletes it: what is written from then on fails, and that is told.
  database.onversionchange = () => database.close();
  const lock = await claim(`${name} `, client);
  return {
    read: () => read(database, lock),
    write: (change) => write(database, change),
    close: () => {
      database.close();
      lock?.release();
    },
  };
}

/** Everything that is kept, but for the edits that somebody else sees to. */
async function read(database: IDBDatabase, lock: Lock | undefined): Promise<KeptContent> {
  const { place, log, edits, done } = transact(database, 'readonly');
  const [where, said, all] = await Promise.all([
    outcome<KeptPlace | undefined>(place.get(0)),
    outcome<Uint8Array[]>(log.getAll()),
    outcome<KeptEdit[]>(edits.getAll()),
    done,
  ]);
  const others = await lock?.others();
  return { place: where, log: said, edits: all.filter(({ id }) => !others?.has(id.split('.')[0] ?? '')) };
}

async function write(database: IDBDatabase, change: KeptChange): Promise<string | undefined> {
  const { place, log, edits, done } = transact(database, 'readwrite');
  const kept = await outcome<KeptPlace | undefined>(place.get(0));
  const said = change.log && toWrite(kept, change.log);
  if (change.log && said) {
    if (change.log.type !== 'append') log.clear();
    for (const one of said) log.add(one);
    place.put(change.log.place, 0);
  }
  for (const edit of change.added) edits.put(edit);
  for (const id of change.removed) edits.delete(id);
  await done;
  return said ? change.log?.place.life : kept?.life;
}

function transact(database: IDBDatabase, mode: IDBTransactionMode) {
  const transaction = database.transaction(['place', 'log', 'edits'], mode);
  const store = (name: string) => transaction.objectStore(name);
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
  // Who waits for a request first may never come to wait for this.
  done.catch(() => {});
  return { place: store('place'), log: store('log'), edits: store('edits'), done };
}

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Tells other tabs that this client lives. */
interface Lock {
  /** The other clients that live. */
  others(): Promise<ReadonlySet<string>>;
  release(): void;
}

/** Undefined where there are no locks: then every tab takes all edits for its own, and some are sent twice. */
async function claim(prefix: string, client: string): Promise<Lock | undefined> {
  const { locks } = globalThis.navigator as Partial<Navigator>;
  if (!locks) return undefined;
  try {
    const release = await new Promise<() => void>((resolve, reject) => {
      const held = () => new Promise<void>((end) => resolve(end));
      locks.request(prefix + client, held).catch(reject);
    });
    const others = async () => {
      const names = (await locks.query()).held?.map(({ name = '' }) => name) ?? [];
      const clients = names.flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []));
      return new Set(clients.filter((one) => one !== client));
    };
    return { others, release };
  } catch {
    // Some pages may not use them, although they are there.
    return undefined;
  }
}
