/**
 * A proxy for plain requests, as tests put it between a client and a server: each is passed on by a connection of its own. What becomes of
 * upgrades is for the test that asks for one; of what it passes on it knows nothing.
 */
import { createServer, request, type Server } from 'node:http';

/** Passes plain requests on to that port of this machine. It listens nowhere yet. @example forwarding(port).on('upgrade', refuse).listen(0) */
export function forwarding(target: number): Server {
  return createServer((asked, answer) => {
    const { method, url: path, headers } = asked;
    const far = request(
      { host: 'localhost', port: target, method, path, headers, agent: false },
      (response) => response.pipe(answer.writeHead(response.statusCode ?? 502, response.headers)),
    );
    far.on('error', () => answer.destroy());
    answer.on('close', () => far.destroy());
    asked.pipe(far);
  });
}
