/**
 * `{base}/streams/{channel}`: channels by plain HTTP, as the Durable Streams protocol has it. Who is asking is found out first; reading is
 * a session's matter, writing that of the streams. It knows requests and answers; it never sees a channel.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { SyncError } from '@syncline/protocol';
import type { StreamWrite } from '../../session/streams/request.ts';
import type { Found, Streams } from '../../session/streams.ts';
import { credentials, pathOf } from '../caller.ts';
import { Refusal } from '../refusal.ts';
import type { Answer, Answering, Route } from './answer.ts';
import { cutOff } from './leaving.ts';
import { type PlaceSettings, placeOf } from './place.ts';
import { checkRequest, type ReceiveSettings, receiveBytes } from './receive.ts';
import { ChunkReader } from './streams/chunk.ts';
import { retryIn } from './streams/events.ts';
import { answerTo, factFields, readable, sendable } from './streams/headers.ts';
import { channelOf, fieldOf, producerOf, type Query, readQuery, refuseExtensions } from './streams/query.ts';
import { type ReadTools, standing } from './streams/reader.ts';
import { SseReader } from './streams/sse.ts';

export interface StreamSettings extends ReceiveSettings, ReadTools, PlaceSettings {
  readonly streams: Pick<Streams, 'find' | 'create' | 'append' | 'remove'>;
  /** What counts as one address. */
  readonly networkOf: (address: string) => string;
  /** A connection is somebody's who is in. */
  readonly welcome: (request: IncomingMessage) => void;
  /** Whether the node can serve nobody who comes now, while others may. */
  readonly cutOff: () => boolean;
}

/** After how long whoever asked a server that leaves, or is cut off, comes back, in ms. */
const awayMs = 1000;

/** What browsers say that they ask for where it would be run, or change how a page looks. */
const run = /^(audioworklet|paintworklet|script|serviceworker|sharedworker|style|worker|xslt)$/;

/** Every method of a stream. */
export function streamsRoute(settings: StreamSettings): Route {
  const { streams } = settings;
  const write =
    (act: (write: StreamWrite) => ReturnType<Streams['append']>): Answering =>
    async (request, rest) => {
      refuseExtensions(request);
      checkRequest(request, settings);
      const told = await act(await writeOf(request, rest, settings));
      const answer = answerTo(told, addressOf(request, settings));
      if (answer.status >= 400) settings.metrics.framesRefused++;
      return answer;
    };
  return {
    headers: sendable,
    exposed: readable,
    methods: {
      GET: (request, rest, response) => read(request, rest, response, settings),
      HEAD: (request, rest) => look(request, rest, settings),
      POST: write((asked) => streams.append(asked)),
      PUT: write((asked) => streams.create(asked)),
      DELETE: write((asked) => streams.remove(asked)),
    },
  };
}

async function read(
  request: IncomingMessage,
  rest: string,
  response: ServerResponse,
  settings: StreamSettings,
): Promise<Answer> {
  refuseExtensions(request);
  const query = readQuery(request);
  const channel = channelOf(rest);
  // Else whoever may create a log would bring programs into the pages of its origin, past what their policy allows.
  if (run.test(String(request.headers['sec-fetch-dest'] ?? '')))
    throw new SyncError(
      'forbidden',
      'What streams hold is data: no page runs it, or takes its looks from it.',
    );
  try {
    checkRequest(request, settings);
    if (settings.cutOff()) throw cutOff();
  } catch (thrown) {
    return comeBack(thrown, query);
  }
  const { identity, remoteAddress } = await receiveBytes(request, settings, false);
  const network = settings.networkOf(remoteAddress);
  const found = await settings.streams.find({ identity, network, channel }, true);
  const place = placeOf(settings, identity, { ...credentials(request), remoteAddress });
  settings.welcome(request);
  // Whoever is gone by now is nobody to read for.
  if (request.socket.destroyed) {
    place.gone();
    return { status: 204 };
  }
  const reading = { found, channel, query, from: standing(query.from, found) };
  const reader =
    query.live === 'sse'
      ? new SseReader(place, settings, reading)
      : new ChunkReader(place, settings, reading, request.headers['if-none-match']);
  settings.metrics.streamReads++;
  response.once('close', () => {
    reader.release();
    place.gone();
  });
  reader.begin();
  return await reader.answer;
}

/** A browser's EventSource gives up for good at any answer but a stream of events: so one that ends at once sends it away for a while. */
function comeBack(thrown: unknown, { live }: Query): Answer {
  if (live !== 'sse' || !(thrown instanceof Refusal) || thrown.status !== 503) throw thrown;
  return {
    status: 200,
    headers: { 'Content-Type': 'text/event-stream', Connection: 'close' },
    bytes: retryIn(awayMs),
  };
}

async function look(request: IncomingMessage, rest: string, settings: StreamSettings): Promise<Answer> {
  const channel = channelOf(rest);
  checkRequest(request, settings);
  const { identity, remoteAddress } = await receiveBytes(request, settings, false);
  const network = settings.networkOf(remoteAddress);
  const found: Found = await settings.streams.find({ identity, network, channel }, false);
  // Its length is nobody's business: what a GET would give depends on where it begins.
  return { status: 200, headers: factFields(found), write: (response) => response.end() };
}

/** The address of what was asked for, as its creator may call it. */
function addressOf(request: IncomingMessage, { trustProxy }: StreamSettings): string {
  const overTls = trustProxy !== false || (request.socket as Partial<TLSSocket>).encrypted === true;
  return `${overTls ? 'https' : 'http'}://${request.headers.host}${pathOf(request)}`;
}

/** What a request wants to have written. @throws SyncError, Refusal */
async function writeOf(
  request: IncomingMessage,
  rest: string,
  settings: StreamSettings,
): Promise<StreamWrite> {
  const asked = {
    channel: channelOf(rest),
    type: fieldOf(request, 'content-type'),
    closes: fieldOf(request, 'stream-closed')?.toLowerCase() === 'true',
    order: fieldOf(request, 'stream-seq'),
    ttl: fieldOf(request, 'stream-ttl'),
    expiresAt: fieldOf(request, 'stream-expires-at'),
    producer: producerOf(request),
  };
  if (request.headers['content-encoding'] !== undefined)
    throw new SyncError('unsupported_data', 'Send the body as it is, without a Content-Encoding.');
  const { identity, remoteAddress, body } = await receiveBytes(request, settings, true);
  return { ...asked, identity, network: settings.networkOf(remoteAddress), body };
}
