/**
 * A load balancer without stickiness: each plain request goes to the next node, over a connection of its own, and one to a node that is
 * gone is answered with 502. Tests put it before several nodes; it knows paths and nodes, and no client.
 */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly port: number;
  /** How many requests each node was sent. */
  readonly counts: ReadonlyMap<number, number>;
  /** Sends nothing more to that node. */
  remove(port: number): void;
  close(): void;
}

/** @param ports where the nodes are */
export async function balance(ports: readonly number[]): Promise<Balancer> {
  const targets = [...ports];
  const counts = new Map<number, number>();
  let next = 0;
  const http = createServer((asked, answer) => {
    const port = targets[next++ % targets.length] ?? 0;
    counts.set(port, (counts.get(port) ?? 0) + 1);
    const { method, url: path, headers } = asked;
    const far = request({ host: 'localhost', port, method, path, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
      // Who was being answered by a node that died finds the answer broken off.
      response.on('error', () => answer.destroy());
    });
    far.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    answer.on('close', () => far.destroy());
    asked.pipe(far);
  });
  http.listen(0, 'localhost');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    counts,
    remove: (port) => void targets.splice(targets.indexOf(port), 1),
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
}
