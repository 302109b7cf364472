/**
 * A broker whose appends somebody hears of: what this node stored, once each, after it was stored. The server puts one before its broker
 * where webhooks want to know; to everyone else it is the broker itself. It holds nobody up, and knows no kind.
 */
import { SyncError } from '@syncline/protocol';
import type { Append, Appended, Broker } from './broker.ts';

export interface Watching {
  /** Whether anybody wants to hear of this log. */
  wants(channel: string): boolean;
  /** An entry was stored. It must not throw. */
  appended(channel: string, append: Append, appended: Appended): void;
}

/** Appends whose outcome nobody knows that are remembered, in case they are repeated here. */
const unsureMax = 10_000;

/**
 * The broker, watched. A retry of what this node was never answered is told when it turns out to be stored; one that another node
 * began isn't told here.
 */
export function watched(broker: Broker, watching: Watching): Broker {
  const unsure = new Set<string>();
  const tell = (channel: string, append: Append, appended: Appended): void => {
    const known = append.producer !== undefined && unsure.delete(nameOf(channel, append));
    if (!appended.duplicate || known) watching.appended(channel, append, appended);
  };
  const doubt = (channel: string, append: Append, thrown: unknown): void => {
    // All else is a refusal: nothing was stored.
    const unknown = !(thrown instanceof SyncError) || thrown.code === 'unavailable';
    if (!append.producer || !unknown) return;
    unsure.add(nameOf(channel, append));
    const [first] = unsure;
    if (first !== undefined && unsure.size > unsureMax) unsure.delete(first);
  };
  const append = async (channel: string, what: Append): Promise<Appended> => {
    if (!watching.wants(channel)) return await broker.append(channel, what);
    try {
      const appended = await broker.append(channel, what);
      tell(channel, what, appended);
      return appended;
    } catch (thrown) {
      doubt(channel, what, thrown);
      throw thrown;
    }
  };
  const now = broker.appendNow?.bind(broker);
  const appendNow = (channel: string, what: Append): Appended => {
    if (!now) throw new TypeError('This broker has no answer at once.');
    const appended = now(channel, what);
    if (watching.wants(channel)) tell(channel, what, appended);
    return appended;
  };
  const own = new Map<PropertyKey, unknown>([
    ['append', append],
    ...(now ? [['appendNow', appendNow] as const] : []),
  ]);
  return new Proxy(broker, {
    get: (target, name) => {
      const mine = own.get(name);
      if (mine) return mine;
      // What a broker keeps to itself it finds only by its own name.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function nameOf(channel: string, { producer }: Append): string {
  return JSON.stringify([channel, producer?.id, producer?.sequence]);
}
