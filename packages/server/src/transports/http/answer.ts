/**
 * How a plain HTTP request is answered, whatever it asks for: methods, preflights, who may read the answer, refusals as JSON, and
 * the end of what nobody reads. http.ts calls it with a route; it must not know what the route does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@syncline/protocol/wire';
import { type CallerRules, checkCaller } from '../caller.ts';
import { Refusal } from '../refusal.ts';
import { endAnswer } from './linger.ts';

/** What a request is answered with. Of `body`, `bytes` and `write` there is one at most. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Is written as JSON. */
  readonly body?: unknown;
  /** Are written as they are; `headers` say of what type they are. */
  readonly bytes?: Uint8Array;
  /** Writes the rest once the head is written, and ends the response itself: for what goes on for longer. */
  readonly write?: (response: ServerResponse) => void;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * Answers a request; throws to refuse. Whoever doesn't want the body doesn't read it.
 *
 * @param rest what follows a prefix
 * @param response to hear when it is over; what is written is what the answer says
 */
export type Answering = (
  request: IncomingMessage,
  rest: string,
  response: ServerResponse,
) => Answer | Promise<Answer>;

/** What a path answers to. */
export interface Route {
  /** By method. HEAD is answered as GET is, without the body, where it isn't named. */
  readonly methods: Readonly<Partial<Record<Method, Answering>>>;
  /** Header fields that pages of other origins may send. */
  readonly headers: string;
  /** Header fields of answers that pages of other origins may read, beside those that they always may. */
  readonly exposed?: string;
}

/** Resolves when the answer was written, or what goes on for longer has begun. */
export async function respond(
  route: Route,
  rest: string,
  request: IncomingMessage,
  response: ServerResponse,
  settings: CallerRules & { readonly clock: Pick<Clock, 'timer'> },
): Promise<void> {
  const common = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...cors(route, request, settings),
  };
  // Those who break off in the midst of it are nobody's concern.
  request.on('error', () => {});
  response.on('error', () => {});
  const answer = await answerOf(route, rest, request, response, settings).catch(refused);
  const { bytes = answer.body === undefined ? undefined : Buffer.from(JSON.stringify(answer.body)) } = answer;
  // No length goes with a 204 or a 304 (RFC 9110 section 8.6).
  const empty = answer.status === 204 || answer.status === 304;
  const sized = empty || answer.write ? {} : { 'Content-Length': String(bytes?.length ?? 0) };
  const typed = answer.body === undefined ? {} : { 'Content-Type': 'application/json' };
  // Nobody waits for a body that goes on and on after its answer: Node ends the connection then.
  const last = request.complete ? {} : { Connection: 'close' };
  response.writeHead(answer.status, { ...typed, ...sized, ...common, ...answer.headers, ...last });
  if (answer.write) return answer.write(response);
  endAnswer(request, response, empty ? undefined : bytes, settings.clock);
  await written(response);
}

/** An answer that stands behind another one on its connection isn't waited for: where that breaks it never hears of it. */
async function written(response: ServerResponse): Promise<void> {
  if (response.socket && !response.closed) await new Promise((resolve) => response.once('close', resolve));
}

/** An error as the body of an answer. */
export function errorBody({ code, message, detail }: Pick<Refusal, 'code' | 'message' | 'detail'>): object {
  return { code, message, ...(detail && { detail }) };
}

/** What somebody is refused with, as an answer. */
export function refused(thrown: unknown): Answer {
  const refusal = Refusal.from(thrown);
  const headers = { ...refusal.headers, ...later(refusal) };
  return { status: refusal.status, body: { error: errorBody(refusal) }, headers };
}

function later({ detail }: Pick<Refusal, 'detail'>): Record<string, string> {
  const retryMs = detail?.['retryMs'];
  return typeof retryMs === 'number' ? { 'Retry-After': String(Math.ceil(retryMs / 1000)) } : {};
}

async function answerOf(
  { methods, headers }: Route,
  rest: string,
  request: IncomingMessage,
  response: ServerResponse,
  settings: CallerRules,
): Promise<Answer> {
  const known = new Map(Object.entries(methods));
  const method = request.method ?? '';
  const answering = known.get(method) ?? (method === 'HEAD' ? known.get('GET') : undefined);
  if (answering) return await answering(request, rest, response);
  const names = [...known.keys()].join(', ');
  if (method !== 'OPTIONS')
    throw new Refusal(405, 'bad_frame', `Use ${names}.`, { Allow: `${names}, OPTIONS` });
  checkCaller(request, settings);
  const preflight = {
    'Access-Control-Allow-Methods': names,
    'Access-Control-Allow-Headers': headers,
    // Else a browser asks before each poll: it remembers for 5 s. None remembers for longer than 2 hours.
    'Access-Control-Max-Age': '7200',
  };
  return { status: 204, headers: { Allow: `${names}, OPTIONS`, ...preflight } };
}

/** Pages of the origins on the list may read the answer; those of the server's own need no leave. */
function cors(
  { exposed }: Route,
  { headers: { origin } }: IncomingMessage,
  { originsAllowed }: CallerRules,
): Record<string, string> {
  if (origin === undefined || !originsAllowed.includes(origin)) return { Vary: 'Origin' };
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    ...(exposed !== undefined && { 'Access-Control-Expose-Headers': exposed }),
  };
}
