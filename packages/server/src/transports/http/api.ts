/**
 * The API for backends: `{base}/api/…`, for whoever keeps no connection and speaks any language. Each request is read by the table of
 * operations, and what was asked is handed on. It knows requests and answers; what becomes of them is others' matter.
 */
import type { IncomingMessage } from 'node:http';
import { SyncError } from '@syncline/protocol';
import { readPayload } from '@syncline/protocol/wire';
import type { Identity } from '../../access.ts';
import type { MembersAsked, Page, PageAsked, Roster } from '../../session/lookups.ts';
import type { Outcome } from '../../session/posts.ts';
import { Refusal } from '../refusal.ts';
import { type Answer, type Answering, errorBody, type Route } from './answer.ts';
import { openapi } from './api/openapi.ts';
import { type Of, type ReadFields, readFields, type Shape } from './api/shape.ts';
import { type Operation, type OperationName, operations } from './api/table.ts';
import type { PublishSettings } from './publish.ts';
import { checkRequest, checkType, type Received, receive } from './receive.ts';

export interface ApiSettings extends PublishSettings {
  /** A page of a log; throws to refuse. */
  readonly history: (asked: Omit<PageAsked, 'network'>, address: string) => Promise<Page>;
  /** Who is in a channel; throws to refuse. */
  readonly members: (asked: Omit<MembersAsked, 'network'>, address: string) => Promise<Roster>;
  /** Ends the sessions of a user on every node; returns how many there were on this one; throws to refuse. */
  readonly disconnect: (identity: Identity, user: string, why: string | undefined) => Promise<number>;
  /** The same for a token, which lets nobody in any more. */
  readonly revoke: (identity: Identity, tokenId: string, untilMs: number | undefined) => Promise<number>;
}

type Table = typeof operations;
type QueryOf<O> = O extends { query: infer F extends Operation['query'] & object } ? ReadFields<F> : unknown;
type BodyOf<O> = O extends { body: infer S } ? Of<S> : unknown;

/** What was asked: by whom, and what the table read of it. */
interface Asked<N extends OperationName> extends Received {
  readonly query: QueryOf<Table[N]>;
  readonly body: BodyOf<Table[N]>;
  readonly idempotencyKey: string | undefined;
}

type Handlers = { readonly [N in Exclude<OperationName, 'description'>]: Handler<N> };
type Handler<N extends OperationName> = (asked: Asked<N>, settings: ApiSettings) => Promise<Answer>;

const headers = 'Authorization, Content-Type, Idempotency-Key';
const exposed = 'Retry-After';
const pageDefault = 100;
/** Visible ASCII, so that two keys that came joined are none. */
const keyShape = /^[\x21-\x7e]{1,255}$/;

/** The routes of the API, below the base path. @param base where the server is found, for the description */
export function apiRoutes(settings: ApiSettings, base: string): Readonly<Record<string, Route>> {
  const described = Buffer.from(JSON.stringify(openapi(base)));
  const tell: Answering = () => ({ status: 200, bytes: described, headers: json });
  const routes = Object.entries(handlers).map(([name, handler]): [string, Route] => {
    const operation: Operation = operations[name as keyof Handlers];
    // The table that a request is read by is the one that the handler's type is made of.
    const answer = answering(operation, handler as Handler<OperationName>, settings);
    return [`/api/${operation.path}`, { headers, exposed, methods: { [operation.method]: answer } }];
  });
  const unknown: Route = { headers, methods: { GET: refuse, POST: refuse } };
  return {
    ...Object.fromEntries(routes),
    '/api/openapi.json': { headers, methods: { GET: tell } },
    '/api': unknown,
    '/api/': unknown,
  };
}

const json = { 'Content-Type': 'application/json' };

const refuse: Answering = () => {
  const known = Object.values(operations).map(({ path }) => path);
  throw new Refusal(404, 'bad_frame', `There is nothing here. The API has ${known.join(', ')}.`);
};

function answering(operation: Operation, handler: Handler<OperationName>, settings: ApiSettings): Answering {
  return async (request) => {
    checkRequest(request, settings);
    const query = readQuery(operation, request);
    const idempotencyKey = operation.idempotent ? keyOf(request) : undefined;
    const { body: shape } = operation;
    if (shape) checkType(request);
    const received = await receive(request, settings, shape !== undefined);
    const body = shape && readBody(shape, received.text);
    return await handler({ ...received, query, body, idempotencyKey }, settings);
  };
}

