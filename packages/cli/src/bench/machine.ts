/**
 * How busy the generator itself was: a generator that has no time left measures itself and not the server, and says so. It knows
 * nothing of connections.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Tally } from './tally.ts';

/** How often the event loop is looked at, in ms. */
const lookMs = 10;
/** Of the time that the event loop had, so much may be used up before times measured here are no good. */
export const busyMax = 0.8;
/** How late the loop may come for one look in a hundred, and how late a publish may be, in ms. */
const delayMsMax = 30;

/** What is said of the generator. */
export interface Machine {
  /** Share of the time that the event loop was busy, 0 to 1. */
  readonly busy: number;
  /** By how much the event loop came too late, for one look in a hundred, in ms. */
  readonly delayMs: number;
  /** By how much publishes were sent too late for the generator's own reasons, for one in a hundred, in ms. */
  readonly latenessMs: number;
  readonly saturated: boolean;
}

/** Watches this process from now on; what is returned says how it was. */
export function watchMachine({ lateness }: Pick<Tally, 'lateness'>): () => Machine {
  const delays = monitorEventLoopDelay({ resolution: lookMs });
  delays.enable();
  const before = performance.eventLoopUtilization();
  return () => {
    delays.disable();
    const busy = performance.eventLoopUtilization(before).utilization;
    const delayMs = Math.max(0, delays.percentile(99) / 1e6 - lookMs);
    const latenessMs = lateness.at(99) ?? 0;
    const saturated = busy > busyMax || delayMs > delayMsMax || latenessMs > delayMsMax;
    return { busy, delayMs, latenessMs, saturated };
  };
}
