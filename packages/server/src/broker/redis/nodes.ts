/**
 * What the nodes on one Redis know of each other: each gives a sign of life by one script every 3 s, which tells it who was found gone
 * since, all by the time of Redis; and they tell each other texts by pub/sub. The broker makes one. It must not know what a text
 * says, nor what hangs on a node.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Clock, systemClock } from '@syncline/protocol/wire';
import type { Nodes } from '../broker.ts';
import { closedError } from '../listeners.ts';
import { Topics } from '../topics.ts';
import type { Link } from './link.ts';
import { loadScript } from './scripts.ts';

export interface NodesOptions {
  /** What all keys and topics begin with. */
  readonly prefix: string;
  readonly clock?: Clock;
  /** What must be so before it registers. Default: that the link is ready. */
  readonly after?: Promise<void>;
  /** How often a sign of life is given. Default 3000 ms. */
  readonly beatMs?: number;
  /** How long a node may give none. Default 9000 ms. */
  readonly goneMs?: number;
}

/** Nodes over Redis. `ready` resolves when this one is registered. */
export interface RedisNodes extends Nodes {
  readonly ready: Promise<void>;
  /** Gives no sign of life any more: the others find this node gone when its last one is old. */
  close(): void;
}

const beat = loadScript('beat');
const askGone = loadScript('gone');
/** For how long it is remembered who was found gone: a node that was cut off for longer looks through everything. */
const keptMs = 3_600_000;
/** A sign of life that failed is given again after this part of the time between two. */
const againShare = 1 / 3;
/** Within so many times as long somebody gives one, unless Redis couldn't be reached by anybody. */
const restShare = 1.5;
const idShape = /^[\w-]{1,64}$/;
/** Characters of what is told; longer texts are nobody's of ours. */
const textCharsMax = 1_048_576;
/** Names that are asked about at once. */
const askedMax = 1000;

/** What nodes on this link know of each other. @example const nodes = redisNodes(link, { prefix: 'syncline' }); await nodes.ready */
export function redisNodes(link: Link, options: NodesOptions): RedisNodes {
  return new LinkedNodes(link, options);
}

class LinkedNodes implements RedisNodes {
  readonly id: string;
  readonly ready: Promise<void>;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #beatMs: number;
  readonly #goneMs: number;
  readonly #restMs: number;
  readonly #heard = new Topics();
  readonly #onGone = new Topics();
  /** What ends the subscription to each topic that is heard. */
  readonly #subscribed = new Map<string, () => void>();
  /** When each was found gone, of those of whom it was told lately. */
  readonly #told = new Map<string, number>();
  /** The time of the last sign of life; 0 before the first. */
  #since = 0;
  #cancel: Cancel = () => {};
  #closed = false;

  constructor(link: Link, options: NodesOptions) {
    const { prefix, clock = systemClock, after = link.ready, beatMs = 3000, goneMs = 9000 } = options;
    this.#link = link;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#beatMs = beatMs;
    this.#goneMs = goneMs;
    this.#restMs = Math.ceil(beatMs * restShare);
    this.id = Buffer.from(clock.randomBytes(12)).toString('base64url');
    this.ready = after.then(() => this.#register());
    // Whoever asks for it hears of it.
    this.ready.catch(() => {});
  }

  tell(topic: string, text: string): void {
    if (!this.#closed) this.#link.publish(this.#topic(topic), `${this.id} ${text}`);
  }

  hear(topic: string, onText: (text: string) => void): () => void {
    const leave = this.#heard.add(topic, onText);
    if (!this.#subscribed.has(topic)) {
      const { standing, stop } = this.#link.hear(this.#topic(topic), (message) =>
        this.#hears(topic, message),
      );
      this.#subscribed.set(topic, stop);
      // It stands as soon as it can, for as long as it is wanted; only a link that was closed has none.
      standing.catch(() => {});
    }
    return () => {
      if (!leave()) return;
      this.#subscribed.get(topic)?.();
      this.#subscribed.delete(topic);
    };
  }

  async gone(ids: readonly string[]): Promise<readonly string[]> {
    if (this.#closed) throw closedError();
    const [alive = ''] = this.#keys();
    const gone = new Set<string>();
    for (let i = 0; i < ids.length; i += askedMax) {
      const some = ids.slice(i, i + askedMax);
      const args = [...[this.#goneMs, this.#restMs].map(String), ...some];
      const reply = await this.#link.run(askGone, alive, [alive], args);
      if (!Array.isArray(reply))
        throw new SyncError('unavailable', 'Redis knows no nodes yet: what it knew was lost.');
      for (const id of reply) gone.add(String(id));
    }
    return ids.filter((id) => gone.has(id));
  }

  onGone(onGone: (id: string) => void): () => void {
    const leave = this.#onGone.add('', onGone);
    return () => void leave();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#heard.clear();
    this.#onGone.clear();
    for (const stop of this.#subscribed.values()) stop();
    this.#subscribed.clear();
  }

  /** Gives the first sign of life, however often that takes, and then goes on by itself. */
  async #register(): Promise<void> {
    while (!(await this.#beat())) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.timer(this.#beatMs * againShare, resolve);
        this.#cancel = () => {
          cancel();
          resolve();
        };
      });
      if (this.#closed) throw closedError();
    }
    this.#later(this.#beatMs);
  }

  #later(ms: number): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.timer(ms, () => {
      // Until the answer is there nothing else is asked, so that no two signs of life overtake each other.
      void this.#beat().then((given) => this.#later(given ? this.#beatMs : this.#beatMs * againShare));
    });
  }

  /** One sign of life; false when it couldn't be given. */
  async #beat(): Promise<boolean> {
    const keys = this.#keys();
    const args = [this.id, ...[this.#goneMs, this.#restMs, this.#since, keptMs].map(String)];
    try {
      this.#learn(await this.#link.run(beat, keys[0], keys, args));
      return true;
    } catch {
      return false;
    }
  }

  /** Tells what a sign of life was answered with. @throws Error for what is no such answer */
  #learn(reply: unknown): void {
    const [time, wasGone, ...pairs]: unknown[] = Array.isArray(reply) ? reply : [];
    const now = Number(String(time));
    if (!(now > 0)) throw new Error('Redis answered a sign of life with something else.');
    if (this.#closed) return;
    for (const [id, at] of this.#told) if (at < this.#since) this.#told.delete(id);
    this.#since = now;
    if (wasGone === 1) this.#onGone.tell('', this.id);
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const [id, at] = [String(pairs[i]), Number(String(pairs[i + 1]))];
      if (!idShape.test(id) || !(at > 0) || this.#told.get(id) === at) continue;
      this.#told.set(id, at);
      this.#onGone.tell('', id);
    }
  }

  #hears(topic: string, message: Buffer): void {
    if (message.length > textCharsMax) return;
    const text = message.toString('utf8');
    const end = text.indexOf(' ');
    const from = text.slice(0, end);
    if (end > 0 && idShape.test(from) && from !== this.id) this.#heard.tell(topic, text.slice(end + 1));
  }

  /** No channel has such a name, so no log has such keys. Both lie in one slot of a Cluster. */
  #keys(): readonly [alive: string, gone: string] {
    return [`${this.#prefix}:{?nodes}:alive`, `${this.#prefix}:{?nodes}:gone`];
  }

  #topic(topic: string): string {
    return `${this.#prefix}:t:{${topic}}`;
  }
}
