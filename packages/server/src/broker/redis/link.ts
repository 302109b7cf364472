/**
 * The way from a node to its Redis, whether that is one server, the master that Sentinels name, or a Cluster: runs scripts, publishes,
 * hears what is published, and says whether all that works. The logs and what nodes tell each other go over it; it must not know
 * what they say. Nothing waits here for a connection to come back: what can't be sent now is refused now.
 */
import { SyncError } from '@syncline/protocol';
import { type Cancel, type Clock, systemClock } from '@syncline/protocol/wire';
import type { Health } from '../broker.ts';
import { closedError } from '../listeners.ts';
import { adviceOn } from './advice.ts';
import { Cluster } from './cluster.ts';
import { Condition } from './condition.ts';
import { type Address, type Argument, loadLibrary, nameOf, type Tls } from './connection.ts';
import { evaluate } from './evaluate.ts';
import { Refused, syncErrorOf, Unanswered, Unfit } from './faults.ts';
import { checkFit } from './fit.ts';
import type { Script } from './scripts.ts';
import { Sentinels } from './sentinel.ts';
import { Single } from './single.ts';
import { type Subscription, Subscriptions } from './subscriptions.ts';
import type { AddressMap, PlaceTools, Route, Topology } from './topology.ts';
import type { Leave } from './window.ts';

/** How many replicas must have a write, and how long that may take in ms. */
export interface Replicas {
  readonly replicasMin: number;
  readonly ms: number;
}

export interface Link {
  /** Resolves once every part works; rejects with a SyncError that says what keeps it from that. */
  readonly ready: Promise<void>;
  /** Waits until there is room for a call where `slotKey` lives; what it gives is to be called when that is done. Never rejects. */
  enter(slotKey: string): Leave | Promise<Leave>;
  /**
   * Runs a script where `slotKey` lives. Reply as RESP gives it, bulk strings as Buffer.
   *
   * @throws SyncError `storage`: surely not done; `unavailable`: the outcome is unknown; `closed`
   */
  run(
    script: Script,
    slotKey: string,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown>;
  /** The same, and then waits until replicas have what it wrote; says how many do. The link must have been made `replicated`. */
  runReplicated(
    script: Script,
    slotKey: string,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
    wait: Replicas,
  ): Promise<{ readonly reply: unknown; readonly replicas: number }>;
  /**
   * Resolves when the subscription stands, however long that takes. It is made again by itself after any loss.
   *
   * @throws SyncError `closed`
   */
  subscribe(topic: string, onMessage: (message: Buffer) => void): Promise<() => void>;
  /** The same for who may stop before it stands. */
  hear(topic: string, onMessage: (message: Buffer) => void): Subscription;
  /** Sends a message to those who have subscribed. It may be lost, and nobody hears of that. Never throws. */
  publish(topic: string, message: string | Buffer): void;
  /** Called when messages may have been lost: a connection that hears them was made anew. */
  onResubscribed(listener: () => void): () => void;
  readonly health: Health;
  /** The time of the Redis, in ms since 1970, as far as it is known. */
  now(): number;
  close(): Promise<void>;
}

/** Where the Redis is. */
export type Target =
  | { readonly address: Address }
  | {
      readonly sentinel: {
        /** What the Sentinels call the master. */
        readonly name: string;
        readonly nodes: readonly Address[];
        readonly username?: string | undefined;
        readonly password?: (() => string | Promise<string>) | undefined;
        readonly tls?: (() => Tls) | undefined;
      };
    }
  | { readonly cluster: readonly Address[] };

/** What a link is made of; options.ts makes it of what an application gives. */
export interface LinkSetting {
  readonly target: Target;
  /** Other addresses for those that Sentinels and Clusters name. */
  readonly addressMap?: AddressMap | undefined;
  readonly prefix: string;
  readonly username?: string | undefined;
  readonly password?: (() => string | Promise<string>) | undefined;
  readonly tls?: (() => Tls) | undefined;
  /** Deadline of a command, and of connecting, in ms. Default 2000. */
  readonly commandMs?: number;
  /** Whether `runReplicated` will be used. Default no. */
  readonly replicated?: boolean;
  /** Time that `ready` gives Redis to be there, in ms. Default 10,000. */
  readonly startMs?: number;
  readonly clock?: Clock;
}

/** Commands that may wait for their answer on one connection; more are refused. */
const commandsMax = 200_000;
/** How often a command is sent on to where a Cluster says that its key is now. */
const redirectsMax = 8;

const nothing: Leave = () => {};

/** Opens a link. @example const link = openLink({ target: { address: { host: 'localhost', port: 6379 } }, prefix: 'syncline' }) */
export function openLink(setting: LinkSetting): Link {
  return new RedisLink(setting);
}

class RedisLink implements Link {
  readonly ready: Promise<void>;
  readonly health: Condition;
  readonly #setting: LinkSetting;
  readonly #clock: Clock;
  readonly #commandMs: number;
  readonly #subscriptions: Subscriptions;
  #topology: Topology | undefined;
  /** Why there is no connection, as known last. */
  #down: Error | undefined;
  #refuse: (error: SyncError) => void = () => {};
  #cancelStart: Cancel = () => {};
  #started = false;
  #closed = false;

