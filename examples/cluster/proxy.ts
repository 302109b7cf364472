/**
 * A small load balancer: one port, which gives each request and each WebSocket to the next node that runs. It keeps no session where
 * it was; Syncline doesn't ask for that. The supervisor tells it who runs and is told who is connected where; it knows no channel.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A node as the proxy sees it. */
export interface Upstream {
  readonly name: string;
  /** Null while it doesn't run. */
  port: number | null;
}

export interface ProxyHooks {
  /** Answers requests that are meant for the supervisor; false: this one isn't. */
  own(request: IncomingMessage, response: ServerResponse): boolean;
  /** The window of that number is connected to a node now; null: to none. */
  onWindow(id: string, node: string | null): void;
}

export interface Proxy {
  readonly port: number;
  close(): void;
}

/** Starts it. @throws what keeps it from listening */
export async function startProxy(
  port: number,
  upstreams: readonly Upstream[],
  hooks: ProxyHooks,
): Promise<Proxy> {
  let turn = 0;
  const next = (): Upstream | undefined => {
    for (let tries = 0; tries < upstreams.length; tries++) {
      const upstream = upstreams[turn++ % upstreams.length];
      if (upstream?.port) return upstream;
    }
    return undefined;
  };
  const places = new Map<string, Socket>();
  const server = createServer((incoming, response) => {
    if (hooks.own(incoming, response)) return;
    const upstream = next();
    if (!upstream) return void response.writeHead(503).end('No node is running.\n');
    passRequest(incoming, response, upstream);
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    // A peer that resets its connection is no reason for the proxy to fall.
    socket.on('error', () => socket.destroy());
    const upstream = next();
    if (!upstream) return void socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
    const id = windowOf(incoming);
    passUpgrade(incoming, socket, head, upstream, () => {
      if (!id) return;
      places.set(id, socket);
      hooks.onWindow(id, upstream.name);
    });
    socket.once('close', () => {
      // A window that changes over has its next connection already.
      if (!id || places.get(id) !== socket) return;
      places.delete(id);
      hooks.onWindow(id, null);
    });
  });
  server.listen(port, 'localhost');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
    for (const socket of places.values()) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** The number that the page gave itself, which stands in the address that it connects to. */
function windowOf({ url = '' }: IncomingMessage): string | undefined {
  return /^\/sync\?window=([\w-]{1,40})$/.exec(url)?.[1];
}

function passRequest(incoming: IncomingMessage, response: ServerResponse, { port }: Upstream): void {
  const { method, url, headers } = incoming;
  const onward = request({ host: 'localhost', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  onward.on('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end('The node went away meanwhile; try again.\n');
  });
  incoming.pipe(onward);
}

function passUpgrade(
  { method, url, headers }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { port }: Upstream,
  onOpen: () => void,
): void {
  const onward = request({ host: 'localhost', port, method, path: url, headers });
  const fail = (): void => void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
  onward.on('error', fail);
  onward.on('response', (answer) => {
    answer.resume();
    socket.end(`${headOf(answer)}Content-Length: 0\r\n\r\n`);
  });
  onward.on('upgrade', (answer, upstream, first) => {
    upstream.on('error', () => socket.destroy());
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    socket.write(`${headOf(answer)}${fieldsOf(answer)}\r\n`);
    if (first.length > 0) socket.write(first);
    if (head.length > 0) upstream.write(head);
    upstream.pipe(socket);
    socket.pipe(upstream);
    onOpen();
  });
  onward.end();
}

function headOf({ statusCode, statusMessage }: IncomingMessage): string {
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
}

function fieldsOf({ rawHeaders }: IncomingMessage): string {
  let fields = '';
  for (let i = 0; i < rawHeaders.length; i += 2) fields += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  return fields;
}
