/**
 * `npm start`: the examples on one HTTP server, with Syncline attached and its logs on disk. PORT, HOST and DATA_DIR
 * change where. Whatever keeps it from starting is told in one line; it must not know how a page looks.
 */
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { devCertificate } from '@syncline/cli/certificate';
import { createServer, disk, type Server } from '@syncline/server';
import { channels } from './channels.ts';
import { startFleet } from './fleet/simulator.ts';
import { answer } from './site.ts';

async function start(): Promise<void> {
  const { PORT = '8080' } = process.env;
  // An empty HOST would mean every address there is.
  const HOST = process.env['HOST'] || 'localhost';
  const DATA_DIR = process.env['DATA_DIR'] || 'data';
  const port = Number(PORT);
  if (!/^\d+$/.test(PORT) || port > 65535) {
    throw new Error(`Expected PORT to be a number from 0 to 65535, got ${JSON.stringify(PORT)}.`);
  }
  const local = HOST === 'localhost' || HOST === '::1' || HOST.startsWith('127.');
  const serve: RequestListener = (request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      console.error(`syncline: ${request.url} could not be answered: ${wordsOf(thrown)}`);
      response.destroy();
    });
  };
  // Off this machine nothing travels in the clear: there the demo makes itself a certificate, which browsers ask about.
  const http = local ? createHttpServer(serve) : await makeHttps(DATA_DIR, serve);
  const bound = await listen(http, port, HOST);
  const server = createServer({
    channels,
    broker: disk({ dir: DATA_DIR }),
    plain: { '/chat': 'chat/lobby' },
    // Without this only this machine is served. Whoever names another HOST opens the demo to all who can reach it, as far as
    // its contract lets anybody do what they like.
    ...(!local && { authenticate: () => ({ user: null }) }),
  });
  server.attach(http);
  await server.ready;
  const own = address(local ? 'http' : 'https', HOST, bound);
  const ca = local ? undefined : await readFile((await devCertificate(join(DATA_DIR, 'tls'))).cert, 'utf8');
  const stop = startFleet(server, { server: own, ca }, (thrown) =>
    console.error(`syncline: Something is wrong with the couriers: ${wordsOf(thrown)}`),
  );
  stopOnSignal(http, server, stop);
  const warning = local
    ? ''
    : ' Anyone who can reach it may read and write. Browsers ask about its certificate, which it made itself.';
  console.log(
    `Syncline examples: ${own} (open one in two windows; kill -9 ${process.pid} and start again: nothing is lost; Ctrl+C stops it; what is written stays in ${DATA_DIR}).${warning}`,
  );
}

/** Resolves with the port, which is another than asked for when that was 0. */
function listen(http: HttpServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => reject(new Error(whyNot(error, port, host))));
    http.listen(port, host, () => {
      const bound = http.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

function whyNot({ code, message }: NodeJS.ErrnoException, port: number, host: string): string {
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken. Stop the program that listens there, or choose another: PORT=${port === 65535 ? 8080 : port + 1} npm start.`;
  if (code === 'EACCES')
    return `Port ${port} needs more rights than this user has. Choose one from 1024 up: PORT=8080 npm start.`;
  if (code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL')
    return `HOST is ${JSON.stringify(host)}, which is no address of this machine.`;
  return `The server can't listen on port ${port} of ${host}: ${message}.`;
}

async function makeHttps(dir: string, serve: RequestListener): Promise<HttpServer> {
  const paths = await devCertificate(join(dir, 'tls'));
  const [cert, key] = await Promise.all([readFile(paths.cert), readFile(paths.key)]);
  return createHttpsServer({ cert, key, minVersion: 'TLSv1.2' }, serve);
}

function address(scheme: string, host: string, port: number): string {
  if (/^(0\.0\.0\.0|::)$/.test(host)) return address(scheme, 'localhost', port);
  return `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** The first signal, or the end of its runner, lets everyone leave; a second signal doesn't wait for that. */
function stopOnSignal(http: HttpServer, server: Server<typeof channels>, stopFleet: () => void): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    stopFleet();
    http.close();
    // There is no other node to go to: who is here comes back to the next start.
    server
      .close({ drainMs: 1000 })
      .then(() => {
        http.closeAllConnections();
        process.exit(0);
      })
      .catch(fail);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  process.on('disconnect', () => stopping || stop());
  // The runner went away meanwhile; without a runner this is undefined.
  if (process.connected === false) stop();
}

function fail(thrown: unknown): never {
  console.error(`syncline: ${wordsOf(thrown)}`);
  process.exit(1);
}

/** What was thrown, in one line. */
function wordsOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.replaceAll(/\s*\n\s*/g, ' ');
}

await start().catch(fail);
