/**
 * A run: opens the connections, publishes for as long as was asked, waits until everything has arrived that is to arrive, and says
 * what came of it. It prints nothing; whoever runs it is told how far it is.
 */
import { type Cancel, systemClock } from '@syncline/protocol/wire';
import type { ClientOptions } from 'ws';
import { stopwatch } from './clock.ts';
import { type Machine, watchMachine } from './machine.ts';
import { Publisher } from './publisher.ts';
import { Seat } from './seat.ts';
import { Tally } from './tally.ts';
import { Reader, Track } from './track.ts';

/** What is to be done. */
export interface Plan {
  readonly url: string;
  /** What each connection is made with. */
  readonly options: () => Promise<ClientOptions>;
  /** `{n}` is the number of the channel, from 1. */
  readonly channel: string;
  readonly channels: number;
  readonly connections: number;
  /** Publishers of each channel. */
  readonly publishers: number;
  /** Entries a second for each channel. */
  readonly rate: number;
  readonly durationMs: number;
  /** How long the last entries may take to arrive, and connections to come in. */
  readonly settleMs: number;
  /** What is published, of the run's name and a number that is another each time; default a text of `sizeBytes`. */
  readonly message?: string | undefined;
  readonly sizeBytes: number;
}

/** How far a run is. */
export interface Stage {
  readonly stage: 'opening' | 'publishing' | 'settling';
  readonly open: number;
  /** ms since the publishing began. */
  readonly ranMs: number;
  readonly tally: Tally;
}

/** What came of a run. */
export interface Outcome {
  readonly tally: Tally;
  readonly machine: Machine;
  readonly ranMs: number;
  readonly open: number;
  /** Entries of this run that stand in logs, as far as that can be told of its payloads. */
  readonly own: number | undefined;
  /** Publishes of which nobody knows whether they are stored. */
  readonly unknown: number;
  /** The first of the errors, where no connection came in at all, or nothing that was published was taken. */
  readonly failed: string | undefined;
}

/** Connections that are opened at once. */
const dialsMax = 32;
/** How often is looked what is due, in ms. */
const tickMs = 2;

export class Load {
  readonly #plan: Plan;
  readonly #tally = new Tally();
  readonly #tracks: readonly Track[];
  readonly #readers: readonly Reader[];
  readonly #seats: readonly Seat[];
  readonly #run: string;
  #publishers: Publisher[] = [];
  #stopped = false;
  #wake: () => void = () => {};
  #number = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#run = `bench-${Buffer.from(systemClock.randomBytes(6)).toString('hex')}`;
    const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
    this.#tracks = numbers(plan.channels).map(
      (i) => new Track(plan.channel.replaceAll('{n}', String(i + 1)), this.#run, this.#tally),
    );
    const perSeat = numbers(plan.connections).map((): Reader[] => []);
    // Each connection has a channel at least, and each channel a reader.
    for (const i of numbers(Math.max(plan.connections, plan.channels))) {
      const track = this.#tracks[i % plan.channels];
      if (track) perSeat[i % plan.connections]?.push(new Reader(track, this.#tally));
    }
    this.#readers = perSeat.flat();
    this.#seats = perSeat.map((readers) => new Seat(plan.url, plan.options, readers, this.#tally));
    for (const seat of this.#seats) seat.onChange = () => this.#wake();
  }

  /** Ends the publishing early; the run goes on to its end. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** @param onStage told now and then how far it is */
  async run(onStage: (stage: Stage) => void): Promise<Outcome> {
    const { settleMs, durationMs } = this.#plan;
    const tell = (stage: Stage['stage'], since: number) => (): void =>
      onStage({ stage, open: this.#open, ranMs: since === 0 ? 0 : stopwatch() - since, tally: this.#tally });
    let dialled = 0;
    await this.#until(settleMs, tell('opening', 0), () => {
      const busy = this.#seats.slice(0, dialled).filter(({ settled }) => !settled).length;
      for (let i = busy; i < dialsMax && dialled < this.#seats.length; i++) this.#seats[dialled++]?.dial();
      return this.#stopped || this.#seats.every(({ settled }) => settled);
    });
    const begun = stopwatch();
    const machine = watchMachine(this.#tally);
    const [before, bytes] = [this.#tally.delivered, this.#tally.bytes];
    if (this.#open > 0) {
      this.#employ(begun);
      await this.#until(durationMs, tell('publishing', begun), () => {
        const now = stopwatch();
        for (const publisher of this.#publishers) publisher.tick(now);
        return this.#stopped;
      });
    }
    const ranMs = Math.max(1, stopwatch() - begun);
    const seen = machine();
    this.#tally.bytes -= bytes;
    this.#tally.delivered -= before;
    await this.#until(settleMs, tell('settling', begun), () => this.#arrived());
    return this.#finish(ranMs, seen);
  }

  get #open(): number {
    return this.#seats.filter(({ open }) => open).length;
  }

  /** Gives each channel its publishers, whose first entries are spread over the time between two. */
  #employ(begun: number): void {
    const { publishers, rate } = this.#plan;
    const everyMs = (1000 * publishers) / rate;
    for (const track of this.#tracks) {
      const seats = this.#seats.filter(
        ({ open, readers }) => open && readers.some((reader) => reader.track === track),
      );
      for (let i = 0; i < publishers; i++) {
        // Where there are fewer connections than publishers some have several.
        const seat = seats[i % Math.max(1, seats.length)];
        const first = begun + systemClock.random() * everyMs;
        const payload = () => this.#payload();
        if (seat) this.#publishers.push(new Publisher(seat, track, this.#tally, { everyMs, first, payload }));
      }
    }
  }

  #payload(): string {
    const { message, sizeBytes } = this.#plan;
    const number = String(++this.#number);
    if (message !== undefined) return message.replaceAll('{run}', this.#run).replaceAll('{n}', number);
    const text = `${this.#run}.${number}.`;
    return JSON.stringify(text.padEnd(sizeBytes - 2, 'x'));
  }

  /** Whether all is answered, and every reader has what was acknowledged. */
  #arrived(): boolean {
    return (
      this.#publishers.every(({ settled }) => settled) &&
      this.#readers.every(({ begun, offset, track }) => !begun || offset >= track.top)
    );
  }

  #finish(ranMs: number, machine: Machine): Outcome {
    const tally = this.#tally;
    for (const { begun, offset, track } of this.#readers)
      if (begun) tally.missing += Math.max(0, track.top - offset);
    for (const publisher of this.#publishers) publisher.close();
    const open = this.#open;
    for (const seat of this.#seats) seat.close();
    const unknown = this.#publishers.reduce((sum, one) => sum + one.unknown, 0);
    const told = this.#plan.message?.includes('{run}') ?? true;
    const own = told ? this.#tracks.reduce((sum, one) => sum + one.own, 0) : undefined;
    const [first] = [...tally.refused].map(([code, { message }]) => `${message} (${code})`);
    const nothing = tally.published > 0 && tally.acked === 0;
    const failed =
      open === 0 || nothing ? (first ?? 'No connection came in, or no answer, within the time.') : undefined;
    return { tally, machine, ranMs, open, own, unknown, failed };
  }

  /** Looks again and again, until `done` says so or the time is over. */
  #until(ms: number, tell: () => void, done: () => boolean): Promise<void> {
    const since = stopwatch();
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const look = (): void => {
        cancel();
        tell();
        if (done() || stopwatch() - since >= ms) {
          this.#wake = () => {};
          resolve();
        } else cancel = systemClock.timer(tickMs, look);
      };
      this.#wake = look;
      look();
    });
  }
}
