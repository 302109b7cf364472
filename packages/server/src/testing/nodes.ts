/**
 * Several nodes on one broker in one process: what they know of each other, kept in memory, and ways to freeze one or to let it
 * die. Tests with several servers give each a broker made here; it does what a shared broker's nodes do, by the test's clock.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, systemClock } from '@syncline/protocol/wire';
import type { Announcement, Broker, Health, Nodes, Range } from '../broker/broker.ts';
import { Topics } from '../broker/topics.ts';

/** One node, and what can happen to it. */
export interface MemoryNode extends Nodes {
  readonly frozen: boolean;
  /** What is called when it goes on. */
  onThaw: () => void;
  /** It gives no sign of life, hears nothing and is told nothing, and what it asks fails: it is frozen, or cut off. */
  freeze(): void;
  /** It goes on, and learns what became of it. */
  thaw(): void;
  /** It gives no sign of life any more, for good. */
  close(): void;
}

export interface MemoryNodes {
  /** One more node. */
  join(): MemoryNode;
}

interface MemoryNodesOptions {
  readonly clock?: Clock;
  readonly beatMs?: number;
  readonly goneMs?: number;
}

interface Registered {
  readonly node: MemoryNode;
  /** When it last gave a sign of life; undefined: it was found gone. */
  seenAt: number | undefined;
  frozen: boolean;
  readonly heard: Topics;
  readonly gone: Topics;
}

/** Nodes that know of each other. @example const nodes = memoryNodes({ clock }); const ada = nodes.join() */
export function memoryNodes(options: MemoryNodesOptions = {}): MemoryNodes {
  const { clock = systemClock, beatMs = 3000, goneMs = 9000 } = options;
  const all = new Map<string, Registered>();
  const isGone = ({ seenAt }: Registered) => seenAt === undefined || clock.now() - seenAt > goneMs;

  const beat = (own: Registered): void => {
    if (own.frozen) return;
    const { id } = own.node;
    const wasGone = isGone(own);
    own.seenAt = clock.now();
    if (wasGone) own.gone.tell('', id);
    for (const [other, registered] of all) {
      if (registered.seenAt === undefined || !isGone(registered)) continue;
      registered.seenAt = undefined;
      for (const { frozen, gone, seenAt } of all.values())
        if (!frozen && seenAt !== undefined) gone.tell('', other);
    }
  };

  const join = (): MemoryNode => {
    const id = Buffer.from(clock.randomBytes(12)).toString('base64url');
    let cancel = (): void => {};
    const later = (): void => {
      cancel = clock.timer(beatMs, () => {
        beat(own);
        later();
      });
    };
    const node: MemoryNode = {
      id,
      tell: (topic, text) => {
        if (own.frozen) return;
        for (const other of all.values())
          if (other !== own && !other.frozen) clock.endOfTurn(() => other.heard.tell(topic, text));
      },
      hear: (topic, onText) => {
        const stop = own.heard.add(topic, onText);
        return () => void stop();
      },
      gone: async (ids) => {
        if (own.frozen) throw new SyncError('unavailable');
        return ids.filter((one) => {
          const registered = all.get(one);
          return !registered || isGone(registered);
        });
      },
      onGone: (onGone) => {
        const stop = own.gone.add('', onGone);
        return () => void stop();
      },
      freeze: () => {
        own.frozen = true;
      },
      get frozen() {
        return own.frozen;
      },
      onThaw: () => {},
      thaw: () => {
        own.frozen = false;
        node.onThaw();
        beat(own);
      },
      close: () => {
        own.frozen = true;
        cancel();
      },
    };
    const own: Registered = {
      node,
      seenAt: clock.now(),
      frozen: false,
      heard: new Topics(),
      gone: new Topics(),
    };
    all.set(id, own);
    later();
    return node;
  };
  return { join };
}

/**
 * A broker as one node has it: the logs are those of all, `nodes` is its own. While the node is frozen nothing gets through; when it
 * goes on it is told where the logs end. Closing it closes the node, and no log.
 */
export function onNode(logs: Broker, node: MemoryNode, more: Partial<Broker> = {}): Broker {
  const listening = new Set<{ readonly channel: string; readonly onNews: (news: Announcement) => void }>();
  const through = <T>(call: () => Promise<T>): Promise<T> =>
    node.frozen ? Promise.reject(new SyncError('unavailable')) : call();
  node.onThaw = () => {
    for (const { channel, onNews } of listening)
      void logs.read(channel, nothing).then(({ epoch, top }) => onNews({ epoch, top, entries: [] }));
  };
  const shared: Broker = {
    append: (...given) => through(() => logs.append(...given)),
    read: (...given) => through(() => logs.read(...given)),
    compact: (...given) => through(() => logs.compact(...given)),
    listen: (channel, onNews) => {
      const listener = { channel, onNews };
      listening.add(listener);
      const stop = logs.listen(channel, (news) => node.frozen || onNews(news));
      return () => {
        listening.delete(listener);
        stop();
      };
    },
    close: async () => {},
  };
  return { ...shared, volatile: shared, nodes: node, close: async () => node.close(), ...more };
}

const nothing: Range = {
  direction: 'before',
  offset: Number.MAX_SAFE_INTEGER,
  entriesMax: 1,
  bytesMax: 1,
  keep: null,
};

/** The health of a broker that a test breaks and mends. */
export function testHealth(clock: Clock = systemClock): Health & { break(): void; mend(): void } {
  const listeners = new Set<() => void>();
  let brokenSince: number | null = null;
  const set = (since: number | null): void => {
    brokenSince = since;
    for (const listener of listeners) listener();
  };
  return {
    get brokenSince() {
      return brokenSince;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    break: () => set(clock.now()),
    mend: () => set(null),
  };
}
