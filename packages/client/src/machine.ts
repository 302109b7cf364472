/**
 * The connection as a pure function from state and event to the next state. What is to be done follows from the state alone:
 * connection.ts keeps the links and the timer that it names. It knows neither frames nor channels.
 */
import { SyncError } from '@syncline/protocol';
import { silence } from './faults.ts';
import { backoff, backoffMsMax, retryMsOf } from './timing.ts';

/** How long an attempt may take until the server's `welcome`, in ms. */
export const connectMs = 10_000;
/** How long a connection must hold before earlier failures are forgotten, in ms. */
export const stableMs = 5_000;
/** How soon after a failed attempt a hint, or the application, may bring the next one forward, in ms. */
export const hintMs = 1_000;
/** After so many failures an attempt comes no sooner after the last one than a hint may: there are three in the first second at most. */
const quickMax = 3;

/** Tokens that may be refused one after the other before the client gives up. */
const rejectionsMax = 3;

/** Failed attempts since a connection last held, and refused tokens among them. */
interface Tries {
  readonly failed: number;
  readonly rejected: number;
  /** How much was waited between them, as far as it still counts, in ms. */
  readonly waitedMs: number;
}

/** An attempt at a link is made. */
interface Connecting {
  readonly state: 'connecting';
  readonly attempt: number;
  readonly tries: Tries;
  readonly until: number;
}

/** Frames travel on `link`. */
interface Open {
  readonly state: 'open';
  readonly link: number;
  readonly tries: Tries;
  /** The server leaves, and asked to be called again at `until`. */
  readonly leaving: boolean;
  /** 0 once it has held. */
  readonly until: number;
  /** When the next attempt may be made where the link ends before `until`; 0 while the server isn't leaving. */
  readonly earliest: number;
}

/** Frames travel on `link`, whose server leaves, while an attempt at the next one is made (rule L3). */
interface Moving {
  readonly state: 'moving';
  readonly link: number;
  readonly attempt: number;
  readonly tries: Tries;
  readonly until: number;
}

/** There is no link until the next attempt; a hint may bring it forward as far as `earliest`. */
interface Waiting {
  readonly state: 'waiting';
  readonly tries: Tries;
  readonly until: number;
  readonly earliest: number;
  readonly error: SyncError;
}

/** Links and attempts go by their number. `until` is when the event `due` comes, in ms since 1970. */
export type State =
  | { readonly state: 'idle' }
  | Connecting
  | Open
  | Moving
  | Waiting
  | { readonly state: 'closed'; readonly error: SyncError };

/** What can happen. Events of a link that the state doesn't name change nothing. */
export type Event =
  /** Something needs a connection. */
  | { readonly type: 'start' }
  /** The application closes the client. */
  | { readonly type: 'stop' }
  /** The server said `welcome`. */
  | { readonly type: 'opened'; readonly link: number }
  /** The link is gone or given up; the error's `next` says how to go on. */
  | { readonly type: 'lost'; readonly link: number; readonly error: SyncError }
  /** The server is about to leave. */
  | { readonly type: 'bye'; readonly link: number; readonly afterMs: number }
  /** The state has lasted as long as it may. */
  | { readonly type: 'due' }
  /** A hint that the network may be back: online, page visible again, page restored. Or the application asks for a connection now. */
  | { readonly type: 'wake' }
  /** A hint that the network may be gone: a link has to prove itself, which is not for this machine to ask. */
  | { readonly type: 'offline' };

/** What a decision depends on besides state and event. */
export interface Facts {
  /** ms since 1970. */
  readonly now: number;
  /** From 0 up to, not including, 1. */
  readonly random: number;
  /** The number for a new attempt; none had it before. */
  readonly attempt: number;
}

const fresh: Tries = { failed: 0, rejected: 0, waitedMs: 0 };

/** The state after `event`; the same object when nothing changed. */
export function next(state: State, event: Event, facts: Facts): State {
  if (state.state === 'closed') return state;
  if (event.type === 'stop') return closed(new SyncError('closed', 'The client was closed.'));
  // Each takes the states of its name, which the compiler can't tell for all at once.
  return steps[state.state](state as never, event, facts);
}

