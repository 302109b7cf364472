/**
 * `{base}/link` and `{base}/link/frames`: the requests of which a link over HTTP is made (rules L4 to L9). Who opens one is asked what
 * a handshake is asked; later requests show the link's name, which is a secret. It knows requests; what a link tells is the link's.
 */

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';
import type { Credentials, Identity } from '../../access.ts';
import type { Place } from '../../session/sessions.ts';
import { type CallerRules, checkCaller, credentials } from '../caller.ts';
import { Refusal } from '../refusal.ts';
import { checkSecure, clientAddress, type SecureRules } from '../secure.ts';
import type { Answer, Route } from './answer.ts';
import { readBody } from './body.ts';
import { cutOff, leaving } from './leaving.ts';
import type { Ask, Reply } from './link/link.ts';
import type { Links } from './link/links.ts';
import { type PlaceSettings, placeOf } from './place.ts';
import { checkType } from './receive.ts';

export interface LinkSettings extends CallerRules, SecureRules, PlaceSettings {
  readonly links: Links;
  /** Finds out who is asking, in time; throws to refuse. */
  readonly identify: (credentials: Credentials) => Promise<Identity>;
  /** Counts a request that waits for its answer, by address; throws when there are too many. */
  readonly wait: (address: string) => () => void;
  /** Counts one who is not let in. */
  readonly refused: () => void;
  /** The connection of a request belongs to somebody who was let in. */
  readonly welcome: (request: IncomingMessage) => void;
  readonly ready: () => boolean;
  /** Whether the node can serve nobody who comes now, while others may. */
  readonly cutOff: () => boolean;
  readonly clock: Clock;
  readonly frameBytesMax: number;
}

/** The body of a request for a link. */
const openBytesMax = 256;
/** How many seconds at the most whoever finds no room is told to stay away. */
const awaySecondsMax = 4;
/** Finds out whether there is such a link. */
const nothing: Ask = { what: 'frames', number: 0, body: Buffer.alloc(0) };
/** What stands around frames in a body. */
const aroundBytes = 4096;
/** So much is read of any post: clients send many small frames together (rule L8). */
const postBytesMin = 65_536;
const headers = 'Authorization, Content-Type, Syncline-Link';
/** No proxy on the way may keep, change or gather what is told. */
const streaming = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};
const piece = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store, no-transform' };

/** `POST {base}/link`. */
export function linkRoute(settings: LinkSettings): Route {
  const open = async (request: IncomingMessage): Promise<Answer> => {
    checkCaller(request, settings);
    checkSecure(request, settings);
    checkThere(settings);
    checkType(request);
    const remoteAddress = clientAddress(request, settings.trustProxy);
    const leave = settings.wait(remoteAddress);
    try {
      const given = { ...credentials(request), remoteAddress };
      const identity = await settings.identify(given);
      const as = readAs(await readBody(request, { clock: settings.clock, bytesMax: openBytesMax }));
      checkThere(settings);
      const place = placeOf(settings, identity, given);
      settings.welcome(request);
      if (as === 'long-poll')
        return { status: 200, body: { link: opened(place, () => settings.links.poll(place)) } };
      return { status: 200, headers: streaming, write: (response) => begin(settings.links, place, response) };
    } finally {
      leave();
    }
  };
  const counted = (request: IncomingMessage): Promise<Answer> =>
    open(request).catch((thrown: unknown) => {
      settings.refused();
      throw spread(Refusal.from(thrown), settings.clock);
    });
  return { methods: { POST: counted }, headers };
}

/** @throws Refusal where the node leaves, or is cut off */
function checkThere(settings: LinkSettings): void {
  if (!settings.ready()) throw leaving();
  if (settings.cutOff()) throw cutOff();
}

/** Who finds no room is told when to come again; chance spreads them. */
function spread(refusal: Refusal, clock: Clock): Refusal {
  const { status, code, message, headers, detail } = refusal;
  if ((status !== 429 && status !== 503) || detail?.['retryMs'] !== undefined) return refusal;
  const retryMs = Math.floor(1000 * (1 + clock.random() * awaySecondsMax));
  return new Refusal(status, code, message, headers, { ...detail, retryMs });
}

