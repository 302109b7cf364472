/**
 * The door for applications with documents: all that `@syncline/client` gives, and `client.doc`. It is imported as
 * `@syncline/client/doc`, and needs yjs and y-protocols beside it; nobody else loads what documents are made of.
 */
import type { Contract } from '@syncline/protocol';
import { systemClock } from '@syncline/protocol/wire';
import type { ClientOptions } from './client.ts';
import { createDocClient, type DocClient } from './doc/kinds.ts';
import { pageLeave } from './lease.ts';
import { pageLifecycle } from './lifecycle.ts';
import { websocket } from './transports/websocket.ts';

/**
 * A client of one server, with documents; otherwise as `createClient` of `@syncline/client`.
 *
 * @throws SyncError `bad_option`
 */
export function createClient<const C extends Contract = Contract>(
  options: ClientOptions<C> = {},
): DocClient<C> {
  const page = { clock: systemClock, transport: websocket, lifecycle: pageLifecycle, onLeave: pageLeave };
  return createDocClient(page, options);
}

export { indexedDb } from './doc/indexeddb.ts';
export type { DocClient } from './doc/kinds.ts';
export type {
  DocStorage,
  KeptChange,
  KeptContent,
  KeptDoc,
  KeptEdit,
  KeptLog,
  KeptPlace,
} from './doc/storage.ts';
export type { DocChannel, DocOptions, DocReplaced, DocSync } from './doc/types.ts';
export * from './index.ts';
