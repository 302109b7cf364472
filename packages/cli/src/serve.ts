/**
 * `syncline serve`: a server by itself, with channels from a module and logs on disk. It says where it is in one line, and leaves in
 * order when it is told to. It knows the command's words, and nothing of what is served.
 */
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { createServer, disk, jwt, type Server, type ServerOptions } from '@syncline/server';
import { devCertificate } from './certificate.ts';
import { type Channels, loadChannels } from './channels.ts';
import { Log } from './log.ts';
import { readSecret } from './secret.ts';

/** The options, as they are read. */
export interface ServeOptions {
  readonly channels: string;
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly origin?: readonly string[];
  readonly jwtSecretFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsDev?: true;
  readonly trustProxy?: true | number;
}

/** Serves until the process is told to end. @throws what keeps it from starting */
export async function serve(options: ServeOptions): Promise<void> {
  refuseExposed(options);
  const channels = await loadChannels(options.channels);
  const secret =
    options.jwtSecretFile === undefined
      ? undefined
      : await readSecret('--jwt-secret-file', options.jwtSecretFile);
  const tls = await certificate(options);
  const log = new Log(process.stderr.fd);
  const server = createServer({
    channels,
    broker: disk({ dir: options.data }),
    originsAllowed: options.origin ?? [],
    logger: { error: (facts, message) => log.write(`syncline: ${logLine(message, facts)}`) },
    ...(tls && { tls }),
    ...(options.trustProxy !== undefined && { trustProxy: options.trustProxy }),
    ...(secret !== undefined && {
      authenticate: jwt({ keys: [{ alg: 'HS256', secret }], issuer: null, audience: null }),
    }),
  });
  try {
    const { port } = await server.listen(options.port, options.host);
    leaveOnSignal(server);
    const url = `${tls ? 'wss' : 'ws'}://${isIP(options.host) === 6 ? `[${options.host}]` : options.host}:${port}/sync`;
    const trust = options.tlsDev && tls ? ` Browsers must be told to trust ${tls.cert}.` : '';
    process.stdout.write(`Syncline serves ${url} (logs are in ${options.data}; Ctrl+C stops it).${trust}\n`);
  } catch (thrown) {
    await server.close({ drainMs: 0 });
    throw thrown;
  }
}

/** The server refuses this too, but says it in the words of its options. @throws Error */
function refuseExposed({ host, jwtSecretFile, tlsCert, tlsKey, tlsDev, trustProxy }: ServeOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new Error('--tls-cert and --tls-key belong together: give both, or --tls-dev for trying out.');
  if (isLocal(host)) return;
  if (tlsDev)
    throw new Error(`--tls-dev is for this machine only, and others can reach ${host}. Leave --host out.`);
  if (jwtSecretFile === undefined)
    throw new Error(
      `Others can reach ${host}, and there is no way to tell who they are: give --jwt-secret-file, or leave --host out.`,
    );
  if (tlsCert === undefined && trustProxy === undefined)
    throw new Error(
      `Others can reach ${host}, and nothing would be encrypted on the way: give --tls-cert and --tls-key, or --trust-proxy if a proxy of yours serves TLS, or leave --host out.`,
    );
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

function isLocal(host: string): boolean {
  const family = isIP(host);
  return host === 'localhost' || (family > 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4'));
}

async function certificate(options: ServeOptions): Promise<ServerOptions<Channels>['tls']> {
  if (options.tlsDev) return devCertificate(join(options.data, 'tls'));
  const { tlsCert, tlsKey } = options;
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
}

function logLine(message: string, facts: Readonly<Record<string, unknown>>): string {
  const text = Object.keys(facts).length > 0 ? `${message} ${JSON.stringify(facts)}` : message;
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

/** The first signal lets everyone leave; a second doesn't wait for that. */
function leaveOnSignal(server: Server<Channels>): void {
  let leaving = false;
  const leave = (): void => {
    if (leaving) process.exit(1);
    leaving = true;
    server.close().then(
      () => process.exit(0),
      (thrown: unknown) => {
        process.stderr.write(`syncline: ${thrown instanceof Error ? thrown.message : thrown}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', leave).on('SIGTERM', leave);
}