const handlers: Handlers = {
  publish: async ({ identity, remoteAddress, body, bytes, idempotencyKey }, settings) => {
    const { channel, data } = body;
    const post = { identity, channel, payloads: [data], bytes, idempotencyKey };
    const [outcome] = await settings.publish(post, remoteAddress);
    if (!outcome || outcome instanceof SyncError) throw outcome;
    return { status: 200, body: outcome };
  },

  batch: async (asked, settings) => ({ status: 200, body: { results: await publishAll(asked, settings) } }),

  history: async ({ identity, remoteAddress, query }, settings) => {
    const { channel, before, after, limit = pageDefault } = query;
    if (before !== undefined && after !== undefined)
      throw new SyncError(
        'bad_frame',
        'Ask for the entries `before` an offset or `after` one, not for both.',
      );
    const direction = after === undefined ? 'before' : 'after';
    const offset = after ?? before ?? Number.MAX_SAFE_INTEGER;
    const asked = { identity, channel, direction, offset, limit } as const;
    return pageAnswer(await settings.history(asked, remoteAddress));
  },

  presence: async ({ identity, remoteAddress, query }, settings) => {
    const { channel, after = 0, limit = pageDefault } = query;
    return membersAnswer(await settings.members({ identity, channel, after, limit }, remoteAddress));
  },

  disconnect: async ({ identity, body: { user, why } }, settings) => ({
    status: 200,
    body: { ended: await settings.disconnect(identity, user, why) },
  }),

  revoke: async ({ identity, body: { tokenId, expiresAt } }, settings) => {
    if (expiresAt !== undefined && expiresAt <= settings.clock.now())
      throw new SyncError(
        'bad_frame',
        'Expected `expiresAt` to be a time to come, in ms since 1970. The claim `exp` counts seconds: multiply it by 1000.',
      );
    return { status: 200, body: { ended: await settings.revoke(identity, tokenId, expiresAt) } };
  },
};

/** Appends the messages of each channel in their order; what becomes of one channel's holds nobody else's up. */
async function publishAll(
  { identity, remoteAddress, body, idempotencyKey }: Asked<'batch'>,
  settings: ApiSettings,
): Promise<readonly unknown[]> {
  const { messages } = body;
  const byChannel = new Map<string, number[]>();
  for (const [i, { channel }] of messages.entries()) {
    const at = byChannel.get(channel);
    if (at) at.push(i);
    else byChannel.set(channel, [i]);
  }
  const results: unknown[] = messages.map(() => undefined);
  const publish = async (channel: string, at: readonly number[]): Promise<void> => {
    const payloads = at.map((i) => messages[i]?.data ?? '');
    const bytes = payloads.reduce((sum, { length }) => sum + length, 0);
    const post = { identity, channel, payloads, bytes, idempotencyKey };
    const outcomes = await settings.publish(post, remoteAddress).catch((thrown: unknown) => {
      const refusal = Refusal.from(thrown);
      return at.map(() => refusal);
    });
    for (const [nth, i] of at.entries()) results[i] = told(outcomes[nth]);
  };
  await Promise.all([...byChannel].map(([channel, at]) => publish(channel, at)));
  return results;
}

function told(outcome: Outcome | Refusal | undefined): unknown {
  if (outcome && !(outcome instanceof Error)) return outcome;
  return { error: errorBody(Refusal.from(outcome)) };
}

/** Payloads stand in it as their authors wrote them (rule F9), so it is put together as text. */
function pageAnswer({ epoch, entries, stamped, more }: Page): Answer {
  const texts = entries.map(({ offset, at, from, data }) => {
    const stamp = stamped ? `"at":${at},"from":${JSON.stringify(from)},` : '';
    return `{"offset":${offset},${stamp}"data":${String(data)}}`;
  });
  return written(`{"epoch":${JSON.stringify(epoch)},"entries":[${texts}],"more":${more}}`);
}

function membersAnswer({ count, members, more }: Roster): Answer {
  const texts = members.map(({ data, ...facts }) => `${JSON.stringify(facts).slice(0, -1)},"data":${data}}`);
  const next = more ? (members.at(-1)?.version ?? null) : null;
  return written(`{"count":${count},"members":[${texts}],"next":${next}}`);
}

function written(text: string): Answer {
  return { status: 200, bytes: Buffer.from(text), headers: json };
}

/** @throws SyncError `bad_frame` for what the operation doesn't know, and for what comes twice */
function readQuery({ query = {} }: Operation, { url = '' }: IncomingMessage): Record<string, unknown> {
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(url.split('?')[1])) {
    if (given.has(name))
      throw new SyncError('bad_frame', `\`${name.slice(0, 60)}\` stands in the query twice. Send one.`);
    given.set(name, value);
  }
  return readFields(query, given, given, 'the query');
}

/** @throws SyncError `bad_payload` for what is no JSON, `bad_frame` for what is another thing */
function readBody(shape: Shape<unknown>, text: string): unknown {
  const payload = readPayload(text);
  return shape.read(JSON.parse(payload), payload, 'the body');
}

/** @throws SyncError `bad_frame` */
function keyOf({ headers: { 'idempotency-key': key } }: IncomingMessage): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key === 'string' && keyShape.test(key)) return key;
  throw new SyncError(
    'bad_frame',
    'Expected `Idempotency-Key` to be 1 to 255 visible ASCII characters without spaces, such as a random UUID, once.',
  );
}
