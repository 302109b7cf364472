/**
 * One Redis that takes writes, as the link uses it: a connection for commands, one for what is published, a third for writes that
 * wait for replicas, and the watch over them. A single Redis is one place, a Cluster has one for each master. What is
 * subscribed to is said by its owner each time the connection is new.
 */
import type { Condition } from './condition.ts';
import { type Address, type Argument, Connection, type Dial, nameOf, type OnMessage } from './connection.ts';
import { evaluate } from './evaluate.ts';
import { isBroken, isElsewhere, Refused, Unanswered } from './faults.ts';
import { Reconnecting } from './reconnecting.ts';
import { Replicating } from './replicating.ts';
import { scriptOf } from './scripts.ts';
import { Watch } from './watch.ts';
import { Window } from './window.ts';

/**
 * Being one that may write, it is refused where writes are: by a replica, by a Redis that is loading. It may run where there is no
 * memory left, since that is no reason to look for another Redis.
 */
const probe = scriptOf('probe', "#!lua flags=allow-oom\nreturn redis.call('TIME')");

/** How much less sure the time of a Redis is with each time that it was asked since: two clocks drift apart. */
const driftMs = 0.1;

/**
 * Calls on their way at a time. More would not be answered sooner: so many keep a Redis busy that is some milliseconds away. With
 * many nodes it has as many times this to work off, which must take it less than a call's deadline.
 */
const callsMax = 64;

/** What can fail by itself. */
const parts = ['answers', 'announcements', 'replicated'] as const;
type Part = (typeof parts)[number];

export interface PlaceSetting {
  readonly dial: Dial;
  readonly condition: Condition;
  /** What sentences call it. */
  readonly name: string;
  readonly sharded: boolean;
  readonly commandMs: number;
  /** Whether writes will wait for replicas here. */
  readonly replicated: boolean;
  /** Where it is now. */
  find(): Promise<Address>;
  /** Throws unless a new connection leads to a Redis that can be worked with. */
  check(connection: Connection): Promise<void>;
  /** A topic for the watch alone, and whether that one is heard here still. A place that hears nothing has none. */
  readonly probe: { topic(): string | undefined; holds(topic: string): boolean };
  readonly onMessage: OnMessage;
  /** Subscribes to all that is to be heard here. Throws when that fails. */
  onSubscriber(connection: Connection): Promise<void>;
  /** Called when a connection was lost or could not be made. */
  onDown(why: Error): void;
}

export class Place {
  readonly name: string;
  /** Resolves when it could be used for the first time, or was closed. */
  readonly ready: Promise<void>;
  /** What calls on logs go through. */
  readonly window = new Window(callsMax);
  readonly #setting: PlaceSetting;
  readonly #commands: Reconnecting;
  readonly #subscriber: Reconnecting;
  readonly #watch: Watch;
  readonly #replicated: Reconnecting | undefined;
  /** Parts that have not worked yet. */
  readonly #missing = new Set<Part>(['answers', 'announcements']);
  #onReady: () => void = () => {};
  /** The connection on which all subscriptions stand. */
  #stands: Connection | undefined;
  /** What is probed on it; undefined while nothing can be: a place without slots hears nothing, and may get some. */
  #hears: { readonly connection: Connection; readonly topic: string } | undefined;
  /** The connection on which a probe is being subscribed to. */
  #joins: Connection | undefined;
  #wasReady = false;
  #replicating: Replicating | undefined;
  #offsetMs: number | undefined;
  /** How far that may be from the truth. */
  #offsetErrorMs = Number.POSITIVE_INFINITY;
  #down: Error = new Unanswered('There is no connection yet.');

