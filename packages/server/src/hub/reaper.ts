/**
 * Members of nodes that are gone: any survivor that has their companion open removes them, on the condition that they are still what
 * it saw, so that each goes once whatever the race (rule N8). The hub has it follow each companion that several nodes share. It knows keys
 * and nodes; no session, and not who holds what here.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, deleteEntry, type StateValue } from '@syncline/protocol/wire';
import type { Broker, Nodes } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';
import type { Changed, Values } from '../fold/state.ts';
import { type Logger, type Metrics, reason } from '../observe.ts';
import { ByTurns } from './byturns.ts';
import type { Leases, MemberNews } from './leases.ts';

export interface ReaperTools {
  readonly nodes: Nodes;
  /** Knows the time by which entries are stamped. */
  readonly broker: Pick<Broker, 'now'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Who is told that a companion's log was read on, and knows which keys are somebody's here. */
  readonly leases: Pick<Leases, 'compare' | 'has'>;
  /** Left out where nobody wants to know who goes. */
  readonly news?: MemberNews | undefined;
}

/** A companion that is open here. */
interface Companion {
  readonly channel: Channel;
  readonly values: Values;
}

/** A member that is to be removed, if it is still of that version. */
interface Removal {
  readonly companion: Companion;
  readonly key: string;
  readonly value: StateValue;
}

/** How long after a failure something is tried again. */
const retryMs = 1000;
/** Members that are removed within one turn of the event loop. */
const removalsPerTurn = 256;
/**
 * An entry is a sign of life of the node that wrote it, for as long as any other: one that goes on, and of which Redis hasn't heard again,
 * enters its members as soon as they are removed, and the two would do so again and again.
 */
const aliveMs = 9000;
/** Nodes found gone that are remembered: of one of these an entry may still come. */
const goneMax = 1000;

export class Reaper {
  readonly #tools: ReaperTools;
  readonly #companions = new Map<string, Companion>();
  readonly #removals: ByTurns<Removal>;
  readonly #gone = new Set<string>();
  /** Nodes that are to be asked about: of many companions that open in one turn it is asked once. */
  readonly #toAsk = new Set<string>();
  #asking = false;
  /** Nodes that are asked about again when what they wrote last is old enough. */
  readonly #young = new Set<string>();
  readonly #stop: () => void;
  readonly #waits = new Set<() => void>();
  #closed = false;

  constructor(tools: ReaperTools) {
    this.#tools = tools;
    this.#removals = new ByTurns(tools.clock, removalsPerTurn, (removal) => void this.#remove(removal));
    this.#stop = tools.nodes.onGone((id) => this.#found(id));
  }

  /** What stands in a companion that is open. */
  values(name: string): Values | undefined {
    return this.#companions.get(name)?.values;
  }

