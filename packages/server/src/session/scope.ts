/**
 * Producer ids as logs know them: a producer id is its user's own, so that nobody else can spend its sequence numbers. A session
 * has one of these; most clients have one producer, so one is remembered.
 */
import { createHash } from 'node:crypto';
import type { Identity } from '../access.ts';

/** Begins the owner of what an API key stores: no user's name holds it. */
const keyMark = '\u0001';
/** Begins what stands for a request that may be repeated: the name of no producer has a `%` before anything but `25` and `2F`. */
const repeatMark = '%idempotent.';
/** Begins what stands for a long id, likewise. */
const hashMark = '%sha256.';
const segmentCharsMax = 64;

/**
 * The producer that stands for one item of a request which may be repeated (rule W7): whoever sends the same key again, to whichever
 * node, is the same producer. The key itself isn't kept. No client can give itself such an id.
 *
 * @param network where it comes from: of those who are nobody in particular, one mustn't spend the keys of others elsewhere
 */
export function repeatedAs({ user, apiKey }: Identity, network: string, key: string, item: number): string {
  const owner = apiKey === undefined ? user : keyMark + apiKey;
  const whole = owner === null ? JSON.stringify([network, key]) : key;
  const id = `${repeatMark}${createHash('sha256').update(whole).digest('base64url')}.${item}`;
  return owner === null ? id : `${owner}/${id}`;
}

/** A producer of somebody's own, whatever characters its id has: with another owner or another id it is another one. */
export function producerAs({ user, apiKey }: Identity, id: string): string {
  const owner = apiKey === undefined ? user : keyMark + apiKey;
  return owner === null ? segment(id) : `${owner}/${segment(id)}`;
}

/** A text without a `/`. Of a long one its hash stands there: logs keep the names of producers, each many times. */
function segment(id: string): string {
  if (id.length > segmentCharsMax) return `${hashMark}${createHash('sha256').update(id).digest('base64url')}`;
  return id.replace(/[%/]/g, (c) => (c === '%' ? '%25' : '%2F'));
}

export class Scope {
  #id = '';
  #scoped = '';

  /** The id of a user's producer; a session's user never changes. */
  of(user: string | null, id: string): string {
    if (user === null) return id;
    if (id !== this.#id) this.#scoped = `${user}/${id}`;
    this.#id = id;
    return this.#scoped;
  }
}
