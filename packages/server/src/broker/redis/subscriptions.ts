/**
 * What a node hears of what is published: who listens to which topic, at which place it is heard, and whether the subscription
 * stands. Places ask for it whenever their connection is new. It must not know what messages say.
 */
import { closedError } from '../listeners.ts';
import type { Connection } from './connection.ts';
import { Refused } from './faults.ts';

/** A place, as far as hearing goes. */
export interface Hearing {
  resubscribe(why: Error): void;
}

/** What hears a topic. */
export interface Subscription {
  /** Resolves when the subscription stands, however long that takes; never, if it was stopped before. Rejects when all is closed. */
  readonly standing: Promise<void>;
  /** Hears it no more, whether it stands by now or not. */
  readonly stop: () => void;
}

interface Topic {
  readonly name: string;
  readonly listeners: Set<(message: Buffer) => void>;
  /** The connection on which it stands. */
  on: Connection | undefined;
  /** Whether it ever stood: if it stands again, something may have been missed in between. */
  stood: boolean;
  /** Who waits for it to stand. */
  waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
}

export interface SubscriptionsSetting {
  readonly sharded: boolean;
  readonly commandMs: number;
  /** Where a topic is heard; undefined while nobody knows. */
  placeOf(topic: string): Hearing | undefined;
  /** Called when a topic is not heard where it was thought to be; `moved` is called when more is known. */
  onAstray(): void;
}

/** Topics that are subscribed to with one command. In a Cluster each has a command of its own, since they share no slot. */
const commandTopicsMax = 500;
/** Topics that are subscribed to without waiting for an answer. */
const windowTopicsMax = 2000;

export class Subscriptions {
  readonly #setting: SubscriptionsSetting;
  readonly #topics = new Map<string, Topic>();
  readonly #connections = new Map<Hearing, Connection>();
  /** Those that are to be subscribed to at the end of this turn. */
  #joining: Topic[] = [];
  /** Those that are not heard where they were thought to be. */
  readonly #astray = new Set<Topic>();
  readonly #onAgain = new Set<() => void>();
  #closed = false;

  constructor(setting: SubscriptionsSetting) {
    this.#setting = setting;
  }

  /** Hears a topic. What is stopped before it stands leaves nothing behind: that may be long, and many may come and go. */
  hear(name: string, onMessage: (message: Buffer) => void): Subscription {
    if (this.#closed) return { standing: Promise.reject(closedError()), stop: () => {} };
    const topic: Topic = this.#topics.get(name) ?? {
      name,
      listeners: new Set(),
      on: undefined,
      stood: false,
      waiting: [],
    };
    this.#topics.set(name, topic);
    const listener = (message: Buffer): void => onMessage(message);
    topic.listeners.add(listener);
    const standing = topic.on?.open ? Promise.resolve() : this.#standing(topic);
    return { standing, stop: () => this.#leave(topic, listener) };
  }

  #standing(topic: Topic): Promise<void> {
    return new Promise((resolve, reject) => {
      topic.waiting.push({ resolve, reject });
      if (topic.waiting.length === 1) this.#join(topic);
    });
  }

  /** Told when messages may have been lost: after a subscription was made again. */
  onAgain(listener: () => void): () => void {
    const own = (): void => listener();
    this.#onAgain.add(own);
    return () => void this.#onAgain.delete(own);
  }

