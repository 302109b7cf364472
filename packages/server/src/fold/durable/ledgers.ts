/**
 * The durable logs that a node has open, by name, and when those end that it has had open: their time comes though nobody asks for them
 * any more. The hub has one; whoever judges what is written finds the ledger here. It must not know what is written.
 */
import type { Cancel } from '@syncline/protocol/wire';
import type { Channel, ChannelTools } from '../../channel.ts';
import { Ledger } from '../durable.ts';
import { type Ending, Endings } from '../endings.ts';

/** Logs that nobody has open and whose end is remembered; of more, those go whose end is last, and end when they are asked for. */
const endingsMax = 100_000;

/** A log that nobody has open here, and which ends. */
interface Closed extends Ending {
  readonly name: string;
}

export class Ledgers {
  readonly #tools: ChannelTools;
  /** Opens a channel, and its ledger with it, which ends the log if its time has come. */
  readonly #open: (name: string) => Promise<unknown>;
  readonly #ledgers = new Map<string, Ledger>();
  readonly #closed = new Map<string, Closed>();
  readonly #endings = new Endings<Closed>();
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(tools: ChannelTools, open: (name: string) => Promise<unknown>) {
    this.#tools = tools;
    this.#open = open;
  }

  /** A ledger for an open channel. */
  ledger(channel: Channel): Ledger {
    const { name } = channel.settings;
    const closed = this.#closed.get(name);
    if (closed) this.#endings.remove(closed);
    this.#closed.delete(name);
    const ledger: Ledger = new Ledger(channel, this.#tools, (endsAt) => {
      if (this.#ledgers.get(name) !== ledger) return;
      this.#ledgers.delete(name);
      this.#note(name, endsAt);
    });
    this.#ledgers.set(name, ledger);
    return ledger;
  }

  /** The ledger of an open channel. */
  get(name: string): Ledger | undefined {
    return this.#ledgers.get(name);
  }

  close(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #note(name: string, endsAt: number): void {
    if (this.#stopped || endsAt === Number.POSITIVE_INFINITY || this.#closed.size >= endingsMax) return;
    const closed: Closed = { name, due: 0, place: -1 };
    this.#closed.set(name, closed);
    this.#endings.add(closed, endsAt);
    this.#arm();
  }

  #arm(): void {
    this.#cancel();
    const { first } = this.#endings;
    if (!first || this.#stopped) return;
    const { clock } = this.#tools;
    this.#cancel = clock.timer(Math.max(0, first.due - this.#now()), () => this.#end());
  }

  /** Opens those whose time has come, one after another. */
  #end(): void {
    const { first } = this.#endings;
    if (!first || first.due > this.#now()) return this.#arm();
    this.#endings.remove(first);
    this.#closed.delete(first.name);
    // Who can't be opened now ends when somebody asks for it.
    void this.#open(first.name)
      .catch(() => {})
      .then(() => this.#end());
  }

  #now(): number {
    const { broker, clock } = this.#tools;
    return broker.now?.() ?? clock.now();
  }
}
