/**
 * Where WebSockets come in: listens for upgrades on an HTTP server, leaves other people's alone, and turns the rest into
 * sessions. The server gives it paths and a way to open sessions; it never sees a channel.
 */
import { type Server as HttpServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SyncError } from '@syncline/protocol';
import { WebSocketServer } from 'ws';
import { type Authenticate, type Identity, identify } from '../access.ts';
import type { Place } from '../session/members.ts';
import {
  checkRequest,
  credentials,
  type DoorRules,
  pathOf,
  Refusal,
  refuse,
  subprotocol,
  subprotocols,
} from './handshake.ts';
import { servePlain } from './plain.ts';
import { checkSecure, clientAddress, type SecureRules } from './secure.ts';
import type { Connection } from './socket.ts';
import { serveNative } from './websocket.ts';

/** What the doors are given by the server. */
export interface DoorSettings extends DoorRules, SecureRules {
  readonly authenticate: Authenticate | null;
  readonly connection: Pick<Connection, 'clock' | 'metrics' | 'frameBytesMax' | 'socketBytesMax'>;
  /** Opens a session, or throws when there is no room for one. `gone` is to be called when its connection is over. */
  readonly admit: (identity: Identity) => Place;
}

/** Which paths lead where on one HTTP server. */
export interface Paths {
  readonly native: string;
  readonly plain: ReadonlyMap<string, string>;
}

/** How long `authenticate` may take before the handshake is given up. */
const authenticateMs = 10_000;
/** How long `ws` waits for a client that began to close to be done with it; its types don't know the option yet. */
const closing = { closeTimeout: 2000 };

/** What is served on each HTTP server, by whichever of our servers: two don't take one path, and one answers for all. */
const attached = new WeakMap<HttpServer, Paths[]>();

export class Doors {
  readonly #settings: DoorSettings;
  readonly #sockets: WebSocketServer;
  readonly #detach: (() => void)[] = [];
  /** Everyone who came in, from the request on. */
  readonly #inside = new Set<Duplex>();
  #closing = false;

  constructor(settings: DoorSettings) {
    this.#settings = settings;
    this.#sockets = new WebSocketServer({
      ...closing,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: settings.connection.frameBytesMax,
      maxFragments: 64,
      maxBufferedChunks: 1024,
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
        this.#enter(request, socket, head, paths.plain.get(path)).catch((thrown: unknown) =>
          this.#refuse(socket, thrown),
        );
      } else if (
        all[0] === paths &&
        server.listenerCount('upgrade') === all.length &&
        !all.some((other) => leads(other, path))
      ) {
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

  /** Lets nobody in from now on. */
  close(): void {
    this.#closing = true;
  }

  /** Stops listening on all HTTP servers, and cuts off whoever is still inside. */
  detach(): void {
    for (const detach of this.#detach.splice(0)) detach();
    for (const socket of this.#inside) socket.destroy();
  }

  #enter(request: IncomingMessage, socket: Duplex, head: Buffer, plain: string | undefined): Promise<void> {
    this.#inside.add(socket);
    socket.once('close', () => this.#inside.delete(socket));
    return this.#handshake(request, socket, head, plain);
  }

  async #handshake(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    plain: string | undefined,
  ): Promise<void> {
    const { authenticate, connection, admit, trustProxy } = this.#settings;
    checkRequest(request, this.#settings);
    checkSecure(request, this.#settings);
    this.#refuseLate();
    if (plain === undefined && !subprotocols(request).includes(subprotocol)) {
      throw new Refusal(
        400,
        'bad_frame',
        `Offer the subprotocol "${subprotocol}", as the SDK does; for bare payloads use a path configured as \`plain\`.`,
      );
    }
    const from = { ...credentials(request), remoteAddress: clientAddress(request, trustProxy) };
    const identity = await this.#inTime(identify(authenticate, from));
    if (socket.destroyed) return;
    this.#refuseLate();
    const { open, gone } = admit(identity);
    socket.once('close', gone);
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      socket.off('close', gone);
      const made: Connection = { ...connection, ws, socket };
      if (plain === undefined) serveNative(made, open, gone);
      else servePlain(made, plain, open, gone);
    });
  }

  #refuseLate(): void {
    if (this.#closing)
      throw new Refusal(503, 'restart', 'The server is leaving; come back.', { 'Retry-After': '1' });
  }

  #inTime(identity: Promise<Identity>): Promise<Identity> {
    return new Promise((resolve, reject) => {
      const cancel = this.#settings.connection.clock.timer(authenticateMs, () =>
        reject(new SyncError('unavailable', 'It took too long to find out who you are.')),
      );
      identity.then(resolve, reject).finally(cancel);
    });
  }

  #refuse(socket: Duplex, thrown: unknown): void {
    this.#settings.connection.metrics.sessionsRefused++;
    const refusal = Refusal.from(thrown);
    refuse(socket, refusal, STATUS_CODES[refusal.status] ?? 'Error');
  }
}

function leads({ native, plain }: Paths, path: string): boolean {
  return path === native || plain.has(path);
}

function ignore(): void {}
