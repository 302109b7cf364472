/**
 * What the harness does inside a node's process: it watches how late the event loop is, and plants bugs that the
 * checker must find. The node's fixture calls it; the server knows nothing of it.
 */
import { readFileSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
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

/** For how long the main thread has waited for a processor, in ms, where the system says so: Linux does. */
function waitedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** How late the event loop is for reasons of its own: what it waited for a processor isn't counted. */
export class Loop {
  readonly #late = createHistogram();
  #busyMs = 0;

  constructor() {
    let last = performance.now();
    let waited = waitedMs();
    let spent = process.cpuUsage();
    const look = (): void => {
      const [now, waits] = [performance.now(), waitedMs()];
      const lateMs = Math.max(0, now - last - lookMs - (waits - waited));
      this.#late.record(Math.ceil(lateMs) + 1);
      const { user, system } = process.cpuUsage(spent);
      this.#busyMs = Math.max(this.#busyMs, Math.min(lateMs, (user + system) / 1000));
      last = now;
      waited = waits;
      spent = process.cpuUsage();
    };
    setInterval(look, lookMs).unref();
  }

  get told(): { readonly p999Ms: number; readonly maxMs: number; readonly busyMs: number } {
    return { p999Ms: this.#late.percentile(99.9), maxMs: this.#late.max, busyMs: this.#busyMs };
  }
}

/** Does nothing else for so many ms of a processor, however long it has to wait for one. */
export function standStill(ms: number): void {
  const since = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(since);
    if (user + system >= ms * 1000) return;
  }
}

const everything: Identity = { user: null, capabilities: { '*': ['*'] } };

/** Who comes with a token is whom it names; anybody else is nobody in particular, and may do everything. */
export function doorman(plan: NodePlan) {
  const verify = jwt({ keys: [{ alg: 'HS256', secret: plan.secret }], issuer: null, audience: null });
  return async ({ token }: { readonly token: string | null }): Promise<Identity> => {
    if (token === null || has(plan, 'believe-tokens')) return everything;
    const identity = await verify({ token });
    return has(plan, 'brief-rights') ? { ...identity, expiresAt: Date.now() + 60_000 } : identity;
  };
}

/** The machine's clock; one whose short waits take four times as long, as a bug. */
export function clockOf(plan: NodePlan): Clock {
  if (!has(plan, 'late-beats')) return systemClock;
  const timer = (ms: number, run: () => void) => systemClock.timer(ms > 100 && ms < 1000 ? ms * 4 : ms, run);
  return { ...systemClock, timer };
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