  /** Follows a companion from now on; what is returned is told what changes. */
  follow(channel: Channel, values: Values): Changed {
    const { name } = channel.settings;
    const companion: Companion = { channel, values };
    this.#companions.set(name, companion);
    return (keys) => {
      if (this.#companions.get(name) !== companion) return;
      this.#tools.leases.compare(name, keys);
      this.#look(companion, keys);
    };
  }

  /** Its channel is closed. */
  unfollow(name: string): void {
    this.#companions.delete(name);
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#removals.clear();
    this.#companions.clear();
    for (const cancel of this.#waits) cancel();
  }

  /** Looks through what came: for keys of this node that are nobody's here, and, when all is new, for members of nodes that are gone. */
  #look(companion: Companion, keys?: ReadonlySet<string>): void {
    const { nodes, leases } = this.#tools;
    const { channel, values } = companion;
    const others = new Set<string>();
    for (const key of keys ?? [...values.all()].map(([one]) => one)) {
      const value = values.get(key);
      if (!value?.node) continue;
      if (value.node !== nodes.id) {
        if (!keys || this.#gone.has(value.node)) others.add(value.node);
      } else if (!leases.has(channel.settings.name, key)) this.#removals.add({ companion, key, value });
    }
    if (others.size > 0) this.#ask(others);
  }

  /** A node was found gone; this node itself: it heard of nobody meanwhile, so it looks through everything. */
  #found(id: string): void {
    if (this.#closed) return;
    if (id === this.#tools.nodes.id) {
      for (const companion of this.#companions.values()) this.#look(companion);
      return;
    }
    this.#gone.add(id);
    const [first] = this.#gone;
    if (first !== undefined && this.#gone.size > goneMax) this.#gone.delete(first);
    this.#reap(new Set([id]));
  }

  /** Has it asked which of these are gone, with all that others have asked for in this turn. */
  #ask(ids: Iterable<string>): void {
    for (const id of ids) this.#toAsk.add(id);
    if (this.#asking || this.#toAsk.size === 0) return;
    this.#asking = true;
    this.#tools.clock.endOfTurn(() => void this.#askAll());
  }

  /** Asks, and removes the members of those that are gone; until it was answered. */
  async #askAll(): Promise<void> {
    const { nodes, logger } = this.#tools;
    const ids = [...this.#toAsk];
    this.#toAsk.clear();
    try {
      const gone = new Set(await nodes.gone(ids));
      // One that was found gone and goes on is one of us again: what it writes needs no question.
      for (const id of ids) if (!gone.has(id)) this.#gone.delete(id);
      if (gone.size > 0) this.#reap(gone);
    } catch (thrown) {
      if (this.#closed) return;
      logger.error({ reason: reason(thrown) }, 'Which nodes are gone could not be asked; it is tried again.');
      for (const id of ids) this.#toAsk.add(id);
      return this.#later(() => void this.#askAll());
    }
    this.#asking = false;
    this.#ask([]);
  }

  /** Removes the members of nodes that are gone; those that one entered just now when that is no sign of life any more. */
  #reap(ids: ReadonlySet<string>): void {
    const { broker, clock } = this.#tools;
    const now = broker.now?.() ?? clock.now();
    for (const companion of this.#companions.values())
      for (const [key, value] of companion.values.all()) {
        const { node = '', since } = value;
        if (!ids.has(node)) continue;
        if (now - since >= aliveMs) this.#removals.add({ companion, key, value });
        else this.#askLater(node, since + aliveMs - now);
      }
  }

  #askLater(node: string, ms: number): void {
    if (this.#young.has(node)) return;
    this.#young.add(node);
    this.#later(
      () => {
        this.#young.delete(node);
        this.#ask([node]);
      },
      Math.max(ms, retryMs),
    );
  }

  async #remove(removal: Removal): Promise<void> {
    const { companion, key, value } = removal;
    const { channel, values } = companion;
    const { nodes, leases, metrics, logger, news } = this.#tools;
    const { name } = channel.settings;
    const isOurs = value.node === nodes.id && leases.has(name, key);
    if (this.#companions.get(name) !== companion || values.get(key)?.version !== value.version || isOurs)
      return;
    try {
      const append = { data: deleteEntry(key), from: value.from, key, keyEnds: true, ifKeyAt: value.version };
      const appended = await channel.append(append, true);
      news?.left(name, append, appended);
      if (value.node !== nodes.id) metrics.membersReaped++;
    } catch (thrown) {
      // Another survivor was first, or the client has entered anew.
      if (this.#closed || (thrown instanceof SyncError && thrown.code === 'precondition')) return;
      logger.error(
        { channel: name, reason: reason(thrown) },
        'A member of a node that is gone could not be removed; it is tried again.',
      );
      this.#later(() => this.#removals.add(removal));
    }
  }

  #later(run: () => void, ms = retryMs): void {
    const cancel = this.#tools.clock.timer(ms, () => {
      this.#waits.delete(cancel);
      run();
    });
    this.#waits.add(cancel);
  }
}
