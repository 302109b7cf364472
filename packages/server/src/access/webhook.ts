/**
 * Asks your web server who somebody is, and keeps the answer for a moment: a browser that comes back with several tabs is one
 * question. Whatever goes wrong, nobody is let in. It knows bodies and identities, not what the bodies are made of.
 */
import { createHash, createHmac } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import { numberOption, secretOption, unreachable } from './checks.ts';
import { Expiring } from './expiring.ts';
import { type Identity, readIdentity } from './identity.ts';
import { addressOption, ask } from './outbound.ts';

export interface WebhookOptions {
  /** Where to ask: https, or http on this machine. It has 5 s to answer with up to 64 KiB; redirects aren't followed. */
  readonly url: string;
  /**
   * At least 32 bytes. With it each request has the header `Syncline-Signature: t=…,v1=…`: t is the time in seconds since 1970,
   * v1 the HMAC-SHA256, in hex, of t, a full stop and the body. Compare it in constant time, and t with the clock.
   */
  readonly secret?: string | Uint8Array;
  /** How long an identity is kept, so how long one who signed out may still come in. Default 10,000 ms; 0 keeps none. */
  readonly cacheMs?: number;
  /** Identities kept at once. Default 10,000. */
  readonly cacheMax?: number;
}

/** Questions under way at once; a flood of made-up cookies doesn't reach your server in full. */
const asksMax = 256;

export class Webhook {
  readonly #url: URL;
  readonly #secret: Uint8Array | undefined;
  readonly #cacheMs: number;
  readonly #clock: Clock;
  readonly #known: Expiring<Identity>;
  readonly #asking = new Map<string, Promise<Identity | null>>();

  /** @throws SyncError `bad_option` */
  constructor(options: WebhookOptions, clock: Clock) {
    const { secret, cacheMs = 10_000, cacheMax = 10_000 } = options;
    this.#url = addressOption('url', options.url);
    this.#secret = secret === undefined ? undefined : secretOption('secret', secret);
    this.#cacheMs = numberOption('cacheMs', cacheMs, 0, 300_000);
    this.#clock = clock;
    this.#known = new Expiring(clock, numberOption('cacheMax', cacheMax, 1, 1_000_000));
  }

  /**
   * Who `credential` belongs to, by what the web server answers to `body`; null for nobody. Only a hash of it is kept.
   *
   * @throws SyncError `unavailable` without an answer, `too_many` with too many questions under way, `unauthenticated`
   * for an answer that is no identity.
   */
  async identify(credential: string, body: string): Promise<Identity | null> {
    const key = createHash('sha256').update(credential).digest('base64');
    const known = this.#known.get(key);
    if (known) return known;
    const asking = this.#asking.get(key);
    if (asking) return asking;
    if (this.#asking.size >= asksMax)
      throw new SyncError('too_many', 'Too many are being checked just now. Try again later.');
    const answer = this.#ask(body).finally(() => this.#asking.delete(key));
    this.#asking.set(key, answer);
    const identity = await answer;
    const until = Math.min(
      this.#clock.now() + this.#cacheMs,
      identity?.expiresAt ?? Number.POSITIVE_INFINITY,
    );
    if (identity) this.#known.set(key, identity, until);
    return identity;
  }

  async #ask(body: string): Promise<Identity | null> {
    const headers = { 'content-type': 'application/json', ...this.#sign(body) };
    const { status, text } = await ask(this.#clock, this.#url, { headers, body });
    if (status === 401 || status === 403) return null;
    if (status !== 200) throw unreachable(`${this.#url.origin} answered ${status}.`);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw unreachable(`${this.#url.origin} answered with what is no JSON.`);
    }
    return answer === null ? null : readIdentity(answer);
  }

  #sign(body: string): Record<string, string> {
    if (!this.#secret) return {};
    const seconds = Math.floor(this.#clock.now() / 1000);
    const mac = createHmac('sha256', this.#secret).update(`${seconds}.${body}`).digest('hex');
    return { 'syncline-signature': `t=${seconds},v1=${mac}` };
  }
}
