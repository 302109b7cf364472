/**
 * Real Redis servers for tests: single ones, replicas, a Sentinel and a Cluster, each in a folder of its own below the system's
 * temporary one. They end with the process that started them, whatever happens to it. It knows nothing of brokers, and needs
 * no test runner.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@syncline/protocol/wire';
import { RESP_TYPES, RedisClient } from 'redis';

const places = ['/usr/bin/redis-server', '/usr/local/bin/redis-server'];
const program = process.env['REDIS_SERVER_PATH'] ?? places.find((place) => existsSync(place)) ?? '';
/** Ends a child with its parent, even one that is killed; Linux has it. */
const setpriv = '/usr/bin/setpriv';

/** Why there is no Redis to test with; empty when there is one. */
export const noRedis = existsSync(program)
  ? ''
  : 'There is no redis-server: install it or set REDIS_SERVER_PATH.';
if (noRedis) process.emitWarning(`The tests with Redis are skipped. ${noRedis}`);

export interface RedisSettings {
  /** Further arguments, such as `['--appendonly', 'yes']`. */
  readonly args?: readonly string[];
  /** A folder whose data it begins with; it is not removed. Default: a new one. */
  readonly dir?: string;
  /** Whether it listens on a TCP port too; otherwise on a socket in its folder only. Default no. */
  readonly tcp?: boolean;
  /** The certificate and key files of a TLS port; `tcp` is then that port. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What `command` logs in with, where the arguments ask for it. */
  readonly password?: string;
}

/** Everything that runs, and the folders made for it, so that both go when this process does. */
const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-redis-'));
  folders.add(folder);
  return folder;
}

/** One Redis. */
export class RedisServer {
  readonly dir: string;
  /** 0 where it listens on no TCP port. */
  readonly port: number;
  readonly #settings: RedisSettings;
  readonly #more: readonly string[];
  #child: ChildProcess | undefined;
  #admin: Promise<Admin> | undefined;

  /** @param more arguments that come before those of the settings */
  constructor(settings: RedisSettings, port: number, more: readonly string[]) {
    this.#settings = settings;
    this.#more = more;
    this.port = port;
    this.dir = settings.dir ?? makeFolder();
  }

  /** The path of its unix socket. */
  get path(): string {
    return join(this.dir, 'redis.sock');
  }

  /** How to reach it: by its port if it has one, by its socket otherwise. */
  get url(): string {
    if (this.port === 0) return `unix://${this.path}`;
    return `redis${this.#settings.tls ? 's' : ''}://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it, or starts it again on the data that it left. Resolves when it takes connections. */
  async start(): Promise<void> {
    const { tls, args = [] } = this.#settings;
    const port = String(this.port);
    const sentinel = this.#more.includes('--sentinel');
    const listens = tls
      ? ['--port', '0', '--tls-port', port, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key]
      : ['--port', port];
    const auth = tls ? ['--tls-auth-clients', 'no', '--tls-ca-cert-file', tls.cert] : [];
    this.#child = await launch(
      [
        ...this.#more,
        ...[...listens, ...auth, '--bind', '127.0.0.1', '--unixsocket', this.path, '--dir', this.dir],
        ...(sentinel ? [] : ['--save', '', '--enable-debug-command', 'local', ...args]),
      ],
      sentinel ? /Sentinel ID is/ : undefined,
    );
  }

  /** Runs a command as an administrator would, over a connection of its own that stays. */
  async command(...args: string[]): Promise<unknown> {
    const admin = await this.#adminNow();
    return admin.sendCommand(args);
  }

  /** Ends it at once, as a crash would; its data stays. Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    void this.#admin?.then(
      (admin) => admin.destroy(),
      () => {},
    );
    this.#admin = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it in order, so that it saves where it was told to. */
  async shutdown(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
    await this.kill();
  }

  /** Stops the process in its tracks; its sockets stay open and take bytes. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes its folder, unless that was given. */
  async stop(): Promise<void> {
    await this.kill();
    if (folders.delete(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }

  async #adminNow(): Promise<Admin> {
    const admin = await this.#admin?.catch(() => undefined);
    if (admin?.isReady) return admin;
    this.#admin = openAdmin(this.path, this.#settings.password);
    return this.#admin;
  }
}

type Admin = Awaited<ReturnType<typeof openAdmin>>;

/** The library's own `createClient` makes a class of hundreds of functions for each address. */
const createClient = RedisClient.factory();

function openAdmin(path: string, password: string | undefined) {
  const client = createClient({
    socket: { path, tls: false, reconnectStrategy: false },
    ...(password === undefined ? {} : { password }),
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.MAP]: Array } },
  });
  client.on('error', () => {});
  return client.connect();
}

/** Starts a redis-server and resolves when it says that it is ready. @throws with its last words when it ends before */
async function launch(
  args: readonly string[],
  ready = /[Rr]eady to accept connections/,
): Promise<ChildProcess> {
  const command = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', program] : [program];
  const child = spawn(command[0] ?? '', [...command.slice(1), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (bytes: Buffer): void => {
      said = (said + bytes).slice(-4000);
      if (ready.test(said)) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server ended before it was ready: ${said}`)));
  });
  return child;
}

