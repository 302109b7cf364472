/**
 * What channels of every kind have in common: a subscription, an outbox and the contract's schema, joined so that what arrives
 * and what is sent keeps its order where validating takes time. A channel of one kind holds one, and says what values mean.
 */
import type { Position, SyncError } from '@syncline/protocol';
import type { Core, Member } from './core.ts';
import type { Freshness } from './freshness.ts';
import { Outbox } from './outbox.ts';
import { Sequence } from './sequence.ts';
import { Emitter, type Store } from './store.ts';
import { type Place, type Reader, type Received, type Recovery, Subscription } from './subscription.ts';
import { badPayload, type Terms, textOf, type Validate } from './values.ts';

export abstract class Channel<V> implements Reader, Member {
  declare readonly core: Core;
  declare readonly name: string;
  declare readonly freshness: Store<Freshness>;
  declare readonly subscription: Subscription;
  declare readonly outbox: Outbox;
  /** What is sent, in the order in which it was given. */
  readonly outgoing = new Sequence();
  /** What arrives, in the order of the log. */
  readonly incoming = new Sequence();
  readonly #recoveries: Emitter<Recovery>;
  readonly #validate: Validate<V> | undefined;

  constructor(core: Core, name: string, terms?: Terms<V>, Following = Subscription) {
    this.core = core;
    this.name = name;
    this.#validate = terms?.validate;
    this.#recoveries = new Emitter(core.report);
    this.outbox = new Outbox(core, name);
    this.subscription = new Following(core, name, this);
    this.freshness = this.subscription.freshness;
    core.members.add(this);
  }

  /** The channel stands there in the log, once all that came before was handed on. */
  abstract placed(recovery: Recovery, place: Place): void;
  abstract received(entries: readonly Received[], position: Position): void;

  onRecover(onRecover: (recovery: Recovery) => void): () => void {
    return this.#recoveries.on(onRecover);
  }

  recovered(recovery: Recovery, place: Place): void {
    this.incoming.run(place, () => {
      this.placed(recovery, place);
      this.#recoveries.emit(recovery);
    });
  }

  ended(): void {
    this.incoming.clear();
  }

  opened(): void {
    const { subscription, outbox } = this;
    // A first subscription goes before what is published, so that it sees it. One that goes on goes after what is
    // published again, whose answers then come before the entries (rule A4).
    if (!subscription.place) subscription.ask();
    outbox.opened();
    subscription.ask();
  }

  lost(moved: boolean): void {
    this.subscription.lost(moved);
  }

  closed(error: SyncError): void {
    this.incoming.clear();
    this.#recoveries.clear();
    this.outbox.closed(error);
  }

  /** Keeps the channel followed, from its last `start` entries, until what is returned is called, which also calls `off`. */
  hold(off: () => void, start: number): () => void {
    const release = this.subscription.hold(start);
    return () => {
      off();
      release();
    };
  }

  /** What is made of an entry's value as the contract has it; `otherwise`, and a report, where it isn't what the contract says. */
  decode<T>(offset: number, value: unknown, make: (value: V) => T, otherwise: T): T | Promise<T> {
    return this.#checked(value, make, (thrown) => {
      this.core.report(badPayload(thrown, `${this.name}: entry ${offset} was passed over. `));
      return otherwise;
    });
  }

  /** A value's text, taken now, once the contract has been asked; an error when it can't be sent. */
  encode(value: V): string | SyncError | Promise<string | SyncError> {
    const text = textOf(value);
    return this.#checked<string | SyncError>(value, () => text, badPayload);
  }

  #checked<T>(value: unknown, make: (value: V) => T, bad: (thrown: unknown) => T): T | Promise<T> {
    try {
      // Without a schema the contract's word is all there is to go by.
      const checked = this.#validate ? this.#validate(value) : (value as V);
      return checked instanceof Promise ? checked.then(make, bad) : make(checked);
    } catch (thrown) {
      return bad(thrown);
    }
  }
}
