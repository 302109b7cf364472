/**
 * The topology of a Redis Cluster: a place for each master that has slots. It asks the Cluster which those are, at the start, whenever
 * something is refused or lost, and now and then; what it is told by errors in between holds at once. It knows no scripts.
 */
import type { Cancel } from '@syncline/protocol/wire';
import { type Address, Connection, nameOf } from './connection.ts';
import { Refused, Unanswered, Unfit } from './faults.ts';
import { Place } from './place.ts';
import { type Range, rangesOf, redirectionOf, slotCount, slotOf, tagIn } from './slots.ts';
import { type AddressMap, type PlaceTools, type Route, reach, type Topology } from './topology.ts';

/** How often the Cluster is asked besides. */
const askedMs = 5000;
/** It is not asked more often than this. */
const apartMs = 100;
/** What is moving is tried again after so long. */
const movingMs = 50;
/** A master without slots is kept for so long after something was sent to it: a slot may be on its way there. */
const askedPlaceMs = 30_000;

export interface ClusterSetting {
  readonly tools: PlaceTools;
  /** Some of its nodes; one that answers is enough. */
  readonly nodes: readonly Address[];
  readonly addressMap?: AddressMap | undefined;
  /** Called when it was heard who has which slots, and whether that is not as it was. */
  onSlots(changed: boolean): void;
  /** Called when the Cluster ends a subscription, since its slot has gone. */
  onLost(topic: string, connection: Connection): void;
  /** Called with a place that is no more. */
  onGone(place: Place): void;
}

export class Cluster implements Topology {
  readonly sharded = true;
  readonly ready: Promise<void>;
  readonly #setting: ClusterSetting;
  readonly #places = new Map<string, Place>();
  readonly #slots: (Place | undefined)[] = new Array<Place | undefined>(slotCount).fill(undefined);
  /** Until when places without slots are kept. */
  readonly #kept = new Map<Place, number>();
  #asking: Promise<void> | undefined;
  /** Whether to ask once more when the answer is there: it may be older than the question. */
  #again = false;
  #telling = false;
  #cancel: Cancel = () => {};
  #closed = false;

  constructor(setting: ClusterSetting) {
    this.#setting = setting;
    this.ready = this.#start();
    this.#later();
  }

  placeOf(key: string): Place | undefined {
    return this.#slots[slotOf(key)];
  }

