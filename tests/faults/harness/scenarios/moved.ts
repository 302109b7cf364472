/**
 * Whether clients had to dial anew, where a scenario says that nobody has to. The proxies on their ways have counted; nothing is asked
 * of clients.
 */
import type { Rig } from '../rig.ts';

/** How often clients have dialled so far. @example const dialled = moved(rig); …; dialled.none('a stall') */
export function moved(rig: Rig) {
  const count = () => [...rig.doors.values()].reduce((sum, { links }) => sum + links.length, 0);
  const before = count();
  return {
    /** @throws Error when somebody dialled since */
    none: (what: string): void => {
      const more = count() - before;
      if (more > 0) throw new Error(`Clients dialled ${more} times anew, for ${what}.`);
    },
  };
}
