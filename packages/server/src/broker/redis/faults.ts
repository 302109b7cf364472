/**
 * What goes wrong between a node and its Redis, as the errors that a broker throws: `storage` where what was asked is surely not done,
 * `unavailable` where nobody knows. The link throws by this table; it must not know what a script was to do.
 */
import { type ErrorCode, SyncError } from '@syncline/protocol';

/** Redis answered, with an error. Its message begins with a word in capitals, mostly. */
export class Refused extends Error {
  override readonly name = 'Refused';

  /** `READONLY` of `READONLY You can't write against a read only replica.` */
  get word(): string {
    return /^[A-Z]+/.exec(this.message)?.[0] ?? '';
  }
}

/** No answer came: there is no connection, it was lost, or the time was up. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** Nobody can wait for this to pass: somebody has to change something. */
export class Unfit extends Error {
  override readonly name = 'Unfit';
}

interface Fault {
  readonly code: Extract<ErrorCode, 'storage' | 'unavailable' | 'too_many'>;
  readonly message: string;
  /** Whether a Redis that says so is none to work with: nothing can be done there, or not now. */
  readonly broken?: true;
  /** Whether another connection may lead to one that can. */
  readonly elsewhere?: true;
}

/** By the word that the answer begins with. */
const faults: Readonly<Record<string, Fault>> = {
  OOM: refused("Redis has no memory left: raise its `maxmemory`, or keep less. This wasn't stored."),
  NOREPLICAS: refused(
    "Redis has fewer replicas than its `min-replicas-to-write` asks for. This wasn't stored; bring them back.",
  ),
  MISCONF: refused(
    "Redis can't save to its disk and therefore takes no writes. This wasn't stored; its log says more.",
  ),
  NOPERM: refused(
    "The Redis user may not do this: give it the rights that the guide names. This wasn't stored.",
  ),
  NOAUTH: { ...refused('Redis asks for a password. This was not stored.'), broken: true, elsewhere: true },
  WRONGPASS: {
    ...refused('Redis takes neither this user nor this password. This was not stored.'),
    broken: true,
  },
  BUSY: {
    ...refused("Redis is busy with a script that doesn't end (SCRIPT KILL ends it). This was not stored."),
    broken: true,
  },
  READONLY: {
    ...unknown('Redis has become a replica and takes no writes; the new master is looked for.'),
    broken: true,
    elsewhere: true,
  },
  LOADING: { ...unknown('Redis is reading its data and answers soon.'), broken: true },
  MASTERDOWN: {
    ...unknown('Redis is a replica that has lost its master.'),
    broken: true,
    elsewhere: true,
  },
  CLUSTERDOWN: { ...unknown('The Redis Cluster has no master for this channel now.'), broken: true },
  TRYAGAIN: unknown('The Redis Cluster is moving this channel.'),
  MOVED: unknown('The Redis Cluster has moved this channel; its new place is looked up.'),
  ASK: unknown('The Redis Cluster is moving this channel.'),
};

function refused(message: string): Fault {
  return { code: 'storage', message };
}

function unknown(message: string): Fault {
  return { code: 'unavailable', message: `${message} The outcome is unknown; try again.` };
}

const unanswered = unknown('Redis did not answer in time, or the connection to it broke.');
/** A script that fails half way is not undone. */
const failed = unknown('A script failed in Redis.');

/**
 * The error that a caller gets. What Redis said is its `cause`, for logs: it may name users and keys that are no client's business.
 *
 * @example throw syncErrorOf(thrown)
 */
export function syncErrorOf(thrown: unknown): SyncError {
  if (thrown instanceof SyncError) return thrown;
  const { code, message } = (thrown instanceof Refused ? faults[thrown.word] : unanswered) ?? failed;
  const error = new SyncError(code, message);
  error.cause = thrown;
  return error;
}

/** Whether what was thrown says that this Redis is none to work with. */
export function isBroken(thrown: unknown): boolean {
  return !(thrown instanceof Refused) || faults[thrown.word]?.broken === true;
}

/** Whether a new connection may lead to a Redis that can do it. */
export function isElsewhere(thrown: unknown): boolean {
  return thrown instanceof Refused && faults[thrown.word]?.elsewhere === true;
}
