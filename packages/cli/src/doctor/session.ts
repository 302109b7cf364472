/**
 * What happens on an open WebSocket: the welcome, how far apart the two clocks are, and whether a connection on which nothing is said
 * lives until the heartbeat. It is a client by hand, since the SDK would come back and hide what happened.
 */
import { decodeServer, type ServerFrame, subprotocol } from '@syncline/protocol/wire';
import { WebSocket } from 'ws';
import { socketOptions } from '../link.ts';
import { type Finding, fault, good, skipped, warning } from './finding.ts';
import { mends } from './mends.ts';
import { credentialsOf, type Target, tlsOptions } from './target.ts';

/** Differences between clocks below this are nobody's concern, in ms. */
const clockMsMax = 2000;
/** Beyond this tokens are taken for ended, or not yet valid, in ms. */
const clockMsBad = 30_000;
/** Heartbeats that are asked for, to know how long the way is. */
const probes = 3;
/** A heartbeat is late when it takes longer than so many of them (rule H4). */
const quietBeats = 1.5;
/** So much of one is long enough to stand for all of it. */
const wholeBeat = 0.8;

/** What came, one after the other. */
type Seen =
  | { readonly type: 'frame'; readonly frame: ServerFrame }
  | { readonly type: 'ping' | 'quiet' }
  | { readonly type: 'ended'; readonly code: number; readonly reason: string };

/** Opens a session and listens. */
export async function checkSession(target: Target): Promise<Finding[]> {
  const ear = new Ear(target);
  try {
    const welcome = await ear.until('welcome', target.patienceMs);
    const at = target.clock.now();
    if (welcome.type !== 'frame' || welcome.frame.type !== 'welcome') return [unwelcome(welcome, target)];
    const { now, heartbeatMs } = welcome.frame;
    const wayMs = await roundTrip(ear, target);
    if (wayMs === undefined) return [unanswered(target)];
    const session = good('session', `The server speaks: the way there and back takes ${wayMs} ms.`);
    const clocks = judgeClock(now - (at - wayMs / 2), wayMs);
    return [session, clocks, await watchSilence(ear, heartbeatMs, target)];
  } finally {
    ear.close();
  }
}

function unwelcome(seen: Seen, { patienceMs }: Target): Finding {
  if (seen.type === 'ended')
    return fault(
      'session',
      `The connection was ended before the server's first word (${seen.code}${seen.reason && `: ${seen.reason}`}).`,
      'Clients come again and again, and get no further.',
      mends.upgrade,
    );
  return fault(
    'session',
    `A WebSocket opens, and nothing comes on it for ${patienceMs / 1000} s.`,
    'The server speaks first, and at once: something on the way holds it back, or it is no Syncline server.',
    mends.buffering,
  );
}

/** The shortest of some round trips, in ms; undefined where one was not answered. */
async function roundTrip(ear: Ear, { clock, patienceMs }: Target): Promise<number | undefined> {
  let best = patienceMs;
  for (let i = 0; i < probes; i++) {
    const sent = clock.now();
    ear.say('["heartbeat"]');
    const seen = await ear.until('heartbeat', patienceMs);
    if (seen.type !== 'frame') return undefined;
    best = Math.min(best, clock.now() - sent);
  }
  return best;
}

function unanswered({ patienceMs }: Target): Finding {
  return fault(
    'session',
    `The server spoke first, and what it was asked then had no answer within ${patienceMs / 1000} s, or the connection broke.`,
    'Something on the way lets a WebSocket open and then passes nothing on.',
    [...mends.upgrade, ...mends.idle],
  );
}

/** @param aheadMs by how much the server's clock is ahead of this one */
function judgeClock(aheadMs: number, wayMs: number): Finding {
  const by = Math.abs(aheadMs) - wayMs;
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  const what = `The server's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's.`;
  if (by <= clockMsMax) return good('clock', 'The server’s clock and this one agree.');
  if (by <= clockMsBad)
    return warning(
      'clock',
      what,
      'What was stored when is told wrongly, and short times to live end too early or too late.',
      mends.clock,
    );
  return fault(
    'clock',
    what,
    'Tokens are taken for ended, or not valid yet; values live too short or too long. One of the two is wrong.',
    mends.clock,
  );
}

