/**
 * Where WebSockets come in: listens for upgrades on an HTTP server, leaves other people's alone, and turns the rest into
 * sessions. The server gives it paths and a way to open sessions; it never sees a channel.
 */
import { type Server as HttpServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { errors, SyncError } from '@syncline/protocol';
import { type Cancel, encodeServer, isErrorCode, subprotocol, tellSuffix } from '@syncline/protocol/wire';
import { type Server as Sockets, WebSocketServer } from 'ws';
import type { Credentials, Identity } from '../access.ts';
import type { Numbers } from '../options.ts';
import type { Place } from '../session/sessions.ts';
import { type CallerRules, credentials, pathOf, subprotocols } from './caller.ts';
import { Crowd, networkOf } from './crowd.ts';
import { checkRequest } from './handshake.ts';
import { cutOff } from './http/leaving.ts';
import { PlainTransport } from './plain.ts';
import { Refusal, refuse } from './refusal.ts';
import { checkSecure, clientAddress, type SecureRules } from './secure.ts';
import { closeReason, Guest } from './socket.ts';
import type { TransportTools } from './transport.ts';
import { type Visit, Visits } from './visits.ts';
import { NativeTransport } from './websocket.ts';

/** What the doors are given by the server. */
export interface DoorSettings extends CallerRules, SecureRules {
  /** Finds out who is asking, in time; throws to refuse. */
  readonly identify: (credentials: Credentials) => Promise<Identity>;
  readonly connection: TransportTools & Bounds;
  /** Opens a session, or throws when there is no room for one. `gone` is to be called when its connection is over. */
  readonly admit: (identity: Identity, credentials: Credentials) => Place;
  /** Whether the node can serve nobody who comes now, while others may. */
  readonly cutOff: () => boolean;
}

/** The options about who may come in, and how many. */
type Bounds = Pick<Numbers, 'handshakeBytesMax' | 'handshakesPerIpMax' | 'sessionsMax' | 'sessionsPerIpMax'>;

/** Which paths lead where on one HTTP server. */
export interface Paths {
  readonly native: string;
  readonly plain: ReadonlyMap<string, string>;
}

/** How long a path that isn't ours may stay without an answer, where others might give one. */
const unclaimedMs = 10_000;
/** How many seconds at the most whoever finds no room is told to stay away; chance spreads them. */
const awaySecondsMax = 4;
/** How long `ws` waits for a client that began to close to be done with it; its types don't know the option yet. */
const closing = { closeTimeout: 2000 };

/** What is served on each HTTP server, by whichever of our servers: two don't take one path, and one answers for all. */
const attached = new WeakMap<HttpServer, Paths[]>();

export class Doors {
  readonly #settings: DoorSettings;
  readonly #sockets: Sockets<typeof Guest>;
  readonly #detach: (() => void)[] = [];
  /** Who waits to be let in, by address. */
  readonly #waiting: Crowd;
  readonly #visits: Visits;
  /** Who is in, by address. */
  readonly #present: Crowd;
  /** What stops the waiting for others to answer. */
  readonly #unclaimed = new Set<Cancel>();
  #closing = false;

  constructor(settings: DoorSettings) {
    this.#settings = settings;
    const { frameBytesMax, handshakesPerIpMax, sessionsPerIpMax, sessionsMax } = settings.connection;
    this.#waiting = new Crowd(handshakesPerIpMax, Math.max(handshakesPerIpMax, sessionsMax));
    this.#present = new Crowd(sessionsPerIpMax, sessionsMax);
    this.#visits = new Visits(this.#waiting, this.#present);
    this.#sockets = new WebSocketServer({
      ...closing,
      WebSocket: Guest,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: frameBytesMax,
      // Each piece costs more than its bytes. Honest ones are larger than this, on the slowest of links.
      maxFragments: Math.max(64, Math.ceil(frameBytesMax / 16_384)),
      maxBufferedChunks: Math.max(1024, Math.ceil(frameBytesMax / 512)),
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
  }

  /** Listens for upgrades on an HTTP server. @throws SyncError `bad_option` when a path is taken */
  attach(server: HttpServer, paths: Paths): void {
    const all = attached.get(server) ?? [];
    const taken = [paths.native, ...paths.plain.keys()].find((path) =>
      all.some((other) => leads(other, path)),
    );
    if (taken !== undefined) {
      throw new SyncError(
        'bad_option',
        `${taken} is served on this HTTP server already. Give one of the two another path.`,
      );
    }
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      // First of all: a reset while someone is being authenticated would otherwise end the process.
      socket.on('error', ignore);
      const path = pathOf(request);
      if (leads(paths, path)) {
        const visit = this.#visits.of(socket);
        visit.asked = true;
        this.#handshake(request, visit, head, paths.plain.get(path)).catch((thrown: unknown) =>
          this.#turnAway(request, visit, head, thrown),
        );
      } else if (all[0] === paths && !all.some((other) => leads(other, path))) {
        if (server.listenerCount('upgrade') > all.length) return this.#giveUpLater(request.socket);
        const natives = all.map(({ native }) => native).join(', ');
        this.#refuse(
          socket,
          new Refusal(404, 'unknown_channel', `There is no WebSocket at this path; it is at ${natives}.`),
        );
      }
    };
    all.push(paths);
    attached.set(server, all);
    server.on('upgrade', onUpgrade);
    this.#detach.push(() => {
      server.off('upgrade', onUpgrade);
      all.splice(all.indexOf(paths), 1);
    });
  }

  /**
   * Counts connections from their first moment on, not only from their handshake. It is for an HTTP server that serves
   * nothing else, before it listens. Behind a proxy there is nothing to count: all come from there.
   */
  guard(server: HttpServer): void {
    if (this.#settings.trustProxy !== false) return;
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      if (this.#visits.of(socket).wait(networkOf(socket.remoteAddress ?? ''))) return;
      this.#settings.connection.metrics.sessionsRefused++;
      socket.destroy();
    });
  }

  /** Lets nobody in from now on. */
  close(): void {
    this.#closing = true;
  }

  /** Stops listening on all HTTP servers, and cuts off whoever is still inside. */
  detach(): void {
    for (const detach of this.#detach.splice(0)) detach();
    for (const cancel of this.#unclaimed) cancel();
    this.#unclaimed.clear();
    this.#visits.cut();
  }

  async #handshake(
    request: IncomingMessage,
    visit: Visit,
    head: Buffer,
    plain: string | undefined,
  ): Promise<void> {
    const { identify, trustProxy } = this.#settings;
    this.#check(request, head, plain);
    const remoteAddress = clientAddress(request, trustProxy);
    const network = networkOf(remoteAddress);
    if (!visit.wait(network)) throw crowded();
    try {
      const given = { ...credentials(request), remoteAddress };
      const identity = await identify(given);
      if (visit.socket.destroyed) return;
      this.#refuseLate();
      if (!visit.take(this.#settings.admit(identity, given), network)) throw full();
      this.#letIn(request, visit, head, plain);
    } finally {
      visit.waited();
    }
  }

  /** What can be seen without asking anyone. @throws Refusal */
  #check(request: IncomingMessage, head: Buffer, plain: string | undefined): void {
    const { handshakeBytesMax } = this.#settings.connection;
    checkRequest(request, this.#settings);
    checkSecure(request, this.#settings);
    this.#refuseLate();
    const offered = subprotocols(request);
    if (plain === undefined && !offered.includes(subprotocol)) {
      throw new Refusal(
        400,
        'bad_frame',
        `Offer the subprotocol "${subprotocol}", as the SDK does; for bare payloads use a path configured as \`plain\`.`,
      );
    }
    if (head.length > handshakeBytesMax) {
      throw new Refusal(
        413,
        'frame_too_large',
        `More than ${handshakeBytesMax} bytes came before the handshake was answered. Wait for the answer.`,
      );
    }
  }

  /** Counts someone who waits to be told apart. @throws SyncError `too_many` @returns what is called when that is done */
  wait(address: string): () => void {
    const leave = this.#waiting.enter(networkOf(address));
    if (leave) return leave;
    throw crowded();
  }

  /** Counts someone who is in by plain requests. @throws SyncError `too_many` @returns what is called when they are gone */
  enter(address: string): () => void {
    const leave = this.#present.enter(networkOf(address));
    if (leave) return leave;
    throw full();
  }

  /** A connection is somebody's who is in: it doesn't count among those who wait to be let in, for as long as it lasts. */
  welcome(socket: Duplex): void {
    this.#visits.known(socket)?.waited();
  }

  #letIn(request: IncomingMessage, visit: Visit, head: Buffer, plain: string | undefined): void {
    const { connection } = this.#settings;
    const { socket } = visit;
    visit.upgraded = true;
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      if (plain === undefined) new NativeTransport(ws, socket, connection, visit);
      else new PlainTransport(ws, socket, connection, visit, plain);
      visit.served();
      // `ws` hears of errors from here on.
      socket.off('error', ignore);
    });
  }

  /** Someone else may answer on a path that isn't ours; if nobody does, the connection would stay for ever. */
  #giveUpLater(socket: Socket): void {
    const { bytesWritten } = socket;
    const cancel = this.#settings.connection.clock.timer(unclaimedMs, () => {
      this.#unclaimed.delete(cancel);
      // Whoever took it before us has written already, but reads.
      const read = socket.listenerCount('data') + socket.listenerCount('readable') > 0;
      if (!read && socket.bytesWritten === bytesWritten) socket.destroy();
    });
    this.#unclaimed.add(cancel);
    socket.once('close', () => {
      cancel();
      this.#unclaimed.delete(cancel);
    });
  }

  #refuseLate(): void {
    if (this.#closing) throw new SyncError('restart');
    if (this.#settings.cutOff()) throw cutOff();
  }

  /**
   * Pages don't see the status of a handshake. Whoever asks for it is let in for as long as it takes to say why they are not
   * (rule F13); what is wrong with the request itself, or is for a load balancer to see, is answered with a status all the same.
   */
  #turnAway(request: IncomingMessage, { socket, upgraded }: Visit, head: Buffer, thrown: unknown): void {
    const { clock, metrics } = this.#settings.connection;
    // What fails once a socket is a WebSocket can't be answered any more, and a second answer would end the process.
    if (upgraded) return void socket.destroy();
    const code = Refusal.from(thrown).code;
    const told = !(thrown instanceof Refusal) || code === 'insecure';
    const wants = request.headers['sec-websocket-protocol']?.includes(subprotocol + tellSuffix) ?? false;
    if (!told || !wants || !isErrorCode(code) || socket.destroyed) return this.#refuse(socket, thrown);
    metrics.sessionsRefused++;
    const { message } = Refusal.from(thrown);
    const retryMs = Math.floor(1000 * (1 + clock.random() * awaySecondsMax));
    const detail = code === 'too_many' || code === 'restart' ? { retryMs } : null;
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('error', ignore);
      ws.send(encodeServer({ type: 'error', ref: null, code, message, detail }));
      ws.close(errors[code].close, closeReason(message));
    });
  }

  #refuse(socket: Duplex, thrown: unknown): void {
    const { clock, metrics } = this.#settings.connection;
    metrics.sessionsRefused++;
    const { status, code, message, headers } = Refusal.from(thrown);
    const later: Record<string, string> =
      status === 429 || status === 503
        ? { 'Retry-After': String(1 + Math.floor(clock.random() * awaySecondsMax)) }
        : {};
    refuse(
      socket,
      new Refusal(status, code, message, { ...headers, ...later }),
      STATUS_CODES[status] ?? 'Error',
    );
  }
}

function crowded(): SyncError {
  return new SyncError(
    'too_many',
    'Too many connections from this address wait to be let in (`handshakesPerIpMax`). Try again later.',
  );
}

function full(): SyncError {
  return new SyncError(
    'too_many',
    'This address has as many sessions as one may have (`sessionsPerIpMax`). Close some first.',
  );
}

function leads({ native, plain }: Paths, path: string): boolean {
  return path === native || plain.has(path);
}

function ignore(): void {}
