/**
 * Several nodes on one broker in one process: what they know of each other, kept in memory, and ways to freeze one or to let it
 * die. Tests with several servers give each a broker made here; it does what a shared broker's nodes do, by the test's clock.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Clock, systemClock } from '@syncline/protocol/wire';
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

/** Nodes that know of each other. @example const nodes = memoryNodes({ clock }); const ada = nodes.join() */
export function memoryNodes(options: MemoryNodesOptions = {}): MemoryNodes {
  const { clock = systemClock, beatMs = 3000, goneMs = 9000 } = options;
  const all = new Map<string, One>();
  return {
    join: () => {
      const one = new One(all, clock, beatMs, goneMs);
      all.set(one.id, one);
      return one;
    },
  };
}

class One implements MemoryNode {
  readonly id: string;
  frozen = false;
  onThaw = (): void => {};
  readonly #all: ReadonlyMap<string, One>;
  readonly #clock: Clock;
  readonly #goneMs: number;
  readonly #heard = new Topics();
  readonly #gone = new Topics();
  /** When it last gave a sign of life; undefined: it was found gone. */
  #seenAt: number | undefined;
  #cancel: Cancel = () => {};

  constructor(all: ReadonlyMap<string, One>, clock: Clock, beatMs: number, goneMs: number) {
    this.id = Buffer.from(clock.randomBytes(12)).toString('base64url');
    this.#all = all;
    this.#clock = clock;
    this.#goneMs = goneMs;
    this.#seenAt = clock.now();
    const later = (): void => {
      this.#cancel = clock.timer(beatMs, () => {
        this.#beat();
        later();
      });
    };
    later();
  }

  tell(topic: string, text: string): void {
    if (this.frozen) return;
    for (const other of this.#all.values())
      if (other !== this && !other.frozen) this.#clock.endOfTurn(() => other.#heard.tell(topic, text));
  }

  hear(topic: string, onText: (text: string) => void): () => void {
    const stop = this.#heard.add(topic, onText);
    return () => void stop();
  }

  async gone(ids: readonly string[]): Promise<readonly string[]> {
    if (this.frozen) throw new SyncError('unavailable');
    return ids.filter((id) => {
      const other = this.#all.get(id);
      return !other || other.#isGone;
    });
  }

  onGone(onGone: (id: string) => void): () => void {
    const stop = this.#gone.add('', onGone);
    return () => void stop();
  }

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
    this.onThaw();
    this.#beat();
  }

  close(): void {
    this.frozen = true;
    this.#cancel();
  }

  get #isGone(): boolean {
    return this.#seenAt === undefined || this.#clock.now() - this.#seenAt > this.#goneMs;
  }

  #beat(): void {
    if (this.frozen) return;
    const wasGone = this.#isGone;
    this.#seenAt = this.#clock.now();
    if (wasGone) this.#gone.tell('', this.id);
    for (const other of this.#all.values()) {
      if (other.#seenAt === undefined || !other.#isGone) continue;
      other.#seenAt = undefined;
      for (const survivor of this.#all.values())
        if (!survivor.frozen && survivor.#seenAt !== undefined) survivor.#gone.tell('', other.id);
    }
  }
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
export function testHealth(
  clock: Clock = systemClock,
): Health & { break(what?: string): void; mend(): void } {
  const listeners = new Set<() => void>();
  let brokenSince: number | null = null;
  let what = '';
  const set = (since: number | null, why: string): void => {
    brokenSince = since;
    what = why;
    for (const listener of listeners) listener();
  };
  return {
    get brokenSince() {
      return brokenSince;
    },
    get what() {
      return what;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    break: (why = 'It is broken on purpose.') => set(brokenSince ?? clock.now(), why),
    mend: () => set(null, ''),
  };
}
