/**
 * One simulated run of a document from a seed: some clients edit it over bad links, are killed and come back with what they kept,
 * while the node crashes, starts again, and now and then with an older log or none. Then all heals, and copies are compared.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DocChannel } from '@syncline/client/doc';
import { createClientWith, Shelf, type Transport } from '@syncline/client/internal';
import { defineChannels, doc } from '@syncline/protocol';
import { updateEntry } from '@syncline/protocol/wire';
import type { Broker } from '@syncline/server/internal';
import * as Y from 'yjs';
import { type Injected, noFaults } from './faults.ts';
import { Network } from './link.ts';
import { SimNode } from './node.ts';
import { badNetwork, lossyNews, methods } from './scenario.ts';
import { type Life, World } from './world.ts';

/** Bugs that the judge must find. */
export type DocPlant = 'lose-edit' | 'forget-edits';

export interface DocRun {
  readonly seed: number;
  readonly plant?: DocPlant;
}

export interface DocOutcome {
  readonly faults: readonly string[];
  readonly injected: Injected;
  readonly edits: number;
  readonly crashes: number;
  readonly kills: number;
  readonly folds: number;
  /** How often the log was lost or an older one taken. */
  readonly losses: number;
}

const channels = defineChannels({ 'board/:id': doc() });
const name = 'board/a';
const troubleMs = 60_000;
/** Longest wait, request and heartbeat; and the time after which a lost log is mended. */
const healMs = 90_000;
const heartbeatMs = 5_000;

/** A client of one life. */
interface Tab {
  readonly life: Life;
  readonly transport: Transport;
  readonly board: DocChannel;
  readonly close: () => void;
  /** By the number that they go by, how far its own edits reach, and how far they are known to be stored. */
  readonly made: Map<number, number>;
  readonly saved: Map<number, number>;
}

/** A place where somebody sits, with a machine that keeps the document, or doesn't. */
interface Seat {
  readonly name: string;
  readonly shelf: Shelf | undefined;
  tab: Tab | undefined;
}

/** What is only loaded when it is needed takes turns that no seed decides; so all is loaded once before. */
let loaded: Promise<unknown> | undefined;

export async function simulateDoc(options: DocRun): Promise<DocOutcome> {
  loaded ??= run({ seed: 0 });
  await loaded;
  return await run(options);
}

