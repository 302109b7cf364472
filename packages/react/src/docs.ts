/**
 * The door for applications with documents: all hooks of `@syncline/react`, and `useDoc`. It is imported as `@syncline/react/doc`, and
 * its provider takes a client of `@syncline/client/doc`.
 */
import type { DocChannel, DocClient, DocOptions, DocSync } from '@syncline/client/doc';
import type { Contract, DocDefinition } from '@syncline/protocol';
import type { NameOf } from '@syncline/protocol/wire';
import { useMemo } from 'react';
import { always, useClient, useStore } from './context.ts';
import { hooks } from './hooks.ts';
import type { Hooks, Provider } from './types.ts';

/** A document, shown. Each is another one when another document takes its place, so give them to bindings as effects' dependencies. */
export interface ShownDoc {
  readonly doc: DocChannel['doc'];
  /** Cursors, names and the like. It is part of what the document's channel has for presence only where it is asked for. */
  readonly awareness: DocChannel['awareness'];
  readonly sync: DocSync;
}

/** All hooks, and those for documents. */
export interface DocHooks<C extends Contract = Contract>
  extends Omit<Hooks<C>, 'SynclineProvider' | 'useClient'> {
  /** Gives all components inside of it their client. Closing the client is up to who made it. */
  readonly SynclineProvider: Provider<DocClient<C>>;
  /** The client of the nearest provider. @throws Error outside of any provider; so do all others */
  useClient(): DocClient<C>;
  /**
   * The document of that name, followed while the component is mounted. The component renders when another document takes
   * its place and when `sync` changes, not at each edit: those are for bindings. `persist` and `doc` are
   * the same at each call, so a document or a storage of one's own is made outside of the component.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one or, where the client has the contract, isn't in it; `bad_option`
   * @example
   * const { doc, awareness, sync } = useDoc('board/7', { persist: 'indexeddb' })
   */
  useDoc<const N extends string>(name: NameOf<C, N, DocDefinition>, options?: DocOptions): ShownDoc;
}

const loading = always<DocSync>({ state: 'loading', unsaved: 0 });

function useDoc(name: string, options?: DocOptions): ShownDoc {
  const client = useClient<DocClient>();
  if (!client.doc) {
    throw new Error('This client has no documents. Make it with createClient of @syncline/client/doc.');
  }
  const channel = client.doc(name, options);
  const doc = useStore(channel.current);
  const sync = useStore(channel.sync, loading);
  return useMemo(() => {
    const awareness = { get: () => channel.awareness, enumerable: true };
    return Object.defineProperty({ doc, sync }, 'awareness', awareness) as ShownDoc;
  }, [channel, doc, sync]);
}

const docHooks = { ...hooks, useDoc };

/**
 * The hooks, typed by a contract, for clients with documents; otherwise as `createHooks` of `@syncline/react`.
 *
 * @example
 * export const { SynclineProvider, useDoc, usePresence } = createHooks<typeof channels>()
 */
export function createHooks<C extends Contract = Contract>(): DocHooks<C> {
  return docHooks as DocHooks<C>;
}

export type * from './index.ts';
