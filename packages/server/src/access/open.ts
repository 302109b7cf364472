/**
 * Access for whoever gets in, who may then do everything: the simulator's, and tests'. Servers make their own of their options.
 */
import type { Clock } from '@syncline/protocol/wire';
import { Access } from '../access.ts';
import { silentLogger } from '../observe.ts';

/** Access that asks nobody who they are. */
export function openAccess(clock: Clock): Access {
  return new Access({
    authenticate: null,
    authorize: null,
    beforePublish: null,
    tokenParameter: null,
    hookMs: 1000,
    clock,
    logger: silentLogger,
  });
}
