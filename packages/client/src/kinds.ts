/**
 * How channels of each kind are made where they have company: what the entry points with presence hand to the client. The entry
 * point for streams alone makes its own, so that nobody loads what they don't use.
 */
import type { Maker } from './client.ts';
import { withCompany } from './company.ts';
import { State } from './state.ts';
import { Stream } from './stream.ts';

export const kinds = {
  stream: (core, name, terms) => withCompany(new Stream(core, name, terms), 0, terms),
  // All that the log holds, since who comes next joins the subscription where it stands.
  state: (core, name, terms) => withCompany(new State(core, name, terms), Number.MAX_SAFE_INTEGER, terms),
} as const satisfies Record<string, Maker>;