/** Below the ports that the machine gives to connections it makes, so that none of those takes one in between. */
const ports = { from: 12_000, to: 32_000 } as const;
const given = new Set<number>();

/** A port that nobody listens on just now, and that was given to nobody here before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.from + Math.floor(systemClock.random() * (ports.to - ports.from));
    if (given.has(port)) continue;
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    given.add(port);
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Starts what needs ports. Another process may take one between the choice and the start: then others are chosen. */
async function startOn(make: () => Promise<RedisServer>): Promise<RedisServer> {
  for (let tries = 1; ; tries++) {
    const server = await make();
    try {
      await server.start();
      return server;
    } catch (thrown) {
      await server.stop();
      if (tries === 5 || !/in use/i.test(String(thrown))) throw thrown;
    }
  }
}

/** Starts a Redis. @example const redis = await startRedis(); onTestFinished(() => redis.stop()) */
export async function startRedis(settings: RedisSettings = {}): Promise<RedisServer> {
  const listens = settings.tcp || settings.tls;
  return startOn(async () => new RedisServer(settings, listens ? await freePort() : 0, []));
}

/** Starts a Redis that follows another, which has a TCP port; resolves when it has all that the other has. */
export async function replicaOf(master: { readonly port: number }, settings: RedisSettings = {}) {
  const args = ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'];
  const replica = await startRedis({ ...settings, tcp: true, args: [...args, ...(settings.args ?? [])] });
  await until(async () =>
    String(await replica.command('INFO', 'replication')).includes('master_link_status:up'),
  );
  return replica;
}

/** A master, a replica, and the three Sentinels that watch over them. */
export interface SentinelSet {
  /** What the Sentinels call the master. */
  readonly name: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  stop(): Promise<void>;
}

/**
 * Starts them, and resolves when the Sentinels agree and know the replica.
 *
 * @param through makes the port by which Sentinels and the replica reach the master, of its own: a fault proxy's, say
 */
