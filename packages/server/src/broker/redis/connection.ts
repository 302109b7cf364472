/**
 * One connection to one Redis, until it is lost: it logs in, sends commands, each with a deadline, and hears what is published. The
 * only file that knows the client library. It never dials again: reconnecting.ts does, and knows where.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { Refused, Unanswered, Unfit } from './faults.ts';

type Redis = typeof import('redis');

/** What is asked for of the library; it is loaded when it is needed, since it is an optional dependency. */
type Library = Pick<Redis, 'ErrorReply' | 'RESP_TYPES'> & {
  readonly createClient: Redis['RedisClient']['create'];
};

/** Where a Redis listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Certificates, as node:tls takes them. */
export interface Tls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** What every connection of a link needs. */
export interface Dial {
  readonly library: Library;
  readonly clock: Clock;
  readonly username: string | undefined;
  /** Asked for with each connection, so that a password can change. */
  readonly password: (() => string | Promise<string>) | undefined;
  /** Asked for with each connection, so that certificates can change. */
  readonly tls: (() => Tls) | undefined;
  /** Time that connecting and logging in may take, in ms. */
  readonly connectMs: number;
  /** Commands that may wait for their answer on one connection. */
  readonly commandsMax: number;
}

export type Argument = string | Buffer;
export type OnMessage = (message: Buffer, topic: string) => void;

let loaded: Library | undefined;

/** Loads the client library. @throws Unfit that says what to install */
export async function loadLibrary(): Promise<Library> {
  try {
    const { ErrorReply, RedisClient, RESP_TYPES } = await import('redis');
    // By `createClient` the library makes a new class, with a function for each command of Redis, whenever the options differ from the
    // last ones: tens of milliseconds for a connection. Here all are of one class, whose options name nothing that is Redis' modules'.
    loaded ??= {
      ErrorReply,
      RESP_TYPES,
      createClient: RedisClient.factory({ RESP: 3 }) as Library['createClient'],
    };
    return loaded;
  } catch {
    throw new Unfit('redis() needs the package `redis`, 6.3 or newer: run `npm install redis`.');
  }
}

export function nameOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

function clientOf(dial: Dial, address: Address, password: string | undefined) {
  const { library, tls, username, connectMs, commandsMax } = dial;
  const fixed = { reconnectStrategy: false as const, connectTimeout: connectMs };
  const plain = 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
  const secure = 'port' in address && tls !== undefined;
  return library.createClient({
    socket: secure ? { ...plain, host: address.host, ...tls(), ...fixed, tls: true } : { ...plain, ...fixed },
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    RESP: 3,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    commandsQueueMaxLength: commandsMax,
    // Its own timeout ends only what was not written yet, and costs a signal for each command.
    commandOptions: { timeout: 0, typeMapping: { [library.RESP_TYPES.BLOB_STRING]: Buffer } },
  });
}

/**
 * A command is given up after as many times its deadline at the latest. After one already if nothing was answered meanwhile; a Redis
 * that answers is only busy, and who gives up and repeats makes it busier.
 */
const deadlinesMax = 5;

type Client = ReturnType<typeof clientOf>;

export class Connection {
  readonly address: Address;
  /** Called with what is published on the topics that were subscribed to. */
  onMessage: OnMessage = () => {};
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #library: Library;
  readonly #onLost: (why: Error) => void;
  /** One for all topics, so that none is told twice. */
  readonly #heard = (message: Buffer, topic: Buffer): void => this.onMessage(message, topic.toString());
  /** How many commands were answered. */
  #answers = 0;
  #open = true;
  /** Why it was lost. */
  #why: string | undefined;

