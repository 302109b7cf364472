/**
 * The connection as a pure function: what it is, what can happen to it, and what must be done then. connection.ts runs it
 * with real sockets and timers; its test goes through every state and event. It knows neither frames nor channels.
 */
import { SyncError } from '@syncline/protocol';
import { backoff } from './timing.ts';

/** How long an attempt may take until the server's `welcome`, in ms. */
export const connectMs = 10_000;
/** How long a connection must hold before earlier failures are forgotten, in ms. */
export const stableMs = 5_000;
/** How soon after a failed attempt a hint of the browser may bring the next one forward, in ms. */
export const hintMs = 1_000;

/** Failed attempts since a connection last held, and refused tokens among them. */
interface Tries {
  readonly failures: number;
  readonly rejections: number;
}

/**
 * `link` numbers an attempt and the connection it becomes. `until` is when the next attempt begins, `earliest` how far a
 * hint may bring it forward; `comeBack` is the time before which the server asked not to be called again, or 0.
 */
export type State =
  | { readonly state: 'idle' }
  | { readonly state: 'connecting'; readonly link: number; readonly tries: Tries }
  | { readonly state: 'open'; readonly link: number; readonly tries: Tries; readonly comeBack: number }
  | {
      readonly state: 'waiting';
      readonly last: number;
      readonly tries: Tries;
      readonly until: number;
      readonly earliest: number;
      readonly error: SyncError;
    }
  | { readonly state: 'closed'; readonly error: SyncError };

/** What can happen. Events of a link that isn't the present one change nothing. */
export type Event =
  /** Something needs a connection. */
  | { readonly type: 'start' }
  /** The application closes the client. */
  | { readonly type: 'stop' }
  /** The server said `welcome`. */
  | { readonly type: 'opened'; readonly link: number }
  /** The connection has held for a while. */
  | { readonly type: 'stable'; readonly link: number }
  /** The link is gone or given up; the error's `next` says how to go on. */
  | { readonly type: 'lost'; readonly link: number; readonly error: SyncError }
  /** The server is about to leave. */
  | { readonly type: 'bye'; readonly link: number; readonly afterMs: number }
  /** The wait before the next attempt is over. */
  | { readonly type: 'due' }
  /** A hint that the network may be back: online, page visible again, page restored. */
  | { readonly type: 'wake' }
  /** A hint that the network may be gone. */
  | { readonly type: 'offline' };

/** What is to be done. A state has one timer; a new one replaces it, and leaving the state ends it. */
export type Effect =
  | { readonly do: 'dial'; readonly link: number; readonly rejected: boolean }
  | { readonly do: 'drop' }
  | { readonly do: 'probe' }
  | { readonly do: 'timer'; readonly ms: number; readonly event: Event };

/** What the machine can't know by itself. `random` is from 0 up to 1. */
export interface Facts {
  readonly now: number;
  readonly random: number;
  /** Tokens refused one after the other with which the client gives up; 1 where there is no way to another token. */
  readonly rejectionsMax: number;
}

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

const fresh: Tries = { failures: 0, rejections: 0 };

type Of<A extends State['state']> = Extract<State, { state: A }>;

/** The state after `event`, and what to do. The same state object comes back when nothing changed. */
export function next(state: State, event: Event, facts: Facts): Step {
  if (state.state === 'closed') return stay(state);
  if (event.type === 'stop') return close(new SyncError('closed'));
  switch (state.state) {
    case 'idle':
      return event.type === 'start' ? dial(1, fresh) : stay(state);
    case 'waiting':
      if (event.type === 'due') return dial(state.last + 1, state.tries);
      return event.type === 'wake' ? hasten(state, facts.now) : stay(state);
    case 'connecting':
      if (!('link' in event) || event.link !== state.link) return stay(state);
      if (event.type === 'lost') return lose(state, event.error, facts);
      return event.type === 'opened' ? open(state) : stay(state);
    case 'open':
      return whileOpen(state, event, facts);
  }
}

function whileOpen(state: Of<'open'>, event: Event, facts: Facts): Step {
  if (event.type === 'wake' || event.type === 'offline') return { state, effects: [{ do: 'probe' }] };
  if (!('link' in event) || event.link !== state.link) return stay(state);
  if (event.type === 'lost') return lose(state, event.error, facts);
  if (event.type === 'stable') return stay({ ...state, tries: fresh });
  if (event.type !== 'bye') return stay(state);
  // The link stays until the server ends it, so that answers still under way arrive. The extra time spreads the clients.
  const spreadMs = facts.random * (250 + event.afterMs / 2);
  return stay({ ...state, comeBack: facts.now + event.afterMs + spreadMs });
}

function stay(state: State): Step {
  return { state, effects: [] };
}

function close(error: SyncError): Step {
  return { state: { state: 'closed', error }, effects: [{ do: 'drop' }] };
}

function dial(link: number, tries: Tries): Step {
  const late = new SyncError('silent');
  return {
    state: { state: 'connecting', link, tries },
    effects: [
      { do: 'timer', ms: connectMs, event: { type: 'lost', link, error: late } },
      { do: 'dial', link, rejected: tries.rejections > 0 },
    ],
  };
}

function open({ link, tries }: Of<'connecting'>): Step {
  return {
    state: { state: 'open', link, tries, comeBack: 0 },
    effects: [{ do: 'timer', ms: stableMs, event: { type: 'stable', link } }],
  };
}

function lose(state: Of<'connecting' | 'open'>, error: SyncError, facts: Facts): Step {
  const { now, random, rejectionsMax } = facts;
  const { failures } = state.tries;
  const rejections = state.tries.rejections + Number(error.next === 'reauth');
  if (error.next === 'stop' || (error.next === 'reauth' && rejections >= rejectionsMax)) return close(error);
  const comeBack = 'comeBack' in state ? state.comeBack : 0;
  const until = Math.max(comeBack, now + backoff(failures, random));
  // After a connection that held, the first hint is followed at once; a storm of hints then gets one attempt a second.
  const earliest = Math.max(comeBack, failures > 0 ? now + hintMs : now);
  const tries = { failures: failures + 1, rejections };
  return wait({ state: 'waiting', last: state.link, tries, until, earliest, error }, now, [{ do: 'drop' }]);
}

function hasten(state: Of<'waiting'>, now: number): Step {
  const until = Math.max(now, state.earliest);
  return until < state.until ? wait({ ...state, until }, now, []) : stay(state);
}

function wait(state: Of<'waiting'>, now: number, first: readonly Effect[]): Step {
  return { state, effects: [...first, { do: 'timer', ms: state.until - now, event: { type: 'due' } }] };
}
