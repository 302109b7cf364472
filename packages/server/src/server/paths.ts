/**
 * Which paths of an HTTP server are this server's, and what stands behind each. The front asks when it is made and when it is attached;
 * it knows options and the contract, no request.
 */
import { type Contract, SyncError } from '@syncline/protocol';
import type { Lookup } from '@syncline/protocol/wire';
import { reason } from '../observe.ts';
import { isPath } from '../options/fits.ts';
import { show } from '../options/show.ts';
import { checkOption } from '../options.ts';
import type { Paths } from '../transports/doors.ts';
import type { At, ServerOptions } from './front.ts';

/** What leads where. @throws SyncError `bad_option` */
export function pathsOf(
  options: Pick<ServerOptions<Contract>, 'path' | 'plain'>,
  at: At,
  find: Lookup,
): Paths {
  checkOption('path', at.path);
  checkOption('plain', at.plain);
  const native = at.path ?? options.path ?? '/sync';
  const plain = new Map(Object.entries(at.plain ?? options.plain ?? {}));
  for (const [path, channel] of plain) {
    if (!isPath(path))
      throw new SyncError(
        'bad_option',
        `Expected \`plain\` to give paths such as "/chat", got ${show(path)}.`,
      );
    const expected = `Expected \`plain\` to give ${path} a channel of the contract, got ${show(channel)}`;
    try {
      const { leased, carries } = find(channel);
      if (!leased && carries === 'json') continue;
      if (!leased) throw new SyncError('unsupported_data', 'it carries bytes, which plain clients can not.');
    } catch (thrown) {
      throw new SyncError('bad_option', `${expected}: ${reason(thrown)}`);
    }
    throw new SyncError('bad_option', `${expected}: nobody publishes there.`);
  }
  if (!plain.has(native)) return { native, plain };
  throw new SyncError(
    'bad_option',
    `Expected \`plain\` to leave ${native} to the SDK. Give one of the two another path.`,
  );
}
