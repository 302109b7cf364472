/**
 * The wall clock of this process, to be set as an operator might: timers go on as they do. Nodes and the crowd call it when they are told
 * to; it knows nothing of what goes by it.
 */
const RealDate = Date;
let aheadMs = 0;

/** The machine's time, so far ahead. */
class MovedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    super(...((args.length > 0 ? args : [MovedDate.now()]) as [number]));
  }

  static override now(): number {
    return RealDate.now() + aheadMs;
  }
}

/** From now on it is so many ms ahead of the machine's. */
export function moveClock(ms: number): void {
  aheadMs = ms;
  globalThis.Date = MovedDate as DateConstructor;
}