async function run({ seed, plant }: DocRun): Promise<DocOutcome> {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-simulation-'));
  try {
    return await new Run(seed, plant, dir).run();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

class Run {
  readonly #world: World;
  readonly #network: Network;
  readonly #node: SimNode;
  readonly #plant: DocPlant | undefined;
  readonly #data: string;
  readonly #copy: string;
  readonly #seats: Seat[];
  /** Every edit that was made by anybody: what all must come to, if nobody was killed who had kept nothing. */
  readonly #oracle = new Y.Doc();
  /** By the number that they go by, how far the edits reach that can't be lost whatever happens to the log. */
  readonly #sure = new Map<number, number>();
  /** And those that can't be lost while the log lives. */
  readonly #stored = new Map<number, number>();
  #widows = 0;
  #end = 0;
  readonly #faults: string[] = [];
  #edits = 0;
  #kills = 0;
  #losses = 0;

  constructor(seed: number, plant: DocPlant | undefined, dir: string) {
    this.#plant = plant;
    this.#data = join(dir, 'data');
    this.#copy = join(dir, 'copy');
    const world = new World(seed);
    this.#world = world;
    this.#network = new Network(world);
    const loss = world.chance(0.5) ? 0.1 : 0;
    const tamper = (broker: Broker) => losing(lossyNews(broker, world, loss), plant === 'lose-edit');
    const tailEntriesMax = world.whole(1, 40);
    // As often as it can, or never.
    const docFoldEntriesMax = world.chance(0.7) ? world.whole(1, 20) : 500;
    const settings = { channels, heartbeatMs, tailEntriesMax, docFoldEntriesMax, tamper };
    const fill = (_: string, d: Y.Doc) => d.getText('text').insert(0, 'seed ');
    const seeded = world.chance(0.5);
    if (seeded) Y.applyUpdate(this.#oracle, begun(fill));
    this.#node = new SimNode(world, { dir: this.#data, ...settings, ...(seeded && { seed: fill }) });
    this.#network.door = this.#node.door;
    this.#seats = Array.from({ length: world.whole(2, 4) }, (_, i) => ({
      name: `client${i}`,
      shelf: world.chance(0.5) ? new Shelf() : undefined,
      tab: undefined,
    }));
  }

  async run(): Promise<DocOutcome> {
    this.#end = this.#world.now + troubleMs;
    this.#node.start();
    this.#network.faults = badNetwork(this.#world);
    for (const seat of this.#seats) this.#sit(seat);
    for (const seat of this.#seats) this.#planEdit(seat);
    this.#planCrash();
    this.#planKill();
    await this.#world.run(troubleMs);
    this.#network.faults = noFaults;
    if (!this.#node.up) this.#node.start();
    this.#network.breakAll();
    const late: Seat = { name: 'late', shelf: undefined, tab: undefined };
    this.#seats.push(late);
    for (const seat of this.#seats) if (!seat.tab) this.#sit(seat);
    await this.#world.run(healMs);
    this.#judge();
    for (const { tab } of this.#seats) tab?.close();
    this.#node.crash();
    const { injected } = this.#network;
    const { crashes, folds } = this.#node;
    const counts = { edits: this.#edits, kills: this.#kills, losses: this.#losses, crashes, folds };
    return { faults: this.#faults, injected, ...counts };
  }

  /** Somebody opens the document. */
  #sit(seat: Seat): void {
    const life = this.#world.life();
    const transport = this.#network.transport();
    const client = createClientWith(
      { clock: life.clock, transport, lifecycle: () => () => {} },
      { url: 'ws://simulated', onError: () => {} },
    );
    const board = client.doc(name, seat.shelf ? { persist: seat.shelf } : {});
    board.doc.clientID = this.#world.whole(1, 2 ** 31);
    const [made, saved] = [new Map<number, number>(), new Map<number, number>()];
    const tab: Tab = { life, transport, board, made, saved, close: () => client.close() };
    seat.tab = tab;
    board.open();
    board.on('replaced', ({ reason }) =>
      this.#faults.push(`D4 ${seat.name} was given another document: ${reason}`),
    );
    board.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === board) return;
      Y.applyUpdate(this.#oracle, update);
      made.set(board.doc.clientID, own());
    });
    const own = () => Y.getState(board.doc.store, board.doc.clientID);
    board.sync.subscribe(() => {
      if (board.sync.get().unsaved === 0) saved.set(board.doc.clientID, own());
    });
  }

  #planEdit(seat: Seat): void {
    const world = this.#world;
    const edit = () => {
      const { tab, shelf } = seat;
      // What is kept is opened first; who edits before that takes its chance.
      const ready = tab && (!shelf || shelf.living.size > 0);
      if (ready) for (let i = world.chance(0.2) ? 8 : 1; i > 0; i--) this.#edit(tab.board.doc);
      if (world.now < this.#end) world.after(world.between(10, 3_000), edit);
    };
    world.after(world.between(20, 500), edit);
  }

  #edit(doc: Y.Doc): void {
    const world = this.#world;
    this.#edits++;
    const [text, map, list] = [doc.getText('text'), doc.getMap('map'), doc.getArray('list')];
    const at = world.whole(0, 100);
    const key = `k${at % 4}`;
    const shape = map.get(key);
    const word = `${this.#edits} `;
    const acts = [
      () => text.insert(at % (text.length + 1), word),
      () => text.insert(at % (text.length + 1), word.repeat(30)),
      () => text.length > 0 && text.delete(at % text.length, Math.min(5, text.length - (at % text.length))),
      () => map.set(key, word),
      () => map.delete(key),
      () => map.set(key, new Y.Map(Object.entries({ x: at }))),
      () => shape instanceof Y.Map && shape.set('x', word),
      () => list.insert(at % (list.length + 1), [word, at]),
      () => list.length > 0 && list.delete(at % list.length, 1),
    ];
    doc.transact(() => acts[world.whole(0, acts.length - 1)]?.());
  }

  /** The node crashes; what it starts with again may be an older log, or none. */
  #planCrash(): void {
    const world = this.#world;
    world.after(world.between(3_000, 25_000), () => {
      if (world.now > this.#end) return;
      this.#node.crash();
      this.#network.breakAll();
      const fate = world.random();
      if (fate < 0.15) {
        this.#losses++;
        rmSync(this.#data, { recursive: true, force: true });
      } else if (fate < 0.3 && existsSync(this.#copy)) {
        this.#losses++;
        cpSync(this.#copy, this.#data, { recursive: true, force: true });
      } else cpSync(this.#data, this.#copy, { recursive: true });
      world.after(world.between(10, 5_000), () => {
        if (!this.#node.up) this.#node.start();
        this.#planCrash();
      });
    });
  }

  /** Somebody's page goes, and comes back later. */
  #planKill(): void {
    const world = this.#world;
    world.after(world.between(5_000, 30_000), () => {
      if (world.now > this.#end) return;
      const seat = this.#seats[world.whole(0, this.#seats.length - 1)];
      if (seat?.tab) this.#kill(seat, seat.tab);
      this.#planKill();
    });
  }

  #kill(seat: Seat, tab: Tab): void {
    this.#kills++;
    tab.life.kill();
    this.#network.forget(tab.transport);
    seat.tab = undefined;
    seat.shelf?.kill();
    if (this.#plant === 'forget-edits') seat.shelf?.edits.clear();
    for (const [author, clock] of tab.saved) this.#stored.set(author, clock);
    if (seat.shelf) for (const [author, clock] of tab.made) this.#sure.set(author, clock);
    else this.#widows++;
    this.#world.after(this.#world.between(10, 5_000), () => {
      if (!seat.tab) this.#sit(seat);
    });
  }

  #judge(): void {
    const tabs = this.#seats.flatMap((seat) => (seat.tab ? { name: seat.name, ...seat.tab } : []));
    const [first] = tabs;
    if (!first) return;
    const final = content(first.board.doc);
    for (const { name, board, made } of tabs) {
      const { state, unsaved } = board.sync.get();
      if (state !== 'synced') this.#faults.push(`D1 ${name} is ${state}, with ${unsaved} edits unsaved`);
      const theirs = content(board.doc);
      if (theirs !== final) this.#faults.push(`D2 ${name} has ${theirs}, where ${first.name} has ${final}`);
      for (const [author, clock] of made) this.#sure.set(author, clock);
    }
    const held = Y.snapshot(first.board.doc).sv;
    const lost = (kind: string, from: ReadonlyMap<number, number>) => {
      for (const [author, clock] of from)
        if (Number(held.get(author) ?? 0) < clock)
          this.#faults.push(`${kind}: of ${author}'s edits ${held.get(author) ?? 0} of ${clock} are left`);
    };
    lost('D3 an edit was lost', this.#sure);
    if (this.#losses === 0) lost('D3 a stored edit was lost', this.#stored);
    const oracle = content(this.#oracle);
    if (this.#widows === 0 && oracle !== final)
      this.#faults.push(`D2 all have ${final}, where it should be ${oracle}`);
    if (this.#edits < 20) this.#faults.push(`D5 the run saw only ${this.#edits} edits`);
  }
}

/** Everything that a reader sees, and what of each author is there or deleted. */
function content(doc: Y.Doc): string {
  const { sv, ds } = Y.snapshot(doc);
  const inOrder = (authors: ReadonlyMap<number, unknown>) => [...authors].sort(([a], [b]) => a - b);
  const map = Object.entries(doc.getMap('map').toJSON()).sort(([a], [b]) => (a < b ? -1 : 1));
  const seen = [doc.getText('text').toString(), map, doc.getArray('list').toJSON()];
  const waiting = doc.store.pendingStructs ? 'something waits' : '';
  return JSON.stringify([seen, inOrder(sv), inOrder(ds.clients), waiting]);
}

/** What a document begins with that is filled by a server (rule Y3). */
function begun(fill: (channel: string, doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = 0;
  fill(name, doc);
  return Y.encodeStateAsUpdate(doc);
}

/** A broker that stores nothing of every 20th edit, and says that it did. */
function losing(broker: Broker, planted: boolean): Broker {
  let count = 0;
  const nothing = updateEntry(Y.encodeStateAsUpdate(new Y.Doc()));
  return {
    ...methods(broker),
    append: (channel, append) =>
      broker.append(channel, planted && ++count % 20 === 0 ? { ...append, data: nothing } : append),
  };
}
