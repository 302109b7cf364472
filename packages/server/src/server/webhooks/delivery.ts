/**
 * What waits to be told to one address of yours, and how it is told: again and again for a while, more and more rarely, a few at a time, and
 * never more of it held than fits. Webhooks hand it events; it knows signed bodies and answers, not what the events are about.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import { ask } from '../../access/outbound.ts';
import { type Logger, type Metrics, reason } from '../../observe.ts';
import type { Signer } from './sign.ts';

/** Something that is to be told. It is written when its turn comes. */
export interface Event {
  /** The same for each attempt, and for the same event: whoever is told it twice knows by it. */
  readonly id: () => string;
  readonly body: () => string;
  /** About how much it holds of memory. */
  readonly bytes: number;
}

export interface DeliverySettings {
  readonly url: URL;
  readonly sign: Signer;
  readonly webhookEventsMax: number;
  readonly webhookBytesMax: number;
  readonly webhookRetryMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** An event that was taken. */
interface Waiting {
  readonly event: Event;
  /** When it was taken, in ms of the node's clock. */
  readonly since: number;
  attempts: number;
}

/** Requests under way at once, while they are answered well. */
const sendingMax = 4;
/** How long an answer may take. */
const answerMs = 15_000;
/** How long the first repetition of an event waits, and the last ones. */
const againMs = 1000;
const againMsMax = 300_000;
/** How long nothing is sent after a failure, by how many there were in a row; and what may be asked for with Retry-After. */
const restMs = 500;
const restMsMax = 60_000;

export class Delivery {
  readonly #settings: DeliverySettings;
  readonly #queue: Waiting[] = [];
  /** Those that failed, until they are tried again. */
  readonly #later = new Map<Waiting, Cancel>();
  readonly #sending = new Set<Waiting>();
  #bytes = 0;
  /** Failures in a row. */
  #failures = 0;
  #cancelRest: Cancel | undefined;
  #onIdle: (() => void) | undefined;
  readonly #abort = new AbortController();
  #closed = false;

  constructor(settings: DeliverySettings) {
    this.#settings = settings;
  }

  /** Takes an event, if there is room for it. */
  take(event: Event): void {
    const { webhookEventsMax, webhookBytesMax, clock, metrics } = this.#settings;
    if (this.#closed) return this.#drop(1, 'the server is leaving');
    const full = this.#count >= webhookEventsMax || this.#bytes + event.bytes > webhookBytesMax;
    if (full) return this.#drop(1, 'too many wait already');
    metrics.webhooksWaiting++;
    this.#bytes += event.bytes;
    this.#queue.push({ event, since: clock.now(), attempts: 0 });
    this.#pump();
  }

  /** Takes nothing more, sends what waits for as long as that goes well and there is time, and gives the rest up. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true;
    if (this.#busy && withinMs > 0)
      await new Promise<void>((resolve) => {
        const cancel = this.#settings.clock.timer(withinMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    this.#abort.abort();
    this.#cancelRest?.();
    for (const cancel of this.#later.values()) cancel();
    const left = [...this.#queue.splice(0), ...this.#later.keys(), ...this.#sending];
    this.#later.clear();
    this.#sending.clear();
    for (const waiting of left) this.#release(waiting);
    if (left.length > 0) this.#drop(left.length, 'the server left before they were told');
  }

  get #count(): number {
    return this.#queue.length + this.#later.size + this.#sending.size;
  }

  /** Whether something is being sent, or will be without waiting for another time. */
  get #busy(): boolean {
    return this.#sending.size > 0 || (this.#queue.length > 0 && !this.#cancelRest);
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#cancelRest) {
      // After a failure one goes ahead of the others.
      if (this.#sending.size >= (this.#failures > 0 ? 1 : sendingMax)) break;
      const waiting = this.#queue.shift();
      if (waiting) void this.#send(waiting);
    }
    if (!this.#busy) this.#onIdle?.();
  }

  async #send(waiting: Waiting): Promise<void> {
    this.#sending.add(waiting);
    waiting.attempts++;
    const failure = await this.#attempt(waiting);
    // Given up meanwhile.
    if (!this.#sending.delete(waiting)) return;
    if (failure) this.#failed(waiting, failure);
    else {
      this.#failures = 0;
      this.#settings.metrics.webhooksSent++;
      this.#release(waiting);
    }
    this.#pump();
  }

  /** Sends it once; what went wrong, if something did. */
  async #attempt({ event }: Waiting): Promise<Failure | undefined> {
    const { url, sign, clock } = this.#settings;
    try {
      const body = event.body();
      const headers = { 'content-type': 'application/json', ...sign(event.id(), clock.now(), body) };
      const { signal } = this.#abort;
      const asked = { headers, body, answerMs, statusOnly: true, signal };
      const { status, retryAfterMs } = await ask(clock, url, asked);
      return status >= 200 && status < 300 ? undefined : { why: `it answered ${status}`, retryAfterMs };
    } catch (thrown) {
      const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
      return { why: reason(cause), retryAfterMs: 0 };
    }
  }

  #failed(waiting: Waiting, { why, retryAfterMs }: Failure): void {
    const { clock, metrics, logger, url, webhookRetryMs } = this.#settings;
    metrics.webhooksFailed++;
    const restedMs = restMs * 2 ** Math.min(this.#failures++, 20);
    this.#rest(Math.min(restMsMax, Math.max(restedMs * jitter(clock), retryAfterMs)));
    const ms = Math.min(againMsMax, againMs * 2 ** Math.min(waiting.attempts - 1, 20)) * jitter(clock);
    if (this.#closed || clock.now() + ms - waiting.since > webhookRetryMs) {
      this.#release(waiting);
      return this.#drop(1, this.#closed ? 'the server is leaving' : `it failed for too long: ${why}`);
    }
    logger.error({ webhook: url.origin, reason: why }, 'A webhook could not be told; it is tried again.');
    const again = (): void => {
      this.#later.delete(waiting);
      this.#queue.push(waiting);
      this.#pump();
    };
    this.#later.set(waiting, clock.timer(ms, again));
  }

  /** Sends nothing for a while. */
  #rest(ms: number): void {
    this.#cancelRest?.();
    this.#cancelRest = this.#settings.clock.timer(ms, () => {
      this.#cancelRest = undefined;
      this.#pump();
    });
  }

  #release({ event }: Waiting): void {
    this.#bytes -= event.bytes;
    this.#settings.metrics.webhooksWaiting--;
  }

  #drop(events: number, why: string): void {
    const { metrics, logger, url } = this.#settings;
    metrics.webhooksDropped += events;
    logger.error({ webhook: url.origin, events, why }, 'Events for a webhook were dropped.');
  }
}

interface Failure {
  readonly why: string;
  readonly retryAfterMs: number;
}

/** Spreads what would else come at once from many nodes. */
function jitter(clock: Clock): number {
  return 0.5 + clock.random() / 2;
}
