/**
 * Producer ids as logs know them: an id is its owner's own, so that nobody else can spend its sequence numbers, and what stands for
 * requests that may be repeated is an id that nobody can give themselves. Whoever appends for somebody asks here; it knows no log.
 */
import { createHash } from 'node:crypto';
import type { Identity } from '../access.ts';

type Owner = Pick<Identity, 'user' | 'apiKey'>;

/** Begins the owner of what an API key stores: no user's name holds it. */
const keyMark = '\u0001';
/** Begins what stands for a request that may be repeated: the name of no producer has a `%` before anything but `25` and `2F`. */
const repeatMark = '%idempotent.';
/** Begins what stands for a long id, likewise. */
const hashMark = '%sha256.';
/** Follows the id of a producer in what stands for one of its requests, likewise. */
const requestMark = '%request.';
const segmentCharsMax = 64;

/**
 * The producer that stands for one item of a request which may be repeated (rule W7): whoever sends the same key again, to whichever
 * node, is the same producer. The key itself isn't kept. No client can give itself such an id.
 *
 * @param network where it comes from: of those who are nobody in particular, one mustn't spend the keys of others elsewhere
 */
export function repeatedAs(owner: Owner, network: string, key: string, item: number): string {
  const isNobody = owner.user === null && owner.apiKey === undefined;
  return owned(owner, `${repeatMark}${digest(isNobody ? JSON.stringify([network, key]) : key)}.${item}`);
}

/** A producer of somebody's own, whatever characters its id has: with another owner or another id it is another one. */
export function producerAs(owner: Owner, id: string): string {
  return owned(owner, segment(id));
}

/** The producer that stands for one request of a producer (rule P19). */
export function requestAs(owner: Owner, id: string, request: number): string {
  return `${producerAs(owner, id)}${requestMark}${request}`;
}

function owned({ user, apiKey }: Owner, id: string): string {
  const owner = apiKey === undefined ? user : keyMark + apiKey;
  return owner === null ? id : `${owner}/${id}`;
}

/** A text without a `/`. Of a long one its hash stands there: logs keep the names of producers, each many times. */
function segment(id: string): string {
  if (id.length > segmentCharsMax) return hashMark + digest(id);
  return id.replace(/[%/]/g, (c) => (c === '%' ? '%25' : '%2F'));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Whoever publishes by frames: an identity never changes its owner, and most clients have one producer, so one is remembered. */
export class Scope {
  #id = '';
  #scoped = '';

  /** The id of one of its producers. */
  of(owner: Owner, id: string): string {
    if (id !== this.#id) this.#scoped = producerAs(owner, id);
    this.#id = id;
    return this.#scoped;
  }
}
