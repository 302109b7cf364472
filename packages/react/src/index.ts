/**
 * What applications import: `createHooks`, and the types of what it gives. Every public name is listed here by hand; who has
 * documents imports docs.ts instead.
 */
import type { Contract } from '@syncline/protocol';
import { hooks } from './hooks.ts';
import type { Hooks } from './types.ts';

/**
 * The hooks, typed by a contract. They are the same functions each time, so this may be called anywhere, as often as is handy.
 *
 * @example
 * export const { SynclineProvider, useTimeline, usePresence } = createHooks<typeof channels>()
 */
export function createHooks<C extends Contract = Contract>(): Hooks<C> {
  // The contract is the types' word for what the channels carry.
  return hooks as Hooks<C>;
}

export type {
  Hooks,
  Provider,
  ShownEntries,
  ShownSignals,
  ShownTimeline,
  TimelineOptions,
} from './types.ts';