  constructor(setting: LinkSetting) {
    this.#setting = setting;
    this.#clock = setting.clock ?? systemClock;
    this.#commandMs = setting.commandMs ?? 2000;
    this.health = new Condition(this.#clock);
    this.#subscriptions = new Subscriptions({
      sharded: 'cluster' in setting.target,
      commandMs: this.#commandMs,
      placeOf: (topic) => this.#topology?.placeOf(topic),
      onAstray: () => this.#topology?.refresh(),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#refuse = reject;
      this.#start().then(resolve, (thrown: unknown) => this.#give(thrown));
    });
    // Whoever asks for it hears of it; a link that nobody waits for must not end the process.
    this.ready.catch(() => {});
    this.#cancelStart = this.#clock.timer(setting.startMs ?? 10_000, () => this.#give(this.#down));
  }

  enter(slotKey: string): Leave | Promise<Leave> {
    return this.#topology?.placeOf(slotKey)?.window.enter() ?? nothing;
  }

  async run(
    script: Script,
    slotKey: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    return this.#follow(slotKey, ({ place, asking }) =>
      evaluate(
        (command) => {
          if (asking) place.send(['ASKING']).catch(() => {});
          return place.send(command);
        },
        script,
        keys,
        args,
      ),
    );
  }

  async runReplicated(
    script: Script,
    slotKey: string,
    keys: readonly string[],
    args: readonly Argument[],
    { replicasMin, ms }: Replicas,
  ): Promise<{ reply: unknown; replicas: number }> {
    return this.#follow(slotKey, async ({ place, asking }) => {
      const on = place.replicating();
      const send = (command: readonly Argument[]) => {
        if (asking) on.send(['ASKING'], ms).catch(() => {});
        return on.send(command, ms);
      };
      const reply = await evaluate(send, script, keys, args);
      const replicas = await on.replicas(replicasMin, ms).catch((thrown: unknown) => {
        // It is stored: whatever keeps the question from being answered says nothing else, and is no reason to store it again.
        throw new Unanswered(`Whether replicas have it isn't known: ${reasonOf(thrown)}`);
      });
      return { reply, replicas };
    });
  }

  async subscribe(topic: string, onMessage: (message: Buffer) => void): Promise<() => void> {
    const { standing, stop } = this.hear(topic, onMessage);
    await standing;
    return stop;
  }

  hear(topic: string, onMessage: (message: Buffer) => void): Subscription {
    return this.#subscriptions.hear(topic, onMessage);
  }

  publish(topic: string, message: string | Buffer): void {
    const place = this.#topology?.placeOf(topic);
    if (!place || this.#closed) return;
    const command = this.#topology?.sharded ? 'SPUBLISH' : 'PUBLISH';
    place.send([command, topic, message]).catch(() => {});
  }

  onResubscribed(listener: () => void): () => void {
    return this.#subscriptions.onAgain(listener);
  }

  now(): number {
    const places = this.#topology?.places() ?? [];
    const offsets = places.flatMap((place) => place.offsetMs ?? []).sort((a, b) => a - b);
    return this.#clock.now() + (offsets[Math.floor(offsets.length / 2)] ?? 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refuse(closedError());
    this.#end();
  }

  async #start(): Promise<void> {
    const { target, prefix, username, password, tls, replicated = false } = this.#setting;
    const library = await loadLibrary();
    if (this.#closed) return;
    const tools: PlaceTools = {
      dial: {
        library,
        clock: this.#clock,
        username,
        password,
        tls,
        connectMs: this.#commandMs,
        commandsMax,
      },
      condition: this.health,
      prefix,
      id: Buffer.from(this.#clock.randomBytes(12)).toString('hex'),
      commandMs: this.#commandMs,
      replicated,
      check: (connection, mode) => checkFit(connection, { mode, prefix, replicated, ms: this.#commandMs }),
      onMessage: (message, topic) => this.#subscriptions.deliver(topic, message),
      onSubscriber: (place, connection) => this.#subscriptions.up(place, connection),
      onDown: (why) => this.#onDown(why),
    };
    this.#topology = this.#build(target, tools);
    await this.#topology.ready;
    this.#started = true;
    this.#cancelStart();
    void this.#advise();
  }

  /** Warns of what is unwise, once for each sentence. */
  async #advise(): Promise<void> {
    const { password, tls } = this.#setting;
    const sentences = new Set<string>();
    for (const place of this.#topology?.places() ?? []) {
      const { address: at } = place;
      const memory = await place.send(['INFO', 'memory']).catch(() => undefined);
      const hasPassword = password !== undefined;
      if (at)
        for (const one of adviceOn({ at, hasPassword, hasTls: tls !== undefined, memory }))
          sentences.add(one);
    }
    if (!this.#closed) for (const sentence of sentences) process.emitWarning(sentence);
  }

  #build(target: Target, tools: PlaceTools): Topology {
    const { addressMap } = this.#setting;
    if ('address' in target) return new Single(tools, nameOf(target.address), async () => target.address);
    if ('cluster' in target) {
      return new Cluster({
        tools,
        nodes: target.cluster,
        addressMap,
        onSlots: (changed) => void this.#subscriptions.moved(changed),
        onLost: (topic, connection) => this.#subscriptions.lost(topic, connection),
        onGone: (place) => this.#subscriptions.down(place),
      });
    }
    const { name, nodes, username, password, tls } = target.sentinel;
    const sentinels = new Sentinels({
      dial: { ...tools.dial, username, password, tls },
      name,
      nodes,
      addressMap,
      onMaster: (address) => one.foundAt(address),
    });
    const one = new Single(
      tools,
      `master ${name}`,
      () => sentinels.master(),
      () => sentinels.close(),
    );
    return one;
  }

  /** While a node starts, what waiting doesn't mend ends it. Later it keeps trying: somebody may be mending. */
  #onDown(why: Error): void {
    this.#down = why;
    const hopeless =
      why instanceof Unfit || (why instanceof Refused && /^(WRONGPASS|NOAUTH|NOPERM)$/.test(why.word));
    if (hopeless && !this.#started) this.#give(why);
  }

  /** Gives up starting. */
  #give(why: unknown): void {
    if (this.#started || this.#closed) return;
    const sentence = why === undefined ? 'There was no answer.' : reasonOf(why);
    const error =
      why instanceof Unfit
        ? new SyncError('bad_option', sentence)
        : new SyncError('unavailable', `Redis can't be used: ${sentence}`);
    error.cause = why;
    this.#refuse(error);
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#cancelStart();
    this.health.close();
    this.#topology?.close();
    this.#subscriptions.close();
  }

  /** Does it where the key is, and again where it is said to be instead. @throws SyncError */
  async #follow<Result>(key: string, run: (route: Route) => Promise<Result>): Promise<Result> {
    if (this.#closed) throw closedError();
    const place = this.#topology?.placeOf(key);
    if (!place) throw syncErrorOf(this.#down);
    let route: Route = { place, asking: false };
    const began = this.#clock.now();
    for (let redirects = 0; ; redirects++) {
      try {
        return await run(route);
      } catch (thrown) {
        const hasTime = redirects < redirectsMax && this.#clock.now() - began < this.#commandMs;
        const next = hasTime ? await this.#topology?.redirect(thrown, route, key) : undefined;
        if (this.#closed) throw closedError();
        if (!next) throw syncErrorOf(thrown);
        route = next;
      }
    }
  }
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
