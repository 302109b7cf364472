/**
 * Two small questions over plain HTTP: a one-time ticket for those who can't send a token with a socket, and whether the server
 * takes more sessions. It knows requests and answers; no session and no channel.
 */
import type { Credentials } from '../../access.ts';
import { type CallerRules, checkCaller, credentials } from '../caller.ts';
import { checkSecure, clientAddress, type SecureRules } from '../secure.ts';
import type { Answering, Route } from './answer.ts';
import { leaving } from './leaving.ts';

export interface TicketSettings extends CallerRules, SecureRules {
  /** A ticket for whoever is asking; throws to refuse. */
  readonly issueTicket: (
    credentials: Credentials,
  ) => Promise<{ readonly ticket: string; readonly expiresMs: number }>;
  /** Counts a request that waits for its answer, by address; throws when there are too many. */
  readonly wait: (address: string) => () => void;
  /** Whether new sessions are taken. */
  readonly ready: () => boolean;
  /** Whether this node knows what is in its logs. */
  readonly healthy: () => boolean;
}

/** `POST {base}/ticket` (rule F12). */
export function ticketRoute(settings: TicketSettings): Route {
  const issue: Answering = async (request) => {
    checkCaller(request, settings);
    checkSecure(request, settings);
    if (!settings.ready()) throw leaving();
    const remoteAddress = clientAddress(request, settings.trustProxy);
    const leave = settings.wait(remoteAddress);
    try {
      return { status: 200, body: await settings.issueTicket({ ...credentials(request), remoteAddress }) };
    } finally {
      leave();
    }
  };
  return { headers: 'Authorization', methods: { POST: issue } };
}

/** `GET {base}/ready`, for load balancers. */
export function readyRoute({ ready, healthy }: Pick<TicketSettings, 'ready' | 'healthy'>): Route {
  const tell: Answering = () =>
    ready() && healthy() ? { status: 200, body: { ready: true } } : { status: 503, body: { ready: false } };
  return { headers: '', methods: { GET: tell } };
}
