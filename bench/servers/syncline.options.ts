/**
 * What the Syncline servers under measurement have in common, and how those that want to know who is there tell it. The
 * benchmark itself signs tokens with the secret; no other server has it.
 */
import type { Schema } from '@syncline/protocol';
import { jwt, memory } from '@syncline/server';

/**
 * As an application would have it, but for one thing: here a few publishers publish as fast as the server can take it,
 * which its default bound on the requests of a session is there to prevent. The bound is still counted, and never reached.
 */
export const bounds = {
  requestsPerSecondMax: 100_000_000,
  requestsBurstMax: 100_000_000,
};
export const common = { ...bounds, broker: memory() };

/** Whoever reads this may sign with it: it guards one server on the loopback interface for a few seconds. */
export const secret = 'guards a benchmark and nothing else';

/** What each user may do. The pattern that counts is neither the only one nor the first. */
export const capabilities = {
  'user/:name/:topic': ['*'],
  'news/:topic': ['subscribe', 'history'],
  'bench/:name': ['subscribe', 'publish', 'history'],
} as const;

export const authenticate = jwt({ keys: [{ alg: 'HS256', secret }], issuer: 'bench', audience: 'bench' });

interface Payload {
  readonly '^': number;
  readonly s: number;
  readonly t: number;
  readonly x: string;
}

/** A schema by hand, so that it is our own cost that is measured and not a library's. */
export const payload: Schema<Payload> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) =>
      isPayload(value) ? { value } : { issues: [{ message: 'no payload of the bench' }] },
  },
};

function isPayload(value: unknown): value is Payload {
  if (typeof value !== 'object' || value === null) return false;
  const { '^': publisher, s, t, x } = value as Record<keyof Payload, unknown>;
  return [publisher, s, t].every(Number.isSafeInteger) && typeof x === 'string';
}
