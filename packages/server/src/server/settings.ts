/**
 * What the options of a server come to, once they are checked: its numbers, its channels, and what it asks about people. The front asks
 * first of all; nothing is running then.
 */
import { type Contract, SyncError } from '@syncline/protocol';
import { type Lookup, lookup } from '@syncline/protocol/wire';
import { keyRing } from '../access/apikeys.ts';
import type { AccessSettings } from '../access.ts';
import { demandYjs } from '../fold/doc/yjs.ts';
import { show } from '../options/show.ts';
import { type Numbers, resolveNumbers } from '../options.ts';
import type { ServerOptions } from './front.ts';
import { pathsOf } from './paths.ts';

/** Size of one payload where there are documents. */
const pastedBytesMax = 1_048_576;

type Hooks = Pick<
  AccessSettings,
  'authenticate' | 'authorize' | 'beforePublish' | 'tokenParameter' | 'apiKeys'
>;

export interface Settings {
  readonly numbers: Numbers;
  readonly find: Lookup;
  /** Whether some channel carries bytes. */
  readonly takesBinary: boolean;
  readonly hooks: Hooks;
}

/** @throws SyncError `bad_option` */
export function settingsOf(options: ServerOptions<Contract>): Settings {
  demandContract(options);
  const find = lookup(options.channels);
  const definitions = Object.values(options.channels);
  const takesBinary = definitions.some(({ carries }) => carries === 'bytes');
  const numbers = resolveNumbers({ ...(takesBinary && room(options)), ...options });
  if (definitions.some(({ kind }) => kind === 'doc')) demandYjs();
  pathsOf(options, {}, find);
  return { numbers, find, takesBinary, hooks: hooksOf(options) };
}

/** What is asked about who is asking. @throws SyncError `bad_option` */
function hooksOf(options: ServerOptions<Contract>): Hooks {
  const { authenticate, authorize, beforePublish, tokenParameter, apiKeys } = options;
  return {
    authenticate: authenticate ?? null,
    apiKeys: keyRing(apiKeys, authenticate !== undefined),
    authorize: authorize ?? null,
    beforePublish: beforePublish ?? null,
    tokenParameter: tokenParameter ?? null,
  };
}

/** @throws SyncError `bad_option` */
function demandContract(options: Partial<ServerOptions<Contract>> | null | undefined): void {
  if (typeof options === 'object' && options !== null && options.channels !== undefined) return;
  throw new SyncError(
    'bad_option',
    `Expected \`channels\` to be a contract made by defineChannels(), got ${show(options?.channels)}.`,
  );
}

/** An edit of a document may hold all that somebody pasted: there is room for that, unless somebody says how much there is. */
function room({ payloadBytesMax, frameBytesMax }: Partial<Numbers>): Partial<Numbers> {
  if (payloadBytesMax !== undefined || frameBytesMax !== undefined) return {};
  return { payloadBytesMax: pastedBytesMax, frameBytesMax: pastedBytesMax + 1024 };
}
