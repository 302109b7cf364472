/**
 * A client with documents: how they are made beside the other kinds, what frames that takes, and its type. The entry point with
 * documents and the one for tests make theirs with it.
 */
import type { Contract, DocDefinition } from '@syncline/protocol';
import type { NameOf, PresenceOf, SignalOf } from '@syncline/protocol/wire';
import {
  type Client,
  type ClientOptions,
  createClientWith,
  type Maker,
  type Surroundings,
} from '../client.ts';
import { type WithPresence, withCompany } from '../company.ts';
import { Document } from '../doc.ts';
import { kinds } from '../kinds.ts';
import { language as texts } from '../language.ts';
import type { Language } from '../requests.ts';
import type { Terms } from '../values.ts';
import { bytes } from './binary.ts';
import { checkOptions } from './options.ts';
import type { DocChannel, DocOptions } from './types.ts';

/** A client of one server, with documents. */
export interface DocClient<C extends Contract = Contract> extends Client<C> {
  /**
   * The document of that name; the same channel each time. What is said of it the first time counts: afterwards leave `doc` and
   * `persist` out, or give the same ones.
   *
   * @throws SyncError `unknown_channel` for a name that can't be one, was asked for as another kind before or, with `channels` given,
   * isn't in the contract; `bad_option`, also for others than the first time
   * @example
   * const board = client.doc('board/7', { persist: 'indexeddb' })
   * const close = board.open()
   * board.doc.getMap('shapes').set('a', { x: 1, y: 2 })
   */
  doc<const N extends string>(
    name: NameOf<C, N, DocDefinition>,
    options?: DocOptions,
  ): DocChannel & WithPresence<PresenceOf<C, N>, SignalOf<C, N>>;
}

const language: Language = { ...texts, bytes };

const docKinds = {
  ...kinds,
  doc: (core, name, terms, options?: DocOptions) => {
    // No value of the contract's stands behind a document's name.
    const document = new Document(core, name, options);
    return withCompany(document, Number.MAX_SAFE_INTEGER, terms as Terms<never>);
  },
} as const satisfies Record<string, Maker>;

/** A client with channels of all kinds, in surroundings of one's own. @throws SyncError `bad_option` */
export function createDocClient<const C extends Contract = Contract>(
  surroundings: Surroundings,
  options?: ClientOptions<C>,
): DocClient<C> {
  const client = createClientWith({ language, ...surroundings }, docKinds, options) as DocClient<C>;
  const make = client.doc as (name: string, options: DocOptions) => DocChannel;
  const firsts = new Map<string, DocOptions>();
  const doc = (name: string, given: DocOptions = {}) => {
    checkOptions(given, firsts.get(name));
    const channel = make(name, given);
    if (!firsts.has(name)) firsts.set(name, given);
    return channel;
  };
  return { ...client, doc: doc as DocClient<C>['doc'] };
}