const steps = {
  idle(state: State, event: Event, facts: Facts): State {
    return event.type === 'wake' || event.type === 'start' ? connecting(facts.attempt, fresh, facts) : state;
  },

  connecting(state: Connecting, event: Event, facts: Facts): State {
    const { attempt, tries } = state;
    const failure = failureOf(event, attempt);
    if (failure) return lose(tries, failure, facts);
    return event.type === 'opened' && event.link === attempt ? open(attempt, tries, facts) : state;
  },

  open(state: Open, event: Event, facts: Facts): State {
    const { link, tries, leaving, until, earliest } = state;
    const { now, random, attempt } = facts;
    if (event.type === 'due') {
      return leaving
        ? { ...connecting(attempt, tries, facts), state: 'moving', link }
        : { ...state, tries: fresh, until: 0 };
    }
    const failure = failureOf(event, link);
    if (failure) {
      // A link that held for a part of the time takes back that part of what was waited; one whose server leaves, all of it.
      const left = leaving ? 0 : Math.max(0, until - now) / stableMs;
      return lose({ ...tries, waitedMs: left * tries.waitedMs }, failure, facts, earliest);
    }
    if (event.type !== 'bye' || event.link !== link) return state;
    // The link goes on until the next one is there, or the server ends it. The extra time spreads the clients.
    const comeBack = now + event.afterMs + random * (250 + event.afterMs / 2);
    return { ...state, leaving: true, until: comeBack, earliest: comeBack };
  },

  moving(state: Moving, event: Event, facts: Facts): State {
    const { link, attempt, tries } = state;
    if (event.type === 'opened' && event.link === attempt) return open(attempt, tries, facts);
    const failure = failureOf(event, attempt);
    if (failure) {
      // Nothing is lost yet, so not even an error that says stop ends it: how the old link ends will tell.
      return { ...pause(tries, failure, facts), state: 'open', link, leaving: true };
    }
    const error = failureOf(event, link);
    if (!error) return state;
    return error.next === 'stop' ? closed(error) : connecting(attempt, tries, facts);
  },

  waiting(state: Waiting, event: Event, facts: Facts): State {
    const { attempt, now } = facts;
    if (event.type === 'due') return connecting(attempt, state.tries, facts);
    // Sooner than it was to be; or now, where that passed while the machine slept and no timer ran.
    const until = Math.max(now, state.earliest);
    return event.type !== 'wake' || until === state.until ? state : { ...state, until };
  },
} as const;

/** Why there is nothing to hope for from this link, if that is so: it is lost, or the time it had is over. */
function failureOf(event: Event, link: number): SyncError | undefined {
  if (event.type === 'due') return silence();
  return event.type === 'lost' && event.link === link ? event.error : undefined;
}

function closed(error: SyncError): State {
  return { state: 'closed', error };
}

function connecting(attempt: number, tries: Tries, { now }: Facts): Connecting {
  return { state: 'connecting', attempt, tries, until: now + connectMs };
}

function open(link: number, tries: Tries, { now }: Facts): Open {
  return { state: 'open', link, tries, leaving: false, until: now + stableMs, earliest: 0 };
}

function lose(before: Tries, error: SyncError, facts: Facts, comeBack?: number): State {
  const waiting = pause(before, error, facts, comeBack);
  return error.next === 'stop' || waiting.tries.rejected >= rejectionsMax ? closed(error) : waiting;
}

function pause(before: Tries, error: SyncError, { now, random }: Facts, comeBack = 0): Waiting {
  const { failed, rejected, waitedMs } = before;
  const wait = backoff(failed, random, failed < quickMax ? 0 : hintMs, waitedMs);
  const tries: Tries = {
    failed: failed + 1,
    rejected: rejected + Number(error.next === 'reauth'),
    waitedMs: Math.min(backoffMsMax, waitedMs + wait),
  };
  // What the server asked for is the least (rule F11).
  const asked = Math.max(comeBack, now + retryMsOf(error));
  const until = Math.max(asked, now + wait);
  // After a connection that held, the first hint is followed at once; a storm of hints then gets one attempt a second.
  const earliest = Math.min(until, failed ? asked + hintMs : asked);
  return { state: 'waiting', tries, until, earliest, error };
}
