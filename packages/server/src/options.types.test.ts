/**
 * Held by the compiler alone: the reference page has a row for every option of `ServerOptions`, and for nothing else.
 * Add the row to options.ts when this file stops compiling.
 */
import type { Contract } from '@syncline/protocol';
import { serverOptions } from './options.ts';
import type { ServerOptions } from './server.ts';

type Option = keyof ServerOptions<Contract>;

serverOptions satisfies Record<Option, object>;
({}) as Record<Option, object> satisfies Record<keyof typeof serverOptions, object>;
