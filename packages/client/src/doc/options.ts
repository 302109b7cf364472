/**
 * What may be said of a document by who asks for it: checked before anything is made of it, so that what can't be leaves nothing
 * behind, and held against what was said the first time. A client with documents asks; it must not know what becomes of either.
 */
import * as Y from 'yjs';
import { badOption } from '../faults.ts';
import type { DocStorage } from './storage.ts';
import type { DocOptions } from './types.ts';

const expected = {
  doc: '`doc` to be a Doc of the same copy of yjs as this client has (see `npm ls yjs`)',
  persist: '`persist` to be "indexeddb" or a storage such as indexedDb(user)',
};

/**
 * Whoever says nothing takes the document as it is.
 *
 * @param first what was said when it was first asked for
 * @throws SyncError `bad_option` for what no document can be made with, and for another one or another place to keep it than the
 * first time: they would be passed over in silence
 */
export function checkOptions(options: DocOptions, first: DocOptions = options): void {
  for (const name of Object.keys(options) as (keyof DocOptions)[]) {
    const value = options[name];
    if (!(name in expected)) throw badOption('`doc` or `persist`', `\`${name}\``);
    if (value === undefined) continue;
    const fits =
      name === 'doc' ? value instanceof Y.Doc : value === 'indexeddb' || !!(value as DocStorage | null)?.open;
    if (!fits) throw badOption(expected[name], value);
    if (value !== first[name]) throw badOption(`the same \`${name}\` each time`, 'another');
  }
}
