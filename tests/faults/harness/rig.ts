/**
 * What a scenario plays on: nodes, clients that have a fault proxy each on their way, and the history. It starts all of it, lets the
 * scenario do harm, heals, asks whether all came right, reads the logs by way of every node, and takes all down again.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@syncline/protocol/testing';
import { systemClock } from '@syncline/protocol/wire';
import { FaultProxy, type Link } from '../proxy.ts';
import type { Beside } from './beside.ts';
import { resourcesSpare } from './checker/processes.ts';
import { Crowd } from './crowd.ts';
import { type GuestPlan, type GuestPlant, guestPlants } from './guest.ts';
import { type LineOf, Recorder } from './history.ts';
import { name as serverName } from './names.ts';
import { Node, type NodePlan, type NodePlant, nodePlants } from './node.ts';
import { RedisStore } from './redis.ts';
import { Secrets } from './secrets.ts';
import { isStanding, type Setting } from './setting.ts';
import { Standing } from './standing.ts';
import { Folder, type Store } from './store.ts';

const rooms = ['chat/a', 'chat/b', 'brief/c'] as const;

export interface RigOptions {
  readonly seed: number;
  /** Where the history goes, and what nodes store. */
  readonly dir: string;
  readonly plant?: GuestPlant | NodePlant | null;
}

/** How late an event loop was. */
type Late = Pick<LineOf<'loop'>, 'p999Ms' | 'maxMs' | 'busyMs'>;

/** How long may be waited for all to come right; the checker then says whether that was soon enough. */
const settleMs = 90_000;
/** How long nodes may take to let go of what nobody needs any more. */
const restMs = 15_000;

export class Rig {
  readonly setting: Setting;
  readonly files: { readonly crowd: string; readonly harness: string };
  /** From 0 up to 1, from the seed. */
  readonly random: () => number;
  readonly nodes: Node[] = [];
  /** The ways of the clients that faults are meant for, by client. */
  readonly doors = new Map<string, FaultProxy>();
  readonly recorder: Recorder;
  readonly #options: RigOptions;
  readonly #controlDoors: FaultProxy[] = [];
  readonly #secrets: Secrets;
  #standing: Standing | undefined;
  #store: Store | undefined;
  #crowd: Crowd | undefined;
  #beside: Beside | undefined;
  #started = 0;
  #turn = 0;

  private constructor(setting: Setting, options: RigOptions) {
    this.setting = setting;
    this.#options = options;
    this.random = seeded(options.seed);
    mkdirSync(options.dir, { recursive: true });
    this.files = { crowd: join(options.dir, 'crowd.jsonl'), harness: join(options.dir, 'harness.jsonl') };
    this.recorder = new Recorder(this.files.harness);
    this.#secrets = new Secrets(this.recorder);
  }

  /** Does harm to a setting and sees it through to its end. The history is complete then, also where this rejects. */
  static async play(
    setting: Setting,
    options: RigOptions,
    harm: (rig: Rig, seconds: number) => Promise<void>,
  ): Promise<void> {
    const rig = new Rig(setting, options);
    try {
      await rig.#open();
      const revoked = rig.#standing?.revoke(0.4 * setting.seconds * 1000);
      await harm(rig, setting.seconds);
      await rig.#judgeable(revoked);
    } finally {
      await rig.#close();
    }
  }

  /** The node that a scenario picks on; the control client is on another one where there is another. */
  get node(): Node {
    const node = this.nodes.find(({ running }) => running);
    if (!node) throw new Error('No node is running.');
    return node;
  }