export async function startSentinel(
  settings: RedisSettings = {},
  through: (port: number) => Promise<number> = async (port) => port,
): Promise<SentinelSet> {
  const name = 'main';
  const quick = ['--repl-ping-replica-period', '1', ...(settings.args ?? [])];
  const master = await startRedis({ ...settings, args: quick, tcp: true });
  const port = await through(master.port);
  const replica = await replicaOf({ port }, { ...settings, args: quick });
  const watches = [
    `sentinel monitor ${name} 127.0.0.1 ${port} 2`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 3000`,
  ];
  const sentinels = await Promise.all([1, 2, 3].map(() => startOneSentinel(watches)));
  await until(async () => {
    const known = await Promise.all(
      sentinels.map(async (one) => {
        const facts = String(await one.command('INFO', 'sentinel'));
        return facts.includes('status=ok') && facts.includes('slaves=1,sentinels=3');
      }),
    );
    return known.every(Boolean);
  });
  const all = [...sentinels, replica, master];
  const stop = async (): Promise<void> => void (await Promise.all(all.map((one) => one.stop())));
  return { name, master, replica, sentinels, stop };
}

function startOneSentinel(watches: readonly string[]): Promise<RedisServer> {
  return startOn(async () => {
    const dir = makeFolder();
    const file = join(dir, 'sentinel.conf');
    writeFileSync(file, ['sentinel resolve-hostnames yes', ...watches, ''].join('\n'));
    return new RedisServer({ dir }, await freePort(), [file, '--sentinel']);
  });
}

/** The nodes of a Cluster. */
export interface ClusterSet {
  readonly masters: readonly RedisServer[];
  /** Of each master one, in their order, where there are any. */
  readonly replicas: readonly RedisServer[];
  stop(): Promise<void>;
}

/**
 * Starts a Cluster of three masters, and resolves when all of them say that it works.
 *
 * @param replicas whether each master has one
 */
export async function startCluster({
  replicas = false,
  args = [] as readonly string[],
  tls = undefined as RedisSettings['tls'],
} = {}): Promise<ClusterSet> {
  const count = replicas ? 6 : 3;
  const nodes = await Promise.all(Array.from({ length: count }, () => startClusterNode(args, tls)));
  const masters = nodes.slice(0, 3);
  const [first] = masters;
  const ends = [0, 5461, 10_922, 16_384];
  for (const [i, node] of masters.entries()) {
    await node.command('CLUSTER', 'ADDSLOTSRANGE', String(ends[i]), String((ends[i + 1] ?? 0) - 1));
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
  }
  // Of itself it knows the port by which the nodes speak to each other: `id :port@bus myself,master …`
  const [, bus = ''] = /@(\d+)/.exec(String(await first?.command('CLUSTER', 'NODES'))) ?? [];
  for (const node of nodes.slice(1))
    await node.command('CLUSTER', 'MEET', '127.0.0.1', String(first?.port), bus);
  const all = async (fact: RegExp): Promise<boolean> => {
    const facts = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO')));
    return facts.every((text) => fact.test(String(text)));
  };
  await until(() => all(new RegExp(`cluster_known_nodes:${count}\\b`)));
  for (const [i, replica] of nodes.slice(3).entries()) {
    const id = String(await masters[i]?.command('CLUSTER', 'MYID'));
    await replica.command('CLUSTER', 'REPLICATE', id);
    await until(async () => String(await replica.command('INFO', 'replication')).includes('link_status:up'));
  }
  await until(() => all(/cluster_state:ok/));
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())));
  return { masters, replicas: nodes.slice(3), stop };
}

function startClusterNode(args: readonly string[], tls: RedisSettings['tls']): Promise<RedisServer> {
  const timing = ['--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0'];
  return startOn(async () => {
    const clustered = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
    // Nodes name the ports for TLS where they speak so among themselves too.
    const secure = tls ? ['--tls-cluster', 'yes'] : [];
    const settings = { args: [...clustered, ...timing, ...secure, ...args], ...(tls ? { tls } : {}) };
    return new RedisServer(settings, await freePort(), []);
  });
}

/** Looks again and again until it is so. @throws after 20 s */
export async function until(look: () => Promise<boolean> | boolean, ms = 20_000): Promise<void> {
  const end = systemClock.now() + ms;
  while (!(await look())) {
    if (systemClock.now() > end) throw new Error(`It did not come about within ${ms} ms: ${look}`);
    await new Promise<void>((resolve) => systemClock.timer(20, resolve));
  }
}
