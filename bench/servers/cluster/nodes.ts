/**
 * Several nodes on one Redis, behind one port: the kernel spreads connections over them, so that no proxy is in the way. The programs
 * of the contenders that run as a cluster call `serveNodes` with what one node is; a node says with `listenTogether` that it is there.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { startRedis } from '@syncline/server/testing/redis';
import { answerCluster } from '../control.ts';

const nodesDefault = 3;

/** Starts a Redis that keeps nothing and as many nodes as the first argument says, and tells the benchmark when all are there. */
export async function serveNodes(program: URL): Promise<void> {
  const count = Number(process.argv[2] ?? nodesDefault);
  const redis = await startRedis({ tcp: true });
  const env = { ...process.env, REDIS_URL: `redis://127.0.0.1:${redis.port}` };
  const nodes: ChildProcess[] = [];
  let port = 0;
  for (let i = 0; i < count; i++) {
    const node = fork(program, { env: { ...env, PORT: String(port) } });
    nodes.push(node);
    const [bound] = await once(node, 'message');
    port = Number(bound);
  }
  answerCluster(port, [redis.pid, ...nodes.map(({ pid }) => pid ?? 0)], countCommands(redis.port));
}

/** From when it is asked first it counts what Redis is asked, and tells it; what scripts do in there is no asking. */
function countCommands(port: number): () => Promise<{ readonly commands: number }> {
  let commands = 0;
  let watching: Promise<unknown> | undefined;
  const watch = (): Promise<unknown> => {
    const socket = connect(port, '127.0.0.1', () => socket.write('MONITOR\r\n'));
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      commands += lines.filter((line) => /^\+[\d.]+ \[\d+ (?!lua\])/.test(line)).length;
    });
    return once(socket, 'data');
  };
  return async () => {
    watching ??= watch();
    await watching;
    return { commands };
  };
}

/** Listens on the port that all nodes share; the first one takes a free port. */
export async function listenTogether(http: HttpServer): Promise<void> {
  http.listen({ port: Number(process.env['PORT']), host: '127.0.0.1', reusePort: true });
  await once(http, 'listening');
  process.send?.((http.address() as AddressInfo).port);
  process.on('disconnect', () => process.exit());
}