/** `POST {base}/link/frames` and `GET {base}/link/frames`. */
export function framesRoute(settings: LinkSettings): Route {
  const post = async (request: IncomingMessage): Promise<Answer> => {
    const link = linkOf(request, settings);
    const number = numberOf(request, 'n', 1);
    const end = new URLSearchParams(request.url?.split('?')[1]).has('end');
    if (!settings.links.mayBe(link)) throw gone();
    const leave = settings.wait(clientAddress(request, settings.trustProxy));
    try {
      // Whoever makes up a name would else have the nodes tell each other all that they care to send.
      if (!settings.links.knows(link)) await asked(settings, request, link, nothing);
      const frameBytes = Math.ceil(settings.frameBytesMax / 3) * 4 + aroundBytes;
      const bytesMax = Math.max(postBytesMin, frameBytes);
      const body = Buffer.from(await readBody(request, { clock: settings.clock, bytesMax }));
      if (!isUtf8(body)) throw new SyncError('bad_frame', 'The body is not UTF-8.');
      return await asked(settings, request, link, { what: end ? 'end' : 'frames', number, body });
    } finally {
      leave();
    }
  };
  const poll = async (request: IncomingMessage): Promise<Answer> => {
    const link = linkOf(request, settings);
    const number = numberOf(request, 'after', 0);
    if (!settings.links.mayBe(link)) throw gone();
    // What is passed on is somebody who stays here too, for a while.
    const leave = settings.links.has(link)
      ? () => {}
      : settings.enter(clientAddress(request, settings.trustProxy));
    try {
      return await asked(settings, request, link, { what: 'poll', number, body: Buffer.alloc(0) });
    } finally {
      leave();
    }
  };
  return { methods: { GET: poll, POST: post }, headers };
}

/** Asks the link, for as long as the client waits. @throws SyncError, Refusal */
async function asked(
  settings: LinkSettings,
  request: IncomingMessage,
  link: string,
  ask: Ask,
): Promise<Answer> {
  const { links, welcome } = settings;
  if (links.has(link)) welcome(request);
  const reply = await replied(links, request, link, ask);
  // It was let in on another node.
  if (reply.status !== 404) welcome(request);
  return answerOf(reply);
}

function replied(links: Links, request: IncomingMessage, link: string, ask: Ask): Promise<Reply> {
  return new Promise((resolve) => {
    const { socket } = request;
    let leave = (): void => {};
    const broke = (): void => {
      leave();
      resolve({ status: 503, body: Buffer.alloc(0) });
    };
    if (socket.destroyed) return broke();
    socket.once('close', broke);
    leave = links.ask(link, ask, (reply) => {
      socket.off('close', broke);
      resolve(reply);
    });
  });
}

function answerOf({ status, body }: Reply): Answer {
  switch (status) {
    case 200:
      return { status, headers: piece, bytes: body };
    case 204:
      return { status };
    case 404:
      throw gone();
    case 409:
      throw new SyncError('sequence', 'That number follows none that was sent or given on this link.');
    case 503:
      throw new SyncError('unavailable', 'The node that has this link could not be reached. Ask again.');
  }
}

function gone(): Refusal {
  return new Refusal(404, 'silent', 'There is no such link any more, or its node is gone: open another one.');
}

/** What opening a link makes; where it fails, its place is given back. */
function opened<T>(place: Place, open: () => T): T {
  try {
    return open();
  } catch (thrown) {
    place.gone();
    throw thrown;
  }
}

function begin(links: Links, place: Place, response: ServerResponse): void {
  // Who went away meanwhile will not be heard of again.
  if (response.destroyed || response.socket?.destroyed !== false) return place.gone();
  try {
    opened(place, () => links.stream(place, response));
  } catch {
    response.destroy();
  }
}

/** The link that a request names. @throws Refusal */
function linkOf(request: IncomingMessage, settings: LinkSettings): string {
  checkCaller(request, settings);
  checkSecure(request, settings);
  const link = request.headers['syncline-link'];
  if (typeof link === 'string') return link;
  throw new SyncError('bad_frame', 'Name the link that this is for, with "Syncline-Link: …".');
}

/** @throws SyncError `bad_frame` */
function numberOf({ url = '' }: IncomingMessage, name: string, least: number): number {
  const [text = '', ...more] = new URLSearchParams(url.split('?')[1]).getAll(name);
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number >= least && more.length === 0) return number;
  throw new SyncError('bad_frame', `Expected "?${name}=…" once, an integer of at least ${least}.`);
}

/** @throws SyncError `bad_frame` */
function readAs(body: Uint8Array): 'sse' | 'long-poll' {
  try {
    const { as }: { as?: unknown } = JSON.parse(Buffer.from(body).toString());
    if (as === 'sse' || as === 'long-poll') return as;
  } catch {
    // What is no JSON names none of the two either.
  }
  throw new SyncError('bad_frame', 'Expected the body to be {"as":"sse"} or {"as":"long-poll"}.');
}
