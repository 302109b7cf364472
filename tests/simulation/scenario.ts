/**
 * One simulated run from a seed: some clients talk over bad links while the node crashes and starts again; then the
 * network heals, everyone gets time to settle, and the judge reads what happened. Optionally with a fault planted on purpose.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@syncline/client';
import { createClientWith, type Transport } from '@syncline/client/internal';
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Broker } from '@syncline/server/internal';
import { type Faults, type Injected, noFaults } from './faults.ts';
import { type FinalLog, type Happening, judge } from './history.ts';
import { Network } from './link.ts';
import { readLog, SimNode } from './node.ts';
import { World } from './world.ts';

/** Bugs that the judge must find. */
export type Plant = 'drop-delivery' | 'reuse-offset' | 'forget-producer';

export interface RunOptions {
  readonly seed: number;
  readonly plant?: Plant;
  /** Whether clients come over plain HTTP, two of three at the least: by an event stream, and by long polling. */
  readonly http?: boolean;
}

export interface Outcome {
  readonly faults: readonly string[];
  readonly injected: Injected;
  readonly acknowledged: number;
  readonly delivered: number;
  readonly gaps: number;
  readonly crashes: number;
}

/** One log keeps everything, the other so little that whoever is away for a moment must be told of a gap. */
const channels = defineChannels({
  'chat/:room': stream<{ id: string }>({ keep: { entries: 100_000 } }),
  'brief/:room': stream<{ id: string }>({ keep: { entries: 12 }, stamp: true }),
});
const rooms = ['chat/a', 'brief/b'] as const;
type Room = (typeof rooms)[number];

function streamOf(client: Client<typeof channels>, room: Room) {
  return room === 'chat/a' ? client.stream(room) : client.stream(room);
}
/** Time in which the faults happen, and time in which all must have come right: longest wait, request and heartbeat. */
const troubleMs = 60_000;
const healMs = 60_000;
const heartbeatMs = 5_000;