  constructor(setting: PlaceSetting) {
    this.name = setting.name;
    this.#setting = setting;
    this.ready = new Promise((resolve) => {
      this.#onReady = () => {
        this.#wasReady = true;
        resolve();
      };
    });
    this.#commands = this.#keep('answers', () => this.#watch.soon());
    this.#subscriber = this.#keep('announcements', (connection) => void this.#listen(connection));
    this.#replicated = setting.replicated
      ? this.#keep('replicated', () => this.#fine('replicated'))
      : undefined;
    this.#watch = new Watch(setting.dial.clock, {
      ask: () => this.#ask(),
      publish: () => this.#publish(),
      onSilence: (what, ms) => this.#silent(what, ms),
    });
    if (setting.replicated) this.#missing.add('replicated');
    for (const part of this.#missing) this.#trouble(part, this.#down.message);
    for (const line of [this.#commands, this.#subscriber, this.#replicated]) line?.start();
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Where it is, while there is a connection for commands. */
  get address(): Address | undefined {
    return this.#commands.current?.address;
  }

  /** How far the clock of this Redis is ahead of the node's, in ms; undefined before it was asked. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  /** Makes the connection for what is published anew; all that is heard here is subscribed to again. */
  resubscribe(why: Error): void {
    this.#subscriber.rebuild(why);
  }

  /** Sends a command. @throws Refused, Unanswered */
  async send(args: readonly Argument[], ms = this.#setting.commandMs): Promise<unknown> {
    return this.#sendOn(this.#commands, this.#currentOf(this.#commands), args, ms);
  }

  /** The connection for writes that wait for replicas: there everything waits for what came before. @throws Unanswered */
  replicating(): Replicating {
    const { dial, commandMs } = this.#setting;
    const line = this.#replicated ?? this.#commands;
    const connection = this.#currentOf(line);
    const known = this.#replicating;
    if (known?.connection === connection) return known;
    const send = (args: readonly Argument[], ms: number) => this.#sendOn(line, connection, args, ms);
    this.#replicating = new Replicating(connection, dial.clock, commandMs, async (args, ms) => {
      try {
        return await send(args, ms);
      } catch (thrown) {
        // The watch doesn't look at this connection. Replicas or none, Redis answers in that time.
        if (thrown instanceof Unanswered && line.current === connection) line.rebuild(thrown);
        throw thrown;
      }
    });
    return this.#replicating;
  }

  /** Throws all connections away and makes new ones: it may not be what it was. */
  rebuild(why: Error): void {
    for (const line of [this.#commands, this.#subscriber, this.#replicated]) line?.rebuild(why);
  }

  /** Leaves connections that lead elsewhere: this is where it is now. */
  foundAt(address: Address): void {
    for (const line of [this.#commands, this.#subscriber, this.#replicated]) {
      const at = line?.current?.address;
      if (at && nameOf(at) !== nameOf(address))
        line?.rebuild(new Unanswered(`${this.name} is at ${nameOf(address)} now.`));
    }
  }

  close(): void {
    this.#onReady();
    this.#watch.stop();
    for (const line of [this.#commands, this.#subscriber, this.#replicated]) line?.close();
    for (const part of parts) this.#setting.condition.fine(`${this.name} ${part}`);
  }

  #keep(part: Part, onUp: (connection: Connection) => void): Reconnecting {
    const { dial, find, check, onDown } = this.#setting;
    return new Reconnecting({
      clock: dial.clock,
      onUp,
      open: async (onLost) => {
        const connection = await Connection.open(dial, await find(), onLost);
        try {
          await check(connection);
        } catch (thrown) {
          connection.close();
          throw thrown;
        }
        return connection;
      },
      onDown: (why) => {
        this.#down = why;
        if (part === 'announcements') this.#stands = this.#hears = undefined;
        this.#trouble(part, why.message);
        onDown(why);
      },
    });
  }

  #currentOf(line: Reconnecting): Connection {
    if (line.current) return line.current;
    throw new Unanswered(`${this.name} is not connected: ${this.#down.message}`);
  }

  async #sendOn(
    line: Reconnecting,
    connection: Connection,
    args: readonly Argument[],
    ms: number,
  ): Promise<unknown> {
    try {
      return await connection.send(args, ms);
    } catch (thrown) {
      if (thrown instanceof Refused && isElsewhere(thrown) && line.current === connection)
        this.rebuild(thrown);
      throw thrown;
    }
  }

  async #listen(connection: Connection): Promise<void> {
    const { onMessage, onSubscriber } = this.#setting;
    connection.onMessage = (message, topic) => {
      if (topic !== this.#hears?.topic) return onMessage(message, topic);
      this.#watch.heard();
      this.#fine('announcements');
    };
    try {
      await onSubscriber(connection);
      if (this.#subscriber.current !== connection) return;
      this.#stands = connection;
      await this.#hear(connection);
    } catch (thrown) {
      if (this.#subscriber.current === connection) this.#subscriber.rebuild(asError(thrown));
    }
  }

  /** Hears probes on this connection. */
  async #hear(connection: Connection): Promise<void> {
    const { probe, sharded, commandMs } = this.#setting;
    const topic = probe.topic();
    if (topic === undefined) return this.#fine('announcements');
    this.#joins = connection;
    try {
      await connection.subscribe([topic], sharded, commandMs);
    } finally {
      if (this.#joins === connection) this.#joins = undefined;
    }
    if (this.#subscriber.current !== connection) return;
    this.#hears = { connection, topic };
    this.#watch.soon();
  }

  #ask(): boolean {
    const { dial, commandMs } = this.#setting;
    const connection = this.#commands.current;
    if (!connection) return false;
    const asked = dial.clock.now();
    const send = (args: readonly Argument[]) => connection.send(args, commandMs);
    evaluate(send, probe, [], []).then(
      (time) => {
        this.#keepTime(time, asked);
        this.#watch.answered();
        this.#fine('answers');
      },
      (thrown: unknown) => {
        // Who refuses lives; who doesn't answer is counted.
        if (thrown instanceof Refused) this.#refused(thrown, connection);
      },
    );
    return true;
  }

  #refused(refused: Refused, connection: Connection): void {
    this.#watch.answered();
    if (!isBroken(refused)) this.#fine('answers');
    else if (!isElsewhere(refused)) this.#trouble('answers', refused.message);
    else if (this.#commands.current === connection) this.rebuild(refused);
  }

  #publish(): boolean {
    const { sharded, commandMs, probe, onDown } = this.#setting;
    const connection = this.#commands.current;
    const topic = this.#hears?.topic;
    if (!connection) return false;
    if (topic === undefined || !probe.holds(topic)) {
      this.#hearElsewhere();
      return false;
    }
    connection.send([sharded ? 'SPUBLISH' : 'PUBLISH', topic, ''], commandMs).catch((thrown: unknown) => {
      // A slot that moved is heard of here first; whatever else keeps a probe from coming back shows as silence.
      if (thrown instanceof Refused) onDown(thrown);
    });
    return true;
  }

  /** The slot of what was probed has gone to another place, or there was none, and this one has slots by now. */
  #hearElsewhere(): void {
    const connection = this.#stands;
    if (!connection || this.#joins === connection) return;
    this.#hears = undefined;
    this.#hear(connection).catch((thrown: unknown) => {
      if (this.#subscriber.current === connection) this.#subscriber.rebuild(asError(thrown));
    });
  }

  #silent(what: 'answers' | 'announcements', ms: number): void {
    const why = new Unanswered(
      what === 'answers'
        ? `${this.name} has not answered for ${ms} ms.`
        : `What is published through ${this.name} has not arrived for ${ms} ms.`,
    );
    this.#setting.condition.trouble(`${this.name} ${what}`, why.message, ms);
    this.rebuild(why);
  }

  #keepTime(time: unknown, asked: number): void {
    const now = this.#setting.dial.clock.now();
    const [seconds, micros] = (Array.isArray(time) ? time : []).map((part: unknown) => Number(String(part)));
    if (seconds === undefined || micros === undefined || !Number.isFinite(seconds + micros)) return;
    const offsetMs = seconds * 1000 + micros / 1000 - (asked + now) / 2;
    const errorMs = (now - asked) / 2;
    this.#offsetErrorMs += driftMs;
    // An answer that took long says little, unless it proves that what was known can't be so: a clock was set.
    const fits = Math.abs(offsetMs - (this.#offsetMs ?? offsetMs)) <= errorMs + this.#offsetErrorMs;
    if (fits && errorMs > this.#offsetErrorMs) return;
    this.#offsetMs = Math.round(offsetMs);
    this.#offsetErrorMs = errorMs;
  }

  #trouble(part: Part, what: string): void {
    this.#setting.condition.trouble(`${this.name} ${part}`, what);
  }

  #fine(part: Part): void {
    this.#setting.condition.fine(`${this.name} ${part}`);
    if (this.#missing.delete(part) && this.#missing.size === 0) this.#onReady();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
