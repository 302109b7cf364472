/**
 * What members tell each other in passing, such as that they type: sent as it comes, stored nowhere, and gone after a moment.
 * Channels of every kind have one, by way of company.ts. It must not know which kinds there are, nor who is a member.
 *
 * For whoever builds on it: `new SignalsFor<S>(core, name, channel, hold)`, where `hold` keeps the channel's own subscription up.
 */
import { SyncError } from '@syncline/protocol';
import type { Cancel, FrameOf, ServerFrame } from '@syncline/protocol/wire';
import type { Channel } from './channel.ts';
import type { Core, Member as Joined } from './core.ts';
import { Lease } from './lease.ts';
import { Pace } from './pace.ts';
import { Emitter, type Store, Value } from './store.ts';
import { textFault, textOf } from './values.ts';

/** What someone signalled. */
export interface Signal<S> {
  /** Whose it is: the same for as long as their client is there, and the `id` of their connection where they are a member. */
  readonly id: string;
  /** Who that is, as the server knows them; null for anonymous. */
  readonly user: string | null;
  readonly data: S;
  /** When it came, in ms since 1970 by the server's clock. */
  readonly at: number;
}

/** How long a signal is shown, in ms. */
const signalMs = 6_000;
/** How soon the same may be sent again, in ms: before those who got it stop showing it. */
const repeatMs = 3_000;

/** What of its channel it needs. */
type Host = Pick<Channel<never>, 'outbox' | 'subscription'>;

/** A signal and what will end it. */
interface Shown<S> {
  readonly signal: Signal<S>;
  readonly forget: Cancel;
}

export class SignalsFor<S> implements Joined {
  readonly shown: Store<readonly Signal<S>[]>;
  readonly #core: Core;
  readonly #name: string;
  readonly #lease: Lease;
  readonly #hold: (off: () => void) => () => void;
  readonly #pace: Pace;
  /** What is to be sent, as JSON. */
  #next: string | undefined;
  /** What was sent last, and when. */
  #last: { readonly text: string; readonly at: number } | undefined;
  /** By their authors' keys, the newest last. */
  readonly #byKey = new Map<string, Shown<S>>();
  readonly #value: Value<readonly Signal<S>[]>;
  readonly #signals: Emitter<Signal<S>>;

  constructor(
    core: Core,
    name: string,
    { outbox, subscription }: Host,
    hold: (off: () => void) => () => void,
  ) {
    this.#core = core;
    this.#name = name;
    this.#lease = core.lease ??= new Lease(core.parts);
    this.#hold = hold;
    this.#pace = new Pace(core, () => this.#send());
    this.#value = new Value<readonly Signal<S>[]>([], core.report);
    this.#signals = new Emitter(core.report);
    const { get, subscribe } = this.#value;
    this.shown = { get, subscribe: (onChange) => hold(subscribe(onChange)) };
    // Who has just said something and begins anew is to be seen at once.
    outbox.queued = () => {
      this.#last = undefined;
    };
    subscription.signals = (frame) => this.#take(frame);
    core.members.add(this);
  }

  on(onSignal: (signal: Signal<S>) => void): () => void {
    return this.#hold(this.#signals.on(onSignal));
  }

  send(data: S): void {
    const { clock, connection, report } = this.#core;
    // What it must be is for the server to say: signals are checked there only.
    const text = textOf(data);
    if (typeof text !== 'string') return report(text);
    this.#next = undefined;
    const { text: last, at } = this.#last ?? { at: 0 };
    const age = clock.now() - at;
    if (!connection.open || (text === last && age >= 0 && age < repeatMs)) return;
    this.#next = text;
    this.#pace.ask();
  }

  opened(): void {}

  /** What couldn't be sent on this link is no news on the next. */
  lost(): void {
    this.#next = undefined;
  }

  closed(): void {
    this.#pace.stop();
    this.#signals.clear();
    for (const { forget } of this.#byKey.values()) forget();
  }

  #send(): void {
    const { clock, connection, report } = this.#core;
    const text = this.#next;
    this.#next = undefined;
    if (text === undefined) return;
    const fault = textFault(text, connection.payloadBytesMax);
    if (fault) return report(fault);
    this.#pace.rest();
    this.#last = { text, at: clock.now() };
    connection.request('signal', [this.#name, this.#lease.secret, JSON.parse(text)], (answer) => {
      if (!answer) return;
      // The answer comes before the signal itself does (rule N6), so that one's own is known.
      if (!(answer instanceof SyncError)) this.#lease.keys.add(answer.key);
      else if (answer.next === 'stop') report(answer);
    });
  }

  #take({ signals }: FrameOf<ServerFrame, 'signals'>): void {
    const { clock, connection } = this.#core;
    const at = clock.now() + connection.aheadMs;
    const fresh: Signal<S>[] = [];
    for (const [id, user, text] of signals) {
      if (this.#lease.keys.has(id)) continue;
      const signal = { id, user, data: JSON.parse(text), at };
      this.#forget(id);
      const forget = clock.timer(signalMs, () => {
        this.#forget(id);
        this.#show();
      });
      this.#byKey.set(id, { signal, forget });
      fresh.push(signal);
    }
    if (fresh.length === 0) return;
    this.#show();
    for (const signal of fresh) this.#signals.emit(signal);
  }

  #forget(id: string): void {
    this.#byKey.get(id)?.forget();
    this.#byKey.delete(id);
  }

  #show(): void {
    this.#value.set(Array.from(this.#byKey.values(), ({ signal }) => signal));
  }
}