export async function simulate({ seed, plant, http = false }: RunOptions): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-simulation-'));
  try {
    return await new Run(seed, plant, http, dir).run();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

class Run {
  readonly #world: World;
  readonly #network: Network;
  readonly #node: SimNode;
  readonly #plant: Plant | undefined;
  readonly #http: boolean;
  readonly #dir: string;
  readonly #history: Happening[] = [];
  readonly #clients: Client<typeof channels>[] = [];
  #published = 0;
  #pending = 0;
  #deliveries = 0;

  constructor(seed: number, plant: Plant | undefined, http: boolean, dir: string) {
    this.#plant = plant;
    this.#http = http;
    this.#dir = dir;
    this.#world = new World(seed);
    this.#network = new Network(this.#world);
    const lossy = this.#world.chance(0.5) ? 0.1 : 0;
    const tamper = (broker: Broker) =>
      forgetful(lossyNews(broker, this.#world, lossy), plant === 'forget-producer');
    const data = join(dir, 'data');
    const tailEntriesMax = this.#world.whole(1, 40);
    this.#node = new SimNode(this.#world, { dir: data, channels, heartbeatMs, tailEntriesMax, tamper });
    this.#network.door = this.#node.door;
    this.#network.httpDoor = this.#node.httpDoor;
  }

  async run(): Promise<Outcome> {
    this.#node.start();
    this.#network.faults = badNetwork(this.#world);
    const names = Array.from({ length: this.#world.whole(2, 4) }, (_, i) => `client${i}`);
    for (const name of names) this.#addClient(name);
    this.#planCrash();
    await this.#world.run(troubleMs);
    this.#network.faults = noFaults;
    if (!this.#node.up) this.#node.start();
    this.#network.breakAll();
    await this.#world.run(healMs);
    for (const client of this.#clients) client.close();
    this.#node.crash();
    return this.#outcome(names);
  }

  #outcome(names: readonly string[]): Outcome {
    const logs = new Map<string, FinalLog>(
      rooms.map((room) => [
        room,
        readLog(join(this.#dir, 'data'), room, this.#world.now).map(({ offset, data }) => ({
          offset,
          id: idOf(JSON.parse(data)),
        })),
      ]),
    );
    const { injected } = this.#network;
    const faults = judge({
      history: this.#history,
      logs,
      subscribed: names.flatMap((client) => rooms.map((channel) => ({ client, channel }))),
      unsent: this.#pending,
      reconnects: injected.connections - names.length,
      floor: { acknowledged: 10, delivered: 20, reconnects: 1 },
    });
    const count = (type: Happening['type']) => this.#history.filter((h) => h.type === type).length;
    return {
      faults,
      injected,
      acknowledged: count('ok'),
      delivered: count('deliver'),
      gaps: count('gap'),
      crashes: this.#node.crashes,
    };
  }

  #addClient(name: string): void {
    const { clock } = this.#world.life();
    const transport = this.#transport(clock);
    const client = createClientWith<typeof channels>(
      { clock, transport, lifecycle: () => () => {} },
      { url: 'ws://simulated', outboxAgeMs: 3_600_000 },
    );
    this.#clients.push(client);
    for (const room of rooms) {
      const channel = streamOf(client, room);
      channel.onRecover((event) => {
        if (event.via === 'start') this.#history.push({ type: 'start', client: name, channel: room });
        if (event.via === 'gap')
          this.#history.push({ type: 'gap', client: name, channel: room, reason: String(event.reason) });
      });
      channel.onMessage((message) => {
        this.#deliveries++;
        if (this.#plant === 'drop-delivery' && this.#deliveries % 50 === 0) return;
        this.#history.push({
          type: 'deliver',
          client: name,
          channel: room,
          id: message.data.id,
          offset: message.offset,
        });
      });
    }
    this.#planPublish(name, client);
  }

  /** By each way in turn where there are several, so that whatever number of clients there is not all come alike. */
  #transport(clock: Clock): Transport {
    const way = this.#http
      ? (['sse', 'long-poll', 'websocket'] as const)[this.#clients.length % 3]
      : 'websocket';
    return way === 'sse' || way === 'long-poll'
      ? this.#network.overHttp(way, clock)
      : this.#network.transport();
  }

  /** Types now and then, sometimes several messages at once, until the trouble is over. */
  #planPublish(name: string, client: Client<typeof channels>): void {
    const end = this.#world.now + troubleMs;
    const publish = () => {
      for (let i = this.#world.chance(0.2) ? 8 : 1; i > 0; i--)
        this.#publish(name, client, this.#world.chance(0.7) ? rooms[0] : rooms[1]);
      if (this.#world.now < end) this.#world.after(this.#world.between(10, 3000), publish);
    };
    this.#world.after(this.#world.between(0, 500), publish);
  }

  #publish(name: string, client: Client<typeof channels>, channel: Room): void {
    const event = { client: name, channel, id: `m${++this.#published}` };
    this.#history.push({ type: 'invoke', ...event });
    this.#pending++;
    streamOf(client, channel)
      .publish({ id: event.id })
      .then(
        ({ offset }) => this.#history.push({ type: 'ok', ...event, offset }),
        (error: unknown) => {
          const unsure = error instanceof SyncError && error.code === 'unavailable';
          this.#history.push({ type: unsure ? 'unsure' : 'fail', ...event });
        },
      )
      .finally(() => this.#pending--);
  }

  #planCrash(): void {
    this.#world.after(this.#world.between(3000, 25_000), () => {
      const copy = join(this.#dir, 'copy');
      const data = join(this.#dir, 'data');
      this.#node.crash();
      this.#network.breakAll();
      if (this.#plant === 'reuse-offset' && this.#node.crashes > 1) cpSync(copy, data, { recursive: true });
      else cpSync(data, copy, { recursive: true });
      this.#world.after(this.#world.between(10, 5000), () => {
        if (!this.#node.up) this.#node.start();
        this.#planCrash();
      });
    });
  }
}

export function badNetwork(world: World): Faults {
  const often = (max: number) => (world.chance(0.5) ? 0 : world.between(0, max));
  return {
    drop: often(0.05),
    duplicate: often(0.05),
    reorder: often(0.1),
    cut: often(0.9),
    stall: often(0.2),
    latencyMsMax: world.between(2, 300),
  };
}

/** Announcements are hints: some are lost, some come twice, and nothing may depend on them. */
export function lossyNews(broker: Broker, world: World, loss: number): Broker {
  return {
    ...methods(broker),
    listen: (channel, onNews) =>
      broker.listen(channel, (news) => {
        if (world.chance(loss)) return;
        onNews(news);
        if (world.chance(loss)) onNews(news);
      }),
  };
}

/** A broker that doesn't know a retry from a new publish. */
function forgetful(broker: Broker, planted: boolean): Broker {
  return planted
    ? {
        ...methods(broker),
        append: (channel, append) => broker.append(channel, { ...append, producer: undefined }),
      }
    : broker;
}

export function methods(broker: Broker): Broker {
  return {
    append: (channel, append) => broker.append(channel, append),
    read: (channel, range) => broker.read(channel, range),
    compact: (channel, epoch, snapshot) => broker.compact(channel, epoch, snapshot),
    listen: (channel, onNews) => broker.listen(channel, onNews),
    close: () => broker.close(),
  };
}

function idOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'id' in value ? String(value.id) : '?';
}
