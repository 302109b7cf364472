/**
 * A web server on this machine that is in trouble as a scenario says: it is slow, says that it failed, cuts connections, sends far too
 * much, leads in circles. What it answers when it is well is for whoever makes one.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How it does. `silent` takes requests and never answers. */
export type Mood = 'well' | 'slow' | 'silent' | 'failing' | 'resetting' | 'flooding' | 'circling' | 'junk';

export type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void;

const slowMs = 2000;
const floodBytes = 10 * 1024 * 1024;

export class LocalServer {
  mood: Mood = 'well';
  /** Requests that came, whatever became of them. */
  asked = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @example const server = await LocalServer.open((_request, _body, response) => response.end('fine')) */
  static async open(answer: Answer): Promise<LocalServer> {
    const server = createServer(async (request, response) => {
      request.on('error', () => {});
      response.on('error', () => {});
      let body = '';
      for await (const chunk of request) body += chunk;
      local.asked++;
      local.#answer(request, body, response, answer);
    });
    const local = new LocalServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return local;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse, answer: Answer): void {
    switch (this.mood) {
      case 'well':
        return answer(request, body, response);
      case 'slow':
        setTimeout(() => answer(request, body, response), slowMs);
        return;
      case 'silent':
        return;
      case 'failing':
        response.writeHead(500).end('no');
        return;
      case 'resetting':
        request.socket.resetAndDestroy();
        return;
      case 'flooding':
        response.writeHead(500).end(Buffer.alloc(floodBytes, 'x'));
        return;
      case 'circling':
        response.writeHead(302, { location: request.url ?? '/' }).end();
        return;
      case 'junk':
        response.end('{"keys": "none", ');
        return;
    }
  }
}
