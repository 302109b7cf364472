/**
 * Who holds which key on several nodes, against a model that is a map: clients move, sessions that are over end late, nodes freeze, die
 * and go on, in any order. Once all that is over, whoever is still in is in by the node that it entered last, and nobody else is.
 */
import { defineChannels, SyncError, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { lookup, readStateEntry, type StateValue, setEntry } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Broker } from '../broker/broker.ts';
import { memory } from '../broker/memory.ts';
import { Hub } from '../hub.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { meddle, turns } from '../testing/meddle.ts';
import { type MemoryNode, memoryNodes, onNode } from '../testing/nodes.ts';
import { Turn } from '../turn.ts';

const lobby = 'chat/lobby?presence';
const find = lookup(defineChannels({ 'chat/:room': stream() }));
const nodesMax = 3;
const clientsMax = 4;

type Op =
  | { readonly op: 'enter'; readonly client: number; readonly node: number; readonly data: number }
  | { readonly op: 'leave' | 'drop'; readonly client: number }
  | { readonly op: 'late'; readonly pick: number }
  | { readonly op: 'freeze' | 'thaw' | 'watch' | 'lose' | 'fail'; readonly node: number }
  | { readonly op: 'kill'; readonly node: number }
  | { readonly op: 'pass'; readonly ms: number };

const node = fc.nat({ max: nodesMax - 1 });
const client = fc.nat({ max: clientsMax - 1 });
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant('enter' as const), client, node, data: fc.nat({ max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('leave' as const, 'drop' as const), client }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('late' as const), pick: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom(...(['freeze', 'thaw', 'watch', 'lose', 'fail'] as const)),
      node,
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('kill' as const), node }) },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.constantFrom(1, 500, 4000, 13_000) }),
  },
);

/** A session of a client on a node. */
interface Session {
  readonly node: Node;
  readonly holder: number;
}

interface Node {
  readonly own: MemoryNode;
  readonly hub: Hub;
  dead: boolean;
  /** The answer to its next append doesn't come, though it is stored. */
  loses: boolean;
  /** Its next append isn't stored, which nobody knows. */
  fails: boolean;
}

/** What a client believes of itself: where it is, and with what. */
interface Client {
  session: Session | undefined;
  data: number;
  /** It was told that nobody knows, so it says it again. */
  unsure: boolean;
}

class World {
  readonly clock = fakeClock();
  readonly #meddled = meddle(memory({ clock: this.clock }));
  readonly logs = this.#meddled.broker;
  readonly all = memoryNodes({ clock: this.clock });
  readonly nodes: Node[] = [];
  readonly clients: Client[] = Array.from({ length: clientsMax }, () => ({
    session: undefined,
    data: 0,
    unsure: false,
  }));
  /** Sessions that are over for their clients, which their nodes don't know yet. */
  readonly stale: Session[] = [];

  constructor() {
    for (let i = 0; i < nodesMax; i++) {
      const own = this.all.join();
      const whole = onNode(this.logs, own);
      const append: Broker['append'] = async (...given) => {
        const { fails } = node;
        node.fails = false;
        if (fails) throw new SyncError('unavailable');
        const appended = await whole.append(...given);
        if (!node.loses) return appended;
        node.loses = false;
        throw new SyncError('unavailable');
      };
      const broker = { ...whole, append, volatile: { ...whole, append } };
      const tools = {
        broker,
        clock: this.clock,
        turn: new Turn(this.clock),
        metrics: newMetrics(),
        logger: silentLogger,
      };
      const hub = new Hub(resolveNumbers({ presenceGraceMs: 2000, channelIdleMs: 5000 }), tools, find);
      const node: Node = { own, hub, dead: false, loses: false, fails: false };
      this.nodes.push(node);
    }
  }

  async do(one: Op): Promise<void> {
    // Two clients' acts at one time could be taken in either order.
    await this.clock.advance(1);
    switch (one.op) {
      case 'enter':
        return await this.#enter(one.client, one.node, one.data);
      case 'leave': {
        const { session } = this.#client(one.client);
        if (!session || session.node.own.frozen) return;
        await session.node.hub.leases.leave(session.holder, lobby, keyOf(one.client)).catch(() => {});
        this.#over(one.client);
        return;
      }
      case 'drop': {
        const { session } = this.#client(one.client);
        session?.node.hub.leases.release(session.holder, false);
        this.#client(one.client).session = undefined;
        return;
      }
      case 'late': {
        const [session] = this.stale.splice(one.pick % Math.max(1, this.stale.length), 1);
        session?.node.hub.leases.release(session.holder, false);
        return;
      }
      case 'freeze':
        return this.#node(one.node).own.freeze();
      case 'lose':
        this.#node(one.node).loses = true;
        return;
      case 'fail':
        this.#node(one.node).fails = true;
        return;
      case 'thaw': {
        const { own, dead } = this.#node(one.node);
        if (own.frozen && !dead) own.thaw();
        return;
      }
      case 'watch': {
        const { hub, own } = this.#node(one.node);
        if (!own.frozen) await hub.open(lobby).catch(() => {});
        return;
      }
      case 'kill':
        return this.#kill(one.node);
      case 'pass':
        return await this.clock.advance(one.ms);
    }
  }