  /** Called by the place with a new connection. Resolves when all that is heard there stands. @throws Refused, Unanswered */
  async up(place: Hearing, connection: Connection): Promise<void> {
    const before = this.#connections.get(place);
    this.#connections.set(place, connection);
    const here = [...this.#topics.values()].filter((topic) => this.#setting.placeOf(topic.name) === place);
    // In a Cluster a place that is new may have taken over from another.
    const again = before !== undefined || here.some(({ stood }) => stood);
    await this.#stand(here, connection);
    if (again) this.#tellAgain();
  }

  /**
   * Called when it is known anew where topics are heard: in a Cluster, when its slots were looked up.
   *
   * @param all whether any may be heard elsewhere than it was; otherwise those that went astray
   */
  async moved(all: boolean): Promise<void> {
    const moved = [...(all ? this.#topics.values() : this.#astray)].filter(({ name, on }) => {
      const place = this.#setting.placeOf(name);
      const connection = place && this.#connections.get(place);
      return connection?.open && on !== connection;
    });
    if (moved.length === 0) return;
    for (const topic of moved) {
      topic.on = undefined;
      this.#astray.delete(topic);
    }
    await this.#subscribe(moved);
    this.#tellAgain();
  }

  /** A subscription that Redis ended by itself. */
  lost(name: string, connection: Connection): void {
    const topic = this.#topics.get(name);
    if (topic?.on !== connection) return;
    topic.on = undefined;
    this.#astray.add(topic);
  }

  /** A place that is no more. */
  down(place: Hearing): void {
    this.#connections.delete(place);
  }

  /** Hands a message to those who hear its topic. */
  deliver(name: string, message: Buffer): void {
    for (const listener of this.#topics.get(name)?.listeners ?? []) {
      try {
        listener(message);
      } catch (thrown) {
        process.emitWarning(`A listener of the topic "${name}" threw: ${String(thrown)}`);
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const { waiting } of this.#topics.values()) for (const { reject } of waiting) reject(closedError());
    this.#topics.clear();
    this.#astray.clear();
    this.#connections.clear();
    this.#onAgain.clear();
  }

  /** Subscribes to it together with the others that come within this turn. */
  #join(topic: Topic): void {
    this.#joining.push(topic);
    if (this.#joining.length > 1) return;
    queueMicrotask(() => {
      const joining = this.#joining;
      this.#joining = [];
      void this.#subscribe(joining);
    });
  }

  /** Subscribes to topics wherever they are heard. Where there is no connection the place brings one, and asks for them. */
  async #subscribe(topics: readonly Topic[]): Promise<void> {
    const byPlace = new Map<Hearing, Topic[]>();
    for (const topic of topics) {
      const place = this.#setting.placeOf(topic.name);
      if (!place) continue;
      const here = byPlace.get(place) ?? [];
      byPlace.set(place, here);
      here.push(topic);
    }
    const standing = [...byPlace].map(async ([place, here]) => {
      const connection = this.#connections.get(place);
      if (!connection?.open) return;
      try {
        await this.#stand(here, connection);
      } catch (thrown) {
        if (connection.open) place.resubscribe(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    });
    await Promise.all(standing);
  }

  /** Subscribes to all of them, so many at once that each command has its time: a node may hear a hundred thousand. */
  async #stand(topics: readonly Topic[], connection: Connection): Promise<void> {
    const { sharded } = this.#setting;
    const step = sharded ? 1 : commandTopicsMax;
    for (let i = 0; i < topics.length; i += windowTopicsMax) {
      const sent: Promise<void>[] = [];
      const end = Math.min(i + windowTopicsMax, topics.length);
      for (let j = i; j < end; j += step)
        sent.push(this.#standTogether(topics.slice(j, Math.min(j + step, end)), connection));
      await Promise.all(sent);
    }
  }

  async #standTogether(topics: readonly Topic[], connection: Connection): Promise<void> {
    const { sharded, commandMs, onAstray } = this.#setting;
    const names = topics.map(({ name }) => name);
    try {
      await connection.subscribe(names, sharded, commandMs);
    } catch (thrown) {
      if (!(thrown instanceof Refused && thrown.word === 'MOVED')) throw thrown;
      for (const topic of topics) this.#astray.add(topic);
      onAstray();
      return;
    }
    for (const topic of topics) this.#stands(topic, connection);
  }

  #stands(topic: Topic, connection: Connection): void {
    topic.on = connection;
    topic.stood = true;
    // Everyone may have left while the connection was being made.
    if (!this.#topics.has(topic.name)) this.#unsubscribe(topic);
    for (const { resolve } of topic.waiting) resolve();
    topic.waiting = [];
  }

  #leave(topic: Topic, listener: (message: Buffer) => void): void {
    topic.listeners.delete(listener);
    if (topic.listeners.size > 0 || this.#topics.get(topic.name) !== topic) return;
    this.#topics.delete(topic.name);
    this.#astray.delete(topic);
    this.#unsubscribe(topic);
  }

  #unsubscribe(topic: Topic): void {
    const { sharded, commandMs } = this.#setting;
    if (!topic.on?.open) return;
    topic.on.unsubscribe(topic.name, sharded, commandMs).catch((thrown: unknown) => {
      // Without a connection nothing is heard any more, which is what was wanted.
      if (thrown instanceof Refused) process.emitWarning(`Redis keeps sending a topic: ${thrown.message}`);
    });
  }

  #tellAgain(): void {
    for (const listener of [...this.#onAgain]) listener();
  }
}
