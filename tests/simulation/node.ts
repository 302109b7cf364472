/**
 * A server node in the simulated world: the real hub, channels, sessions and disk broker over a real SQLite file, without
 * sockets or threads. It can crash at any moment, which loses everything that wasn't committed, and start again.
 */
import { type Contract, SyncError } from '@syncline/protocol';
import { lookup } from '@syncline/protocol/wire';
import {
  type Broker,
  Bucket,
  diskOver,
  type Executor,
  foldDocument,
  Hub,
  Links,
  newMetrics,
  openAccess,
  type Place,
  type Port,
  Pulse,
  resolveNumbers,
  Session,
  Store,
  silentLogger,
  Turn,
} from '@syncline/server/internal';
import type { Doc } from 'yjs';
import type { Life, World } from './world.ts';

/** A fault planted on purpose, to see that the checker finds it. */
export type Tamper = (broker: Broker) => Broker;

export interface NodeSettings {
  readonly dir: string;
  readonly channels: Contract;
  readonly heartbeatMs: number;
  readonly tailEntriesMax: number;
  readonly tamper: Tamper;
  /** After how many entries a document is folded. Default: that of servers. */
  readonly docFoldEntriesMax?: number;
  /** What new documents begin with. Default: nothing. */
  readonly seed?: (channel: string, doc: Doc) => void;
}

/** One life of the node, from a start to a crash. */
interface Running {
  readonly life: Life;
  readonly store: Store;
  readonly hub: Hub;
  readonly pulse: Pulse;
  readonly open: (port: Port) => Session;
  readonly links: Links;
}

export class SimNode {
  crashes = 0;
  /** Documents that were folded. */
  folds = 0;
  readonly #world: World;
  readonly #settings: NodeSettings;
  #running: Running | undefined;
  #sessions = 0;

  constructor(world: World, settings: NodeSettings) {
    this.#world = world;
    this.#settings = settings;
  }

  get up(): boolean {
    return this.#running !== undefined;
  }

  /** A session for a connection that arrives; undefined while the node is down. */
  readonly door = (port: Port): Session | undefined => this.#running?.open(port);

  /** What plain requests are answered by, likewise. */
  readonly httpDoor = () => {
    const running = this.#running;
    return running && { links: running.links, place: () => placeIn(running) };
  };

  start(): void {
    const { dir, channels, heartbeatMs, tailEntriesMax, tamper, docFoldEntriesMax, seed } = this.#settings;
    const life = this.#world.life();
    const { clock } = life;
    const store = new Store({ dir, clock });
    const broker = tamper(diskOver(this.#executor(store, life), { clock }));
    const turn = new Turn(clock);
    const tools = {
      access: openAccess(clock),
      broker,
      clock,
      turn,
      metrics: newMetrics(),
      logger: silentLogger,
    };
    const numbers = resolveNumbers({
      heartbeatMs,
      tailEntriesMax,
      channelIdleMs: 5000,
      ...(docFoldEntriesMax && { docFoldEntriesMax }),
    });
    const hub = new Hub(numbers, tools, lookup(channels), { worker: this.#folder(life), seed });
    const pulse = new Pulse(clock, heartbeatMs);
    const open = (port: Port): Session => {
      const bucket = new Bucket(clock, numbers.requestsPerSecondMax, numbers.requestsBurstMax);
      const who = { identity: { user: null }, caller: { url: '', remoteAddress: '' }, bucket };
      const session = new Session(String(++this.#sessions), who, port, { ...tools, hub, ...numbers });
      pulse.join(session);
      return session;
    };
    const links = new Links({ clock, metrics: tools.metrics, takesBinary: false, ...numbers }, broker);
    this.#running = { life, store, hub, pulse, open, links };
  }

  /** `kill -9`: what is committed stays, everything else is gone, and nobody is told. */
  crash(): void {
    const running = this.#running;
    if (!running) return;
    this.crashes++;
    this.#running = undefined;
    running.life.kill();
    running.store.close();
  }

  /** Folds documents after the time that takes; a crash may fall before. */
  #folder(life: Life) {
    const run = (work: 'fold' | 'update' | 'read' | 'time', pieces: readonly Uint8Array[]) =>
      new Promise<never>((resolve) => {
        const snapshot = foldDocument(pieces, () => {});
        this.folds++;
        const value = work === 'time' ? 0 : snapshot;
        life.clock.timer(this.#world.between(1, 500), () => resolve(value as never));
      });
    return { run, close: async () => {} };
  }

  /** Commits a group after the time a disk takes, and answers a little later; a crash may fall before, between and after. */
  #executor(store: Store, life: Life): Executor {
    let before: Promise<void> = Promise.resolve();
    const wait = (ms: number) => new Promise<void>((resolve) => void life.clock.timer(ms, resolve));
    return {
      ready: Promise.resolve(),
      close: async () => {},
      run: (operations) => {
        const outcomes = before.then(async () => {
          await wait(this.#world.between(0.2, 8));
          const committed = store.commit(operations);
          await wait(this.#world.between(0.1, 4));
          return committed;
        });
        before = outcomes.then(
          () => {},
          () => {},
        );
        return outcomes;
      },
    };
  }
}

/** A place for a session of a link. */
function placeIn({ open, pulse }: Running): Place {
  let session: Session | undefined;
  return {
    open: (port) => {
      session = open(port);
      return session;
    },
    gone: () => {
      if (session) pulse.leave(session);
    },
  };
}

/** Everything the file holds of a channel, read as the node would after a start. */
export function readLog(dir: string, channel: string, now: number): { offset: number; data: string }[] {
  const store = new Store({ dir });
  try {
    const entries: { offset: number; data: string }[] = [];
    for (;;) {
      const range = {
        direction: 'after',
        offset: entries.at(-1)?.offset ?? 0,
        entriesMax: 500,
        bytesMax: 1e6,
        keep: null,
      } as const;
      const [outcome] = store.commit([{ type: 'read', channel, now, range }]);
      if (outcome?.type !== 'slice')
        throw new SyncError('corrupt', `The log of ${channel} could not be read: ${JSON.stringify(outcome)}`);
      entries.push(...outcome.value.entries.map(({ offset, data }) => ({ offset, data: String(data) })));
      if (outcome.value.entries.length === 0 || (entries.at(-1)?.offset ?? 0) >= outcome.value.top.offset)
        return entries;
    }
  } finally {
    store.close();
  }
}
