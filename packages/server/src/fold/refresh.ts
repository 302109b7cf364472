/**
 * Asks the log of a channel where it ends, so that the channel knows all there is: other nodes may have written to it, and their news may
 * be late or lost. Whoever says what a log holds as of now asks before. It knows no reader, and nothing of what entries mean.
 */
import { type Position, SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Broker, Slice } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';

/** Where a log ended when it was asked, and the oldest offset that can still be read. */
export type Asked = Pick<Slice, 'epoch' | 'top' | 'oldest'>;

/** How long a channel may take to find a place, in ms: where its log can't be read on it tries again and again, and whoever asks is told. */
const lookMs = 5000;

export class Refresh {
  readonly #channel: Channel;
  readonly #broker: Broker;
  readonly #clock: Clock;
  /** The log is being asked; and will be once more after that. */
  #asking: Promise<Asked> | undefined;
  #next: Promise<Asked> | undefined;

  /** @param tools of which the broker has the log */
  constructor(channel: Channel, { broker, clock }: { readonly broker: Broker; readonly clock: Clock }) {
    this.#channel = channel;
    this.#broker = broker;
    this.#clock = clock;
  }

  /**
   * Resolves when the channel knows all that was in the log when this was called. Those who call while the log is being asked share the
   * next time: what was asked before they came may not know of what they do.
   *
   * @throws SyncError `restart` when the channel closes, `unavailable` when it can't read on, or the broker's
   */
  ask(): Promise<Asked> {
    if (this.#next) return this.#next;
    const asking = this.#asking;
    if (!asking) return this.#ask();
    this.#next = asking.then(ignore, ignore).then(() => this.#ask());
    return this.#next;
  }

  #ask(): Promise<Asked> {
    this.#next = undefined;
    const asking = this.#find().finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    return asking;
  }

  async #find(): Promise<Asked> {
    const { name, keep } = this.#channel.settings;
    const newest = { offset: Number.MAX_SAFE_INTEGER, entriesMax: 0, bytesMax: 0, keep };
    const before = this.#channel.top;
    const { epoch, top, oldest } = await this.#broker.read(name, { direction: 'before', ...newest });
    const known = this.#channel.top;
    const isKnown = top.offset < known.offset || (top.offset === known.offset && top.check === known.check);
    if (epoch !== known.epoch || !isKnown) await lookFor(this.#channel, { epoch, ...top }, this.#clock);
    // What was there before the log was asked is there no more: it was rolled back, as a place beyond its end has the channel find out.
    else if (top.offset < before.offset)
      await lookFor(this.#channel, { ...before, offset: before.offset + 1 }, this.#clock);
    return { epoch, top, oldest };
  }
}

/** Whoever asks a channel for a place that it doesn't know has it look. @throws SyncError `restart`, `unavailable`, or the broker's */
export function lookFor(channel: Channel, position: Position, clock: Clock): Promise<void> {
  return inTime(
    channel.join(position, { wake: () => {} }, true).then(({ cursor }) => cursor.release()),
    clock,
  );
}

/** What may have to be tried again and again, for whom somebody waits. @throws SyncError `unavailable` after five seconds, or why it failed */
export function inTime(found: Promise<void>, clock: Clock): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.timer(lookMs, () =>
      reject(new SyncError('unavailable', 'The log can not be read on right now. Try again.')),
    );
  });
  return Promise.race([found, late]).finally(cancel);
}

function ignore(): void {}