  /** What a node over a folder stores. */
  get folder(): Folder {
    if (this.#store instanceof Folder) return this.#store;
    throw new Error('These nodes have no folder.');
  }

  /** What nodes over Redis store. */
  get redis(): RedisStore {
    if (this.#store instanceof RedisStore) return this.#store;
    throw new Error('These nodes have no Redis.');
  }

  /** What runs beside nodes and clients, if it is one of these. */
  beside<T extends Beside>(type: abstract new (...args: never[]) => T): T {
    if (this.#beside instanceof type) return this.#beside;
    throw new Error(`No ${type.name} runs here.`);
  }

  /** Tells the history of a fault. */
  fault(name: string, on: string): void {
    this.recorder.tell('harness', { type: 'fault', name, on });
  }

  /** Some time of the scenario's, during which clients go on. */
  wait(ms: number): Promise<void> {
    return sleep(ms);
  }

  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  pick<T>(list: readonly T[]): T {
    const one = list[Math.floor(this.random() * list.length)];
    if (one === undefined) throw new Error('There is nothing to pick from.');
    return one;
  }

  /** A client's newest connection; undefined while it has none. */
  link(client: string): Link | undefined {
    return this.doors.get(client)?.links.findLast(({ open }) => open);
  }

  get clients(): string[] {
    return [...this.doors.keys()];
  }

  /** Starts one more node. Clients that dial from now on may get to it. */
  async startNode(): Promise<Node> {
    const name = `node${this.#started++}`;
    const start = { ...this.setting.start, by: this.#beside?.by ?? [] };
    const node = await Node.start(name, await this.#planOf(name), this.recorder, start);
    this.nodes.push(node);
    this.#lead();
    await this.#standing?.listen(node);
    return node;
  }

  /** Starts a node that has to end by itself before it serves; what it said. @throws Error when it serves */
  async startInVain(): Promise<string> {
    const name = `node${this.#started++}`;
    return Node.startInVain(name, await this.#planOf(name));
  }

  /** A node on which the control client is not. */
  get nodeBeside(): Node {
    const port = this.#controlDoors[0]?.links.findLast(({ open }) => open)?.to;
    const node = this.nodes.find((one) => one.running && one.port !== port);
    if (!node) throw new Error('The control client is on the only node.');
    return node;
  }

  /** The way of a client begins at another address from now on; at the old one nobody is. */
  async move(client: string, host: string): Promise<void> {
    const old = this.doors.get(client);
    if (!old) throw new Error(`There is no way of ${client}.`);
    const { port } = old;
    await old.close();
    this.doors.set(client, await this.#door({ port, host }));
  }

  async #planOf(name: string): Promise<NodePlan> {
    const { plant } = this.#options;
    return {
      port: 0,
      broker: await this.store.planFor(name),
      numbers: this.setting.numbers ?? {},
      quirks: { ...this.setting.quirks, ...this.#beside?.quirks },
      secret: this.#secrets.key,
      plant: nodePlants.find((one) => one === plant) ?? null,
    };
  }

  /** Where this run's clients come with what. */
  #comes(name: string): Pick<GuestPlan, 'secure' | 'tokenUrl' | 'host'> {
    const { tokenUrl, quirks } = this.#beside ?? {};
    return {
      ...(this.setting.byName && { host: serverName }),
      secure: quirks?.tls !== undefined,
      ...(tokenUrl !== undefined && { tokenUrl: `${tokenUrl}${name}` }),
    };
  }

  async joins(guests: readonly Omit<GuestPlan, 'port'>[], control = false): Promise<void> {
    const plans: GuestPlan[] = [];
    for (const guest of guests) {
      const door = await (control ? this.#controlDoor() : this.#door());
      if (!control) this.doors.set(guest.name, door);
      const token = this.#standing && { token: await this.#secrets.token(guest.name) };
      plans.push({ ...this.#comes(guest.name), ...token, ...guest, port: door.port });
    }
    await this.crowd.ask({ do: 'join', guests: plans });
  }

  get store(): Store {
    if (!this.#store) throw new Error('There is no store yet.');
    return this.#store;
  }

  get crowd(): Crowd {
    if (!this.#crowd) throw new Error('There is no crowd yet.');
    return this.#crowd;
  }

  async #open(): Promise<void> {
    const { seed, plant } = this.#options;
    const {
      topology,
      ack = 'stored',
      nodes = topology === 'disk' ? 1 : 2,
      clients = 8,
      perSecond = 40,
      fillingBytes = 0,
      transports = [],
    } = this.setting;
    this.#store =
      topology === 'disk'
        ? new Folder(join(this.#options.dir, 'data'))
        : await RedisStore.start(topology, {
            seed: Math.floor(this.random() * 2 ** 31),
            ack,
            password: this.#secrets.password,
          });
    this.#beside = await this.setting.beside?.(this.#options.dir);
    for (let i = 0; i < nodes; i++) await this.startNode();
    const plan = {
      file: this.files.crowd,
      seed,
      rooms,
      plant: guestPlants.find((one) => one === plant) ?? null,
      secret: this.#secrets.payload,
    };
    const cry = (text: string) => this.recorder.tell('crowd', { type: 'cry', text });
    this.#crowd = await Crowd.start(plan, cry, { env: this.#beside?.env ?? {} });
    if (this.setting.byName) await this.#crowd.ask({ do: 'resolve', to: '127.0.0.1' });
    if (isStanding(this.setting)) this.#standing = new Standing(this, this.#secrets);
    await this.joins([{ name: 'control', publishes: true, patienceMs: null, enters: true }], true);
    await this.joins(
      Array.from({ length: clients }, (_, i) => ({
        name: `client${i}`,
        publishes: i < clients / 2,
        // One in four gives up soon, so that outcomes are unknown too.
        patienceMs: i % 4 === 3 ? 1500 : null,
        // All are told of each member: of a crowd some are enough.
        enters: i % 2 === 0 && i < 40,
        edits: i < 3 && this.#standing !== undefined,
        transport: transports[i % transports.length] ?? 'websocket',
      })),
    );
    if (this.setting.repeats ?? !this.setting.terms?.loses) await this.#repeat();
    await this.#standing?.begin(() => this.#controlDoor());
    await this.#settled();
    await this.crowd.ask({ do: 'publish', perSecond, fillingBytes });
    await sleep(300);
    await this.#standing?.warm();
  }

  async #repeat(): Promise<void> {
    const ports: number[] = [];
    for (const name of ['repeater, one way', 'repeater, another way']) {
      const door = await this.#door();
      this.doors.set(name, door);
      ports.push(door.port);
    }
    await this.crowd.ask({ do: 'repeat', name: 'repeater', ports });
  }

  /** Heals, waits until all has come right or can't any more, and puts down what the checker asks for. */
  async #judgeable(revoked: Promise<void> | undefined): Promise<void> {
    await this.store.heal();
    for (const node of this.nodes) if (node.running) node.thaw();
    if (!this.nodes.some(({ running }) => running)) await this.startNode();
    for (const door of this.doors.values()) door.heal();
    this.recorder.tell('harness', { type: 'heal' });
    await revoked;
    await this.#standing?.revokeAgain();
    await this.crowd.ask({ do: 'publish', perSecond: 0, fillingBytes: 0 });
    this.recorder.tell('harness', { type: 'settled', ...(await this.#settled()) });
    const nodes = this.nodes
      .filter(({ running }) => running)
      .map(({ name, port, host }) => ({ ...this.#comes(name), name, port, host }));
    await this.#standing?.look();
    await this.crowd.ask({ do: 'logs', nodes });
    const { longestMs } = await this.crowd.ask({ do: 'finish' });
    this.recorder.tell('crowd', { type: 'starved', ms: longestMs });
    for (const node of this.nodes) {
      if (!node.running) continue;
      await this.#rest(node);
      await this.#tellSelf(node);
    }
  }

  #settled(): Promise<{ readonly ms: number; readonly left: readonly string[] }> {
    return this.crowd.ask({ do: 'settle', withinMs: settleMs });
  }

  /** What a node says of itself, once everyone has left. */
  async #tellSelf(node: Node): Promise<void> {
    this.recorder.tell(node.name, { type: 'loop', ...(await node.ask<Late>({ do: 'loop' })) });
    const metrics = await node.ask<Record<string, number>>({ do: 'metrics' });
    this.recorder.tell(node.name, { type: 'metrics', left: true, metrics });
  }

  /** Waits until a node holds nothing of those who are gone, and tells what it holds then. */
  async #rest(node: Node): Promise<void> {
    const until = systemClock.now() + restMs;
    for (;;) {
      const after = await node.holdings();
      const { sessionsOpen, cursorsOpen, membersOpen, channelsOpen } = after;
      const fewer = after.resources <= node.before.resources + resourcesSpare;
      const over = fewer && sessionsOpen + cursorsOpen + membersOpen + channelsOpen === 0;
      if (over || systemClock.now() > until)
        return this.recorder.tell(node.name, { type: 'rest', before: node.before, after });
      await sleep(50);
    }
  }

  /** A way to the nodes: each connection goes to the next node that runs. */
  async #door(at?: { readonly port: number; readonly host: string }): Promise<FaultProxy> {
    const seed = Math.floor(this.random() * 2 ** 31);
    const door = await FaultProxy.open(this.node.port, systemClock, seed, at);
    door.onLink = () => this.#aim(door);
    this.#aim(door);
    return door;
  }

  /** One that no fault is meant for. */
  async #controlDoor(): Promise<FaultProxy> {
    const door = await this.#door();
    this.#controlDoors.push(door);
    return door;
  }

  #aim(door: FaultProxy): void {
    const running = this.nodes.filter((node) => node.running);
    const node = running[this.#turn++ % running.length];
    if (node) door.retarget(node.port, node.host);
  }

  #lead(): void {
    for (const door of [...this.#controlDoors, ...this.doors.values()]) this.#aim(door);
  }

  async #close(): Promise<void> {
    await this.#crowd?.close();
    for (const node of this.nodes) if (node.running) await node.kill();
    await this.#store?.close();
    await this.#beside?.close();
    this.#standing?.close();
    await Promise.all([...this.#controlDoors, ...this.doors.values()].map((door) => door.close()));
    this.recorder.flush();
  }
}