  places(): readonly Place[] {
    return [...this.#places.values()];
  }

  async redirect(thrown: unknown, route: Route, key: string): Promise<Route | undefined> {
    if (!(thrown instanceof Refused)) return undefined;
    const { dial, commandMs } = this.#setting.tools;
    if (thrown.word === 'TRYAGAIN') {
      await new Promise<void>((resolve) => dial.clock.timer(movingMs, resolve));
      return { place: this.placeOf(key) ?? route.place, asking: false };
    }
    const to = this.#follow(thrown, route.place);
    if (!to) return undefined;
    // A master that nobody has spoken to yet takes a moment to connect to.
    let cancel: Cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = dial.clock.timer(commandMs, resolve);
    });
    await Promise.race([to.place.ready, late]);
    cancel();
    return to;
  }

  /** Asks the Cluster anew who has what. Called when something there is not as it was. */
  refresh(): void {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = this.#refresh().finally(() => {
      this.#asking = undefined;
      const again = this.#again && !this.#closed;
      this.#again = false;
      if (again) this.refresh();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const place of this.#places.values()) place.close();
  }

  #follow(refused: Refused, from: Place): Route | undefined {
    const to = redirectionOf(refused.message);
    if (!to || this.#closed) return undefined;
    const said = to.host === '' ? hostOf(from.name) : to.host;
    const place = this.#place({ host: said, port: to.port });
    const { clock } = this.#setting.tools.dial;
    this.#kept.set(place, clock.now() + askedPlaceMs);
    if (!to.asking && this.#slots[to.slot] !== place) {
      this.#slots[to.slot] = place;
      this.#tellSoon();
      this.refresh();
    }
    return { place, asking: to.asking };
  }

  /** Tells of slots that moved, once for all that are heard of in this turn: many may go at a time, and each telling looks at every topic. */
  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    this.#setting.tools.dial.clock.endOfTurn(() => {
      this.#telling = false;
      if (!this.#closed) this.#setting.onSlots(true);
    });
  }

  async #start(): Promise<void> {
    const { dial, onDown } = this.#setting.tools;
    while (!this.#closed) {
      try {
        this.#take(await this.#ask());
        break;
      } catch (thrown) {
        onDown(thrown instanceof Error ? thrown : new Error(String(thrown)));
        await new Promise<void>((resolve) => dial.clock.timer(apartMs * (1 + dial.clock.random()), resolve));
      }
    }
    const waiting = (): Place[] => this.places().filter((place) => !place.wasReady);
    // Some may be replaced by others meanwhile.
    while (waiting().length > 0) await Promise.race(waiting().map((place) => place.ready));
  }

  #later(): void {
    const { clock } = this.#setting.tools.dial;
    this.#cancel = clock.timer(askedMs * (0.5 + clock.random()), () => {
      this.#later();
      this.refresh();
    });
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#setting.tools.dial;
    try {
      this.#take(await this.#ask());
    } catch {
      // Nobody answers: places say so themselves, and ask again when they have tried again.
    }
    await new Promise<void>((resolve) => clock.timer(apartMs, resolve));
  }

  /** Asks one that is connected, or else anyone who was ever named, until one answers. */
  async #ask(): Promise<readonly Range[]> {
    const { tools, nodes } = this.#setting;
    const { clock, connectMs } = tools.dial;
    const random = <Item>(items: readonly Item[]): Item[] => {
      return items
        .map((item) => ({ item, at: clock.random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item);
    };
    let failure: unknown;
    for (const place of random(this.places().filter((one) => one.address))) {
      try {
        const ranges = rangesOf(await place.send(['CLUSTER', 'SLOTS'], connectMs), hostOf(place.name));
        if (ranges.length > 0) return ranges;
      } catch (thrown) {
        failure = thrown;
      }
    }
    for (const node of random(nodes)) {
      try {
        const ranges = await this.#askNode(node);
        if (ranges.length > 0) return ranges;
        failure = new Unanswered(`The Cluster at ${nameOf(node)} has no slots yet.`);
      } catch (thrown) {
        failure = thrown;
      }
    }
    throw failure;
  }

  async #askNode(node: Address): Promise<readonly Range[]> {
    const { dial } = this.#setting.tools;
    const connection = await Connection.open(dial, node, () => {});
    try {
      const reply = await connection.send(['CLUSTER', 'SLOTS'], dial.connectMs);
      const ranges = rangesOf(reply, 'host' in node ? node.host : 'localhost');
      if (dial.tls && ranges.length === 0 && Array.isArray(reply) && reply.length > 0)
        throw new Unfit(
          `The Cluster at ${nameOf(node)} names no ports for TLS: set \`tls-cluster yes\` in each of its nodes.`,
        );
      return ranges;
    } catch (thrown) {
      if (thrown instanceof Refused && /cluster support disabled/.test(thrown.message))
        throw new Unfit(
          `The Redis at ${nameOf(node)} belongs to no Cluster: give its address as \`url\` instead.`,
        );
      throw thrown;
    } finally {
      connection.close();
    }
  }

  /** Takes over who has which slots; who has none any more is left. */
  #take(ranges: readonly Range[]): void {
    if (this.#closed) return;
    const { tools, onSlots, onGone } = this.#setting;
    const slots = new Array<Place | undefined>(slotCount).fill(undefined);
    for (const { from, to, host, port } of ranges) slots.fill(this.#place({ host, port }), from, to + 1);
    let changed = false;
    for (const [slot, place] of slots.entries()) {
      changed ||= this.#slots[slot] !== place;
      this.#slots[slot] = place;
    }
    const used = new Set(slots);
    const now = tools.dial.clock.now();
    for (const [name, place] of this.#places) {
      if (used.has(place) || (this.#kept.get(place) ?? 0) > now) continue;
      this.#places.delete(name);
      this.#kept.delete(place);
      place.close();
      onGone(place);
    }
    const missing = slots.filter((place) => !place).length;
    if (missing === 0) tools.condition.fine('slots');
    else tools.condition.trouble('slots', `${missing} slots of the Cluster have no master.`);
    onSlots(changed);
  }

  #place(said: { readonly host: string; readonly port: number }): Place {
    const name = nameOf(said);
    const known = this.#places.get(name);
    if (known) return known;
    const { tools, addressMap } = this.#setting;
    const { dial, condition, prefix, id, commandMs, replicated, onMessage } = tools;
    const address = reach(said, addressMap);
    const place: Place = new Place({
      dial,
      condition,
      name,
      sharded: true,
      commandMs,
      replicated,
      onMessage,
      find: async () => address,
      check: (connection) => tools.check(connection, 'cluster'),
      probe: {
        topic: () => {
          if (!this.#slots.includes(place)) return undefined;
          return `${prefix}:{${tagIn((slot) => this.#slots[slot] === place)}}:probe:${id}`;
        },
        holds: (topic) => this.placeOf(topic) === place,
      },
      onSubscriber: async (connection) => {
        connection.onMoved((topic) => {
          this.#setting.onLost(topic, connection);
          this.refresh();
        });
        await tools.onSubscriber(place, connection);
      },
      onDown: (why) => {
        tools.onDown(why);
        this.refresh();
      },
    });
    this.#places.set(name, place);
    return place;
  }
}

/** The host of a place, which is named by host and port. */
function hostOf(name: string): string {
  return name.slice(0, name.lastIndexOf(':'));
}
