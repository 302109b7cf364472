/**
 * What a server answers over plain HTTP, beside its sockets: one-time tickets for those who can't send a token, and whether
 * it takes more sessions. The doors' rules hold here too. It knows requests and answers; no session and no channel.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Credentials } from '../access.ts';
import { checkCaller, credentials, type DoorRules, pathOf, Refusal } from './handshake.ts';
import { checkSecure, clientAddress, type SecureRules } from './secure.ts';

export interface HttpSettings extends DoorRules, SecureRules {
  /** A ticket for whoever is asking; throws to refuse. */
  readonly issueTicket: (
    credentials: Credentials,
  ) => Promise<{ readonly ticket: string; readonly expiresMs: number }>;
  /** Counts a request that waits for its answer, by address; throws when there are too many. */
  readonly wait: (address: string) => () => void;
  /** Whether new sessions are taken. */
  readonly ready: () => boolean;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly answer: (request: IncomingMessage) => Answer | Promise<Answer>;
}

/**
 * Answers `POST {base}/ticket` and `GET {base}/ready` on an HTTP server, and leaves all else to whoever serves it.
 *
 * @returns what ends it.
 */
export function serveHttp(server: HttpServer, base: string, settings: HttpSettings): () => void {
  const routes = new Map<string, Route>([
    [`${base}/ticket`, { method: 'POST', answer: (request) => issue(request, settings) }],
    [`${base}/ready`, { method: 'GET', answer: () => readiness(settings) }],
  ]);
  // Frameworks add their listener when they like, and two listeners would both answer: so ours comes before all of them.
  const emit = server.emit.bind(server);
  const own = ((event: string, ...args: unknown[]): boolean => {
    const [request, response] = args;
    const route = event === 'request' ? routes.get(pathOf(request as IncomingMessage)) : undefined;
    if (!route) return emit(event, ...args);
    void respond(route, request as IncomingMessage, response as ServerResponse, settings);
    return true;
  }) as typeof server.emit;
  server.emit = own;
  return () => {
    routes.clear();
    if (server.emit === own) server.emit = emit;
  };
}

async function respond(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  settings: HttpSettings,
): Promise<void> {
  request.resume();
  const common = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...cors(request, settings),
  };
  let answer: Answer;
  try {
    answer = await answerOf(route, request, settings);
  } catch (thrown) {
    const { status, code, message, headers } = Refusal.from(thrown);
    answer = { status, body: { error: { code, message } }, headers };
  }
  const body = answer.status === 204 ? '' : JSON.stringify(answer.body);
  const type: Record<string, string> = body === '' ? {} : { 'Content-Type': 'application/json' };
  // Nobody waits for a body that goes on and on after its answer.
  const last: Record<string, string> = request.complete ? {} : { Connection: 'close' };
  response.writeHead(answer.status, { ...type, ...common, ...answer.headers, ...last }).end(body, () => {
    if (!request.complete) request.destroy();
  });
}

async function answerOf(route: Route, request: IncomingMessage, settings: HttpSettings): Promise<Answer> {
  const { method } = route;
  if (request.method === method || (method === 'GET' && request.method === 'HEAD'))
    return await route.answer(request);
  if (request.method !== 'OPTIONS')
    throw new Refusal(405, 'bad_frame', `This is asked for with ${method}.`, { Allow: `${method}, OPTIONS` });
  checkCaller(request, settings);
  const preflight = {
    'Access-Control-Allow-Methods': method,
    'Access-Control-Allow-Headers': 'Authorization',
  };
  return { status: 204, body: null, headers: preflight };
}

async function issue(request: IncomingMessage, settings: HttpSettings): Promise<Answer> {
  checkCaller(request, settings);
  checkSecure(request, settings);
  if (!settings.ready())
    throw new Refusal(503, 'restart', 'The server is leaving; come back.', { 'Retry-After': '1' });
  const remoteAddress = clientAddress(request, settings.trustProxy);
  const leave = settings.wait(remoteAddress);
  try {
    return { status: 200, body: await settings.issueTicket({ ...credentials(request), remoteAddress }) };
  } finally {
    leave();
  }
}

function readiness({ ready }: HttpSettings): Answer {
  return ready() ? { status: 200, body: { ready: true } } : { status: 503, body: { ready: false } };
}

/** Pages of the origins on the list may read the answer; those of the server's own need no leave. */
function cors(
  { headers: { origin } }: IncomingMessage,
  { originsAllowed }: HttpSettings,
): Record<string, string> {
  if (origin === undefined || !originsAllowed.includes(origin)) return { Vary: 'Origin' };
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
  };
}
