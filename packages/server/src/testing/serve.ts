/**
 * A server for one test: in memory, on a free port, with its own HTTP server, so that the server's ends of the sockets can
 * be looked at. It is closed when the test is over, whatever the test did.
 */
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type ServerOptions as HttpOptions,
  type Server as HttpServer,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Contract, defineChannels, stream } from '@syncline/protocol';
import { onTestFinished } from 'vitest';
import type { Capabilities } from '../access.ts';
import { memory } from '../broker/memory.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';

/** Channels for tests that need none of their own: what is appended to them stays. */
export const channels = defineChannels({
  'chat/:room': stream({ keep: { entries: 100_000, bytes: 1024 ** 3 } }),
  'stamped/:room': stream({ stamp: true }),
});

/** Capabilities of someone who may do everything. */
export const everything: Capabilities = { '*': ['*'] };

export interface Running<C extends Contract> {
  readonly server: Server<C>;
  readonly http: HttpServer;
  readonly port: number;
  /** The server's ends of all connections, in the order in which they came. */
  readonly sockets: readonly Socket[];
}

/** A server with these channels and options. */
export async function serveChannels<const C extends Contract>(
  contract: C,
  options: Omit<ServerOptions<C>, 'channels'> = {},
  httpOptions: HttpOptions = {},
): Promise<Running<C>> {
  // Heartbeats come when a test asks for them, not in the midst of one that takes its time.
  const given: ServerOptions<C> = { broker: memory(), heartbeatMs: 600_000, ...options, channels: contract };
  const server = createServer(given);
  const http = createHttpServer(httpOptions, (_request, response) => {
    response.writeHead(404).end();
  });
  const sockets: Socket[] = [];
  http.on('connection', (socket) => sockets.push(socket));
  server.attach(http);
  http.listen(0, 'localhost');
  await once(http, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    http.close();
    await server.close({ drainMs: 0 });
  });
  return { server, http, port: (http.address() as AddressInfo).port, sockets };
}

/** A server with the channels above. */
export function serve(
  options: Omit<ServerOptions<typeof channels>, 'channels'> = {},
): Promise<Running<typeof channels>> {
  return serveChannels(channels, options);
}
