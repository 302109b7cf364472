/**
 * What a scenario is: a setting, and what is done to it. The table of them is scenarios.ts; whoever writes one needs this file and the
 * rig.
 */
import type { Rig } from './rig.ts';
import type { Row, Setting } from './setting.ts';

/** A scenario that is built. */
export interface Scenario extends Setting {
  /** Does the harm. Clients publish from before it until after it; what it leaves broken is healed for it. */
  run(rig: Rig, seconds: number): Promise<void>;
}

/** A scenario of the catalogue that isn't built, and why. */
export interface Missing extends Row {
  readonly missing: string;
}
