/**
 * How a plain HTTP request is answered, whatever it asks for: methods, preflights, who may read the answer, refusals as JSON, and
 * the end of what nobody reads. http.ts calls it with a route; it must not know what the route does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallerRules, checkCaller } from '../caller.ts';
import { Refusal } from '../refusal.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Header fields that pages of other origins may send. */
  readonly headers: string;
  /** Answers a request; throws to refuse. Whoever doesn't want the body doesn't read it. @param rest what follows a prefix */
  readonly answer: (request: IncomingMessage, rest: string) => Answer | Promise<Answer>;
}

export async function respond(
  route: Route,
  rest: string,
  request: IncomingMessage,
  response: ServerResponse,
  settings: CallerRules,
): Promise<void> {
  const common = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...cors(request, settings),
  };
  // Those who break off in the midst of it are nobody's concern.
  request.on('error', () => {});
  let answer: Answer;
  try {
    answer = await answerOf(route, rest, request, settings);
  } catch (thrown) {
    const refusal = Refusal.from(thrown);
    const headers = { ...refusal.headers, ...later(refusal) };
    answer = { status: refusal.status, body: { error: errorBody(refusal) }, headers };
  }
  const body = Buffer.from(answer.status === 204 ? '' : JSON.stringify(answer.body));
  // No length goes with a 204 (RFC 9110 section 8.6).
  const type: Record<string, string> =
    answer.status === 204
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
  // Nobody waits for a body that goes on and on after its answer: Node ends the connection then.
  const last: Record<string, string> = request.complete ? {} : { Connection: 'close' };
  response.writeHead(answer.status, { ...type, ...common, ...answer.headers, ...last });
  response.end(body);
}

/** An error as the body of an answer. */
export function errorBody({ code, message, detail }: Pick<Refusal, 'code' | 'message' | 'detail'>): object {
  return { code, message, ...(detail && { detail }) };
}

function later({ detail }: Pick<Refusal, 'detail'>): Record<string, string> {
  const retryMs = detail?.['retryMs'];
  return typeof retryMs === 'number' ? { 'Retry-After': String(Math.ceil(retryMs / 1000)) } : {};
}

async function answerOf(
  route: Route,
  rest: string,
  request: IncomingMessage,
  settings: CallerRules,
): Promise<Answer> {
  const { method, headers } = route;
  if (request.method === method || (method === 'GET' && request.method === 'HEAD'))
    return await route.answer(request, rest);
  if (request.method !== 'OPTIONS')
    throw new Refusal(405, 'bad_frame', `Use ${method}.`, { Allow: `${method}, OPTIONS` });
  checkCaller(request, settings);
  const preflight = { 'Access-Control-Allow-Methods': method, 'Access-Control-Allow-Headers': headers };
  return { status: 204, body: null, headers: preflight };
}

/** Pages of the origins on the list may read the answer; those of the server's own need no leave. */
function cors(
  { headers: { origin } }: IncomingMessage,
  { originsAllowed }: CallerRules,
): Record<string, string> {
  if (origin === undefined || !originsAllowed.includes(origin)) return { Vary: 'Origin' };
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
  };
}