  /** All is over that was under way: frozen nodes go on, sessions end, clients who weren't sure say it again. */
  async settle(): Promise<void> {
    for (const one of this.nodes) one.loses = one.fails = false;
    for (const { own, dead } of this.nodes) if (own.frozen && !dead) own.thaw();
    await this.clock.advance(100);
    for (const [i, { session, data, unsure }] of this.clients.entries())
      if (session && unsure) await this.#enter(i, this.nodes.indexOf(session.node), data, session.holder);
    for (const session of this.stale.splice(0)) session.node.hub.leases.release(session.holder, false);
    const living = this.nodes.filter(({ dead }) => !dead);
    // Somebody looks all the time, by each node.
    for (let i = 0; i < 30; i++) {
      for (const { hub } of living) await hub.open(lobby);
      await this.clock.advance(1000);
    }
    await turns(5);
  }

  /** What stands in the log, by key. */
  async members(): Promise<Record<string, readonly [string, string | undefined]>> {
    const range = { direction: 'after', offset: 0, entriesMax: 1e6, bytesMax: 1e9, keep: null } as const;
    const values = new Map<string, StateValue>();
    for (const entry of (await this.logs.read(lobby, range)).entries) {
      const change = readStateEntry(entry);
      if (change.op === 'set') values.set(change.key, change.value);
      else values.delete(change.key);
    }
    return Object.fromEntries([...values].map(([key, { text, node: by }]) => [key, [text, by] as const]));
  }

  /** What should. */
  expected(): Record<string, readonly [string, string | undefined]> {
    const there = this.clients.flatMap(({ session, data }, i) =>
      session ? [[keyOf(i), [String(data), session.node.own.id]] as const] : [],
    );
    return Object.fromEntries(there);
  }

  /** The logs are lost, and others are in their place. */
  lose(): void {
    this.#meddled.replace(memory({ clock: this.clock }));
  }

  async close(): Promise<void> {
    for (const { hub } of this.nodes) await hub.close();
    await this.logs.close();
  }

  #client(i: number): Client {
    const one = this.clients[i];
    if (!one) throw new Error(`There is no client ${i}.`);
    return one;
  }

  #node(i: number): Node {
    const one = this.nodes[i];
    if (!one) throw new Error(`There is no node ${i}.`);
    return one;
  }

  async #enter(i: number, at: number, data: number, known?: number): Promise<void> {
    const one = this.#client(i);
    const there = this.#node(at);
    if (there.dead) return;
    const { leases } = there.hub;
    const holder = known ?? (one.session?.node === there ? one.session.holder : leases.holder());
    if (one.session && one.session.node !== there) this.stale.push(one.session);
    one.session = { node: there, holder };
    one.data = data;
    one.unsure = false;
    const key = keyOf(i);
    const append = { data: setEntry(key, String(data)), key, from: key, keysMax: 10_000 };
    const entered = leases.enter(holder, { channel: lobby, key, append, tokenId: undefined });
    await Promise.race([
      entered.catch(() => {
        one.unsure = true;
      }),
      turns(10),
    ]);
  }

  /** It is over for the client; its node may still hold on. */
  #over(i: number): void {
    this.#client(i).session = undefined;
  }

  /** At least one goes on: somebody must be there to look. */
  #kill(i: number): void {
    const one = this.#node(i);
    if (one.dead || this.nodes.filter(({ dead }) => !dead).length === 1) return;
    one.dead = true;
    one.own.close();
    for (const each of this.clients) if (each.session?.node === one) each.session = undefined;
  }
}

function keyOf(i: number): string {
  return `client${i}`;
}

it('[N8] [N4] whatever happened, whoever is in is in by the node that it entered last, and nobody else is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 40 }), async (ops) => {
      const world = new World();
      for (const one of ops) await world.do(one);
      await world.settle();
      expect(await world.members()).toEqual(world.expected());
      await world.close();
    }),
    { numRuns: 300 },
  );
});

it('[N8] who comes back to a node that was taken for gone is in again, also where its first attempt to put that right failed', async () => {
  const world = new World();
  await world.do({ op: 'enter', client: 0, node: 0, data: 1 });
  await world.do({ op: 'freeze', node: 0 });
  await world.do({ op: 'pass', ms: 13_000 });
  await world.do({ op: 'watch', node: 1 });
  await expect.poll(() => world.members()).toEqual({});
  await world.do({ op: 'fail', node: 0 });
  await world.do({ op: 'thaw', node: 0 });
  await turns(10);
  await world.do({ op: 'drop', client: 0 });
  await world.do({ op: 'enter', client: 0, node: 0, data: 1 });
  await world.settle();
  expect(await world.members()).toEqual(world.expected());
  await world.close();
});

it('[N8] who is in on any node is entered into the log that takes the place of a lost one, also where it holds something older', async () => {
  const world = new World();
  for (const i of [0, 1, 2]) await world.do({ op: 'enter', client: i, node: i, data: i });
  await world.do({ op: 'pass', ms: 500 });
  world.lose();
  // As after a failover that lost the newest entries: of the second client something from before it moved stands there.
  const old = { data: '["client1",7,{"at":1,"node":"elsewhere"}]', key: 'client1', from: null, keep: null };
  await world.logs.append(lobby, old);
  await world.settle();
  expect(await world.members()).toEqual(world.expected());
  await world.close();
});
