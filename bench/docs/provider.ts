/**
 * How a document is opened by each of the SDKs that are compared, each as its documentation shows it, with one connection a
 * client. The crowd opens documents through it and knows nothing else of either.
 */
import { HocuspocusProvider } from '@hocuspocus/provider';
import { createClient } from '@syncline/client/doc';
import * as Y from 'yjs';

/** A document as one client has it. */
export interface Opened {
  readonly doc: Y.Doc;
  /** Resolves when all that the server has is here, and all that was edited here is there. */
  synced(): Promise<void>;
  close(): void;
}

/** Opens a document of that name over a connection of its own. */
export type Open = (port: number, name: string) => Opened;

function syncline(port: number, name: string): Opened {
  const client = createClient({ url: `ws://127.0.0.1:${port}/sync` });
  const channel = client.doc(`bench/${name}`);
  channel.open();
  return { doc: channel.doc, synced: () => channel.whenSynced(), close: () => client.close() };
}

function hocuspocus(port: number, name: string): Opened {
  const doc = new Y.Doc();
  const provider = new HocuspocusProvider({ url: `ws://127.0.0.1:${port}`, name, document: doc });
  const synced = (): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!provider.isSynced || provider.hasUnsyncedChanges) return;
        provider.off('synced', look);
        provider.off('unsyncedChanges', look);
        resolve();
      };
      provider.on('synced', look);
      provider.on('unsyncedChanges', look);
      look();
    });
  return { doc, synced, close: () => provider.destroy() };
}

export const opens: Readonly<Record<string, Open>> = { 'syncline-doc': syncline, hocuspocus };
