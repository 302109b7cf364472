/**
 * What the harness does inside a node's process: it watches how late the event loop is, moves the wall clock, and plants bugs that the
 * checker must find. The node's fixture calls it; the server knows nothing of it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import type { Identity } from '@syncline/server';
import { type Broker, jwt } from '@syncline/server';
import type { NodePlan, NodePlant } from './node.ts';

/** Plants that are at work at once under the name `careless`: each breaks an invariant of its own. */
const careless: readonly NodePlant[] = [
  'believe-tokens',
  'lose-edits',
  'say-payloads',
  'miscount',
  'late-beats',
  'stand-still',
];

/** Whether that bug is planted here. */
export function has({ plant }: Pick<NodePlan, 'plant'>, bug: NodePlant): boolean {
  return plant === bug || (plant === 'careless' && careless.includes(bug));
}

/** How often the loop is looked at to tell work from want of a processor. */
const lookMs = 20;

/** How late the event loop is, and how much of that it was busy. */
export class Loop {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  #busyMs = 0;

  constructor() {
    this.#delay.enable();
    let last = performance.now();
    let spent = process.cpuUsage();
    const look = (): void => {
      const now = performance.now();
      const { user, system } = process.cpuUsage(spent);
      const lateMs = now - last - lookMs;
      this.#busyMs = Math.max(this.#busyMs, Math.min(lateMs, (user + system) / 1000));
      last = now;
      spent = process.cpuUsage();
    };
    setInterval(look, lookMs).unref();
  }

  get told(): { readonly p999Ms: number; readonly maxMs: number; readonly busyMs: number } {
    const { max } = this.#delay;
    return { p999Ms: this.#delay.percentile(99.9) / 1e6, maxMs: max / 1e6, busyMs: this.#busyMs };
  }
}

const RealDate = Date;
let aheadMs = 0;

/** The process' wall clock, so far ahead of the machine's. */
class MovedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    super(...((args.length > 0 ? args : [MovedDate.now()]) as [number]));
  }

  static override now(): number {
    return RealDate.now() + aheadMs;
  }
}

/** Moves the wall clock of this process; timers go on, as they do when an operator sets the time. */
export function moveClock(ms: number): void {
  aheadMs = ms;
  globalThis.Date = MovedDate as DateConstructor;
}

const everything: Identity = { user: null, capabilities: { '*': ['*'] } };

/** Who comes with a token is whom it names; anybody else is nobody in particular, and may do everything. */
export function doorman(plan: NodePlan) {
  const verify = jwt({ keys: [{ alg: 'HS256', secret: plan.secret }], issuer: null, audience: null });
  return async (credentials: { readonly token: string | null }): Promise<Identity> =>
    credentials.token === null || has(plan, 'believe-tokens') ? everything : await verify(credentials);
}

/** The machine's clock; that of a bug, for some. */
export function clockOf(plan: NodePlan): Clock {
  if (has(plan, 'late-beats'))
    return {
      ...systemClock,
      timer: (ms, run) => systemClock.timer(ms > 100 && ms < 1000 ? ms * 4 : ms, run),
    };
  return has(plan, 'wall-timers') ? { ...systemClock, timer: wallTimer } : systemClock;
}

/** A timer that goes by the wall clock. */
function wallTimer(ms: number, run: () => void): () => void {
  const due = Date.now() + ms;
  const timer = setInterval(() => {
    if (Date.now() < due) return;
    clearInterval(timer);
    run();
  }, 20);
  return () => clearInterval(timer);
}

/** The same broker with a bug. */
export function bugged(broker: Broker, plan: NodePlan): Broker {
  if (plan.plant === null) return broker;
  let edits = 0;
  return new Proxy(broker, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'append') return value.bind(target);
      return (channel: string, append: Parameters<Broker['append']>[1]) => {
        if (has(plan, 'say-payloads')) process.stderr.write(`log ${String(append.data).slice(0, 200)}\n`);
        if (has(plan, 'forget-producer')) return target.append(channel, { ...append, producer: undefined });
        // What is stored of one edit in ten is that nothing was edited.
        const lost = has(plan, 'lose-edits') && channel.startsWith('pad/') && ++edits % 10 === 0;
        return target.append(channel, lost ? { ...append, data: Buffer.from([1, 0, 0]) } : append);
      };
    },
  });
}
