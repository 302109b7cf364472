/**
 * Markers between fixes: they set out from where they are drawn, arrive at the fix and stay there, however fixes come. Time is a
 * number here.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Motion } from './motion.ts';

const spot = (x: number, heading = 0) => ({ x: x * 1e-6, y: 0, heading });

describe('a marker', () => {
  it('goes evenly from where it is drawn to the fix, and stays there when no other comes', () => {
    const motion = new Motion(spot(0));
    motion.heard(spot(1), 0, 1000);
    const [early, later, late] = [200, 400, 600].map((now) => motion.at(now).x);
    expect(Number(later) - Number(early)).toBeCloseTo(Number(late) - Number(later), 12);
    expect(motion.moves(1000)).toBe(true);
    for (const now of [1200, 5000, 3_600_000]) {
      expect(motion.moves(now)).toBe(false);
      expect(motion.at(now)).toEqual(spot(1));
    }
  });

  it('doesn’t jump when a fix comes early or late', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: -9, max: 9 }))),
        (fixes) => {
          const motion = new Motion(spot(0));
          let now = 0;
          let x = 0;
          for (const [wait, step] of fixes) {
            now += wait;
            x += step / 10;
            const before = motion.at(now).x;
            motion.heard(spot(x), now, 1000);
            expect(Math.abs(motion.at(now).x - before)).toBeLessThan(1e-12);
          }
          expect(motion.at(now + 2000)).toEqual(spot(x));
        },
      ),
    );
  });

  it('is never drawn beyond the fix', () => {
    const motion = new Motion(spot(0));
    motion.heard(spot(3), 0, 1000);
    for (let now = 0; now < 3000; now += 50) expect(motion.at(now).x).toBeLessThanOrEqual(spot(3).x);
  });

  it('turns the shorter way, and is done with it before it arrives', () => {
    const motion = new Motion(spot(0, 350));
    motion.heard(spot(1, 10), 0, 1000);
    expect(motion.at(230).heading).toBeCloseTo(360, 6);
    expect(motion.at(600).heading).toBeCloseTo(370, 6);
  });

  it('is put where it was nowhere near', () => {
    const motion = new Motion(spot(0));
    motion.heard(spot(5000), 0, 1000);
    expect(motion.moves(1)).toBe(false);
    expect(motion.at(1)).toEqual(spot(5000));
  });
});