  private constructor(dial: Dial, address: Address, client: Client, onLost: (why: Error) => void) {
    this.address = address;
    this.#client = client;
    this.#clock = dial.clock;
    this.#library = dial.library;
    this.#onLost = onLost;
    client.on('error', (why: unknown) => this.#lose(why));
    client.on('end', () => this.#lose(new Error('The connection ended.')));
  }

  /**
   * Connects and logs in; asking for the password has as long as both of these.
   *
   * @param onLost called once when the connection is lost, not when it is closed
   * @throws Refused, Unanswered
   */
  static async open(dial: Dial, address: Address, onLost: (why: Error) => void): Promise<Connection> {
    const password = await inTime(dial.clock, dial.connectMs, (async () => dial.password?.())());
    const client = clientOf(dial, address, password);
    const connection = new Connection(dial, address, client, onLost);
    try {
      await connection.#within(dial.connectMs, client.connect());
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * Sends a command; commands take effect in the order in which they are sent.
   *
   * @param ms when it is given up if Redis answers nothing at all, in ms; five times that if it does. It may be done nevertheless.
   * @throws Refused, Unanswered
   */
  send(args: readonly Argument[], ms: number): Promise<unknown> {
    if (!this.#open) return Promise.reject(new Unanswered('The connection is closed.'));
    return this.#within(ms, this.#client.sendCommand(args));
  }

  /** Hears what is published on these topics, by `onMessage`. In a Cluster (`sharded`) they are of one slot. @throws Refused, Unanswered */
  subscribe(topics: readonly string[], sharded: boolean, ms: number): Promise<unknown> {
    const list = [...topics];
    const client = this.#client;
    return this.#within(
      ms,
      sharded ? client.sSubscribe(list, this.#heard, true) : client.subscribe(list, this.#heard, true),
    );
  }

  /** Hears it no more. @throws Refused, Unanswered */
  unsubscribe(topic: string, sharded: boolean, ms: number): Promise<unknown> {
    const client = this.#client;
    // Named with its listener: the library then knows that a topic which is subscribed to again meanwhile needs a command.
    return this.#within(
      ms,
      sharded ? client.sUnsubscribe(topic, this.#heard, true) : client.unsubscribe(topic, this.#heard, true),
    );
  }

  /** Calls `onMoved` when the Cluster says that a topic is heard elsewhere now. */
  onMoved(onMoved: (topic: string) => void): void {
    this.#client.on('sharded-channel-moved', (topic: string) => onMoved(topic));
  }

  /** Ends it at once. What waits for an answer gets none. */
  close(): void {
    this.#open = false;
    this.#destroy();
  }

  #lose(why: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    const named = this.#named(why);
    this.#why = named.message;
    // What waits for an answer is told that there will be none.
    this.#destroy();
    this.#onLost(named);
  }

  #destroy(): void {
    try {
      this.#client.destroy();
    } catch {
      // It was never open, or is closed already: that is what was wanted.
    }
  }

  #within(ms: number, answer: Promise<unknown>): Promise<unknown> {
    return inTime(this.#clock, ms, answer, {
      named: (thrown) => this.#named(thrown),
      answered: () => void this.#answers++,
      answers: () => this.#answers,
    });
  }

  #named(thrown: unknown): Refused | Unanswered {
    if (thrown instanceof Refused || thrown instanceof Unanswered) return thrown;
    if (thrown instanceof this.#library.ErrorReply) return new Refused(thrown.message);
    return new Unanswered(this.#why ?? messageOf(thrown));
  }
}

/** Who waits together for answers on one connection. */
interface Company {
  /** What is thrown instead of what was thrown. */
  readonly named: (thrown: unknown) => unknown;
  readonly answered: () => void;
  /** How many were answered. */
  readonly answers: () => number;
}

const alone: Company = { named: (thrown) => thrown, answered: () => {}, answers: () => 0 };

/**
 * What comes of it, if that comes in time. Answers come before the deadline of a process that was frozen: they are read before it is
 * judged.
 *
 * @throws Unanswered
 */
function inTime<Value>(
  clock: Clock,
  ms: number,
  answer: Promise<Value>,
  { named, answered, answers }: Company = alone,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    let before = answers();
    let deadlines = 0;
    const later = (): Cancel => clock.timer(ms, () => clock.endOfTurn(judge));
    let cancel: Cancel | undefined = later();
    const judge = (): void => {
      if (!cancel) return;
      deadlines++;
      if (answers() === before || deadlines === deadlinesMax)
        return reject(new Unanswered(`There was no answer within ${deadlines * ms} ms.`));
      before = answers();
      cancel = later();
    };
    const settle = (): void => {
      answered();
      cancel?.();
      cancel = undefined;
    };
    answer.then(
      (reply) => {
        settle();
        resolve(reply);
      },
      (thrown: unknown) => {
        settle();
        reject(named(thrown));
      },
    );
  });
}

/** Where a host has several addresses, the error of each is apart, and the whole says nothing. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') return messageOf(thrown.errors[0]);
  return thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
}