/**
 * Says nothing until a heartbeat comes that nothing came before for about as long as heartbeats are apart, or until somebody cuts the
 * connection. The first one may come at any moment, and proves nothing.
 */
async function watchSilence(ear: Ear, heartbeatMs: number, target: Target): Promise<Finding> {
  const { clock, watchMs } = target;
  const until = clock.now() + Math.min(watchMs, heartbeatMs * (1 + quietBeats) + target.patienceMs);
  let since = clock.now();
  let seen: Seen;
  for (;;) {
    seen = await ear.until('heartbeat', Math.max(0, until - clock.now()));
    if (seen.type !== 'frame' || clock.now() - since >= heartbeatMs * wholeBeat) break;
    since = clock.now();
  }
  return judgeSilence(seen, clock.now() - since, heartbeatMs);
}

/** @param quietMs how long nothing had come */
function judgeSilence(seen: Seen, quietMs: number, heartbeatMs: number): Finding {
  const quiet = `${(quietMs / 1000).toFixed(1)} s`;
  const beat = `${heartbeatMs / 1000} s`;
  if (seen.type === 'ended' && seen.code !== 1006)
    return warning(
      'heartbeat',
      `The server ended the session after ${quiet} (${seen.code}${seen.reason && `: ${seen.reason}`}).`,
      'Nobody could see whether idle connections live.',
      ['Run doctor again; if it is the token that ended, with a longer one.'],
    );
  if (seen.type === 'ended')
    return fault(
      'heartbeat',
      `The connection was cut after ${quiet} of silence, and not by the server, whose heartbeat comes every ${beat}.`,
      'A proxy has a shorter timeout for idle connections: clients are cut again and again, and come back each time.',
      mends.idle,
    );
  if (seen.type === 'frame' && quietMs <= heartbeatMs * quietBeats)
    return good(
      'heartbeat',
      `A connection on which nothing was said for ${quiet} lives, and heartbeats come.`,
    );
  if (seen.type !== 'frame' && quietMs < heartbeatMs * quietBeats)
    return skipped(
      'heartbeat',
      `For ${quiet} the connection was not cut; the server's heartbeat comes every ${beat}, so listen longer: --watch ${Math.ceil((heartbeatMs * (1 + quietBeats)) / 1000)}s.`,
    );
  return fault(
    'heartbeat',
    `No heartbeat came within ${quiet}, although the server sends one every ${beat}.`,
    'The SDK gives a connection up on which nothing comes for one and a half of them.',
    mends.buffering,
  );
}

/** A client that only listens, and says what it is told to. */
class Ear {
  readonly #socket: WebSocket;
  readonly #clock: Target['clock'];
  /** What came and nobody has asked for. */
  readonly #seen: Seen[] = [];
  #wake: () => void = () => {};

  constructor(target: Target) {
    this.#clock = target.clock;
    const options = {
      ...socketOptions(target.ca, undefined),
      ...tlsOptions(target),
      headers: credentialsOf(target),
    };
    this.#socket = new WebSocket(target.url, subprotocol, options);
    let why = '';
    this.#socket.on('error', (thrown) => (why = thrown.message));
    this.#socket.on('close', (code, reason) =>
      this.#see({ type: 'ended', code, reason: reason.toString() || why }),
    );
    this.#socket.on('message', (data: Buffer, isBinary) => {
      const frame = isBinary ? undefined : read(data.toString());
      if (frame) this.#see({ type: 'frame', frame });
    });
  }

  say(text: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(text);
  }

  /** The next frame of that type, the end of the connection, or `quiet` when the time is over. */
  async until(type: ServerFrame['type'], ms: number): Promise<Seen> {
    let over = false;
    const cancel = this.#clock.timer(ms, () => {
      over = true;
      this.#wake();
    });
    try {
      for (;;) {
        const seen = this.#seen.shift();
        if (seen?.type === 'ended' || (seen?.type === 'frame' && seen.frame.type === type)) return seen;
        if (seen) continue;
        if (over) return { type: 'quiet' };
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      cancel();
    }
  }

  close(): void {
    this.#socket.close(1000);
    this.#socket.terminate();
  }

  #see(seen: Seen): void {
    this.#seen.push(seen);
    this.#wake();
  }
}

/** A frame; undefined for what is none of ours. */
function read(text: string): ServerFrame | undefined {
  try {
    return decodeServer(text);
  } catch {
    return undefined;
  }
}
