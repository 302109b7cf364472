/**
 * The server of `syncline dev`, in a process of its own: tells its parent where it listens or what keeps it from that, prints what
 * clients do, and goes when the parent lets go of it. It must not know that files change.
 */
import { type Cancel, systemClock } from '@syncline/protocol/wire';
import { type Attempt, createServer, disk, memory, type Server } from '@syncline/server';
import { type Channels, loadChannels } from '../channels.ts';
import { safe } from '../output.ts';

/** What the parent says. */
interface Settings {
  readonly channels: string;
  readonly port: number;
  /** The folder of the logs; in memory without it. */
  readonly data?: string;
}

/** What the parent is told. */
export interface Told {
  readonly port?: number;
  readonly failed?: string;
}

const payloadCharsMax = 200;
/** So much of what clients publish is told within a second. */
const toldMax = 20;
/** How often it is looked who came and went, in ms. */
const lookMs = 500;

function say(text: string): void {
  const time = new Date(systemClock.now()).toISOString().slice(11, 19);
  process.stdout.write(`${time}  ${text}\n`);
}

/** What clients publish, but no more of it than somebody can look at. */
const told = { since: 0, count: 0 };

function tell(line: () => string): void {
  const now = systemClock.now();
  if (now - told.since >= 1000) {
    if (told.count > toldMax) say(`… and ${told.count - toldMax} more`);
    Object.assign(told, { since: now, count: 0 });
  }
  if (++told.count <= toldMax) say(line());
}

async function run(settings: Settings): Promise<void> {
  const channels = await loadChannels(settings.channels);
  const server = createServer({
    channels,
    broker: settings.data === undefined ? memory() : disk({ dir: settings.data }),
    beforePublish: (attempt) => {
      tell(() => published(attempt));
      return undefined;
    },
    logger: { error: (facts, message) => say(`! ${message} ${safe(JSON.stringify(facts))}`) },
  });
  try {
    const { port } = await server.listen(settings.port, 'localhost');
    process.send?.({ port } satisfies Told);
    greet(settings, port, channels);
    const end = watchClients(server);
    process.on('disconnect', () => {
      end();
      void server.close({ drainMs: 0 }).finally(() => process.exit(0));
    });
  } catch (thrown) {
    await server.close({ drainMs: 0 }).catch(() => {});
    throw thrown;
  }
}

function greet({ channels: file, data }: Settings, port: number, channels: Channels): void {
  const where = data === undefined ? 'logs are in memory, until it begins anew' : `logs are in ${data}`;
  const lines = [`Syncline serves ws://localhost:${port}/sync to this machine (${where}; Ctrl+C stops it).`];
  for (const [pattern, { kind }] of Object.entries<{ readonly kind: string }>(channels))
    lines.push(`  ${kind.padEnd(8)}${pattern}`);
  lines.push(`It begins anew when ${file} changes.`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function published({ channel, key, data }: Attempt): string {
  const text = data === undefined ? '(removed)' : JSON.stringify(data);
  const short = text.length > payloadCharsMax ? `${text.slice(0, payloadCharsMax)}…` : text;
  return safe([channel, key, short].filter((part) => part !== undefined).join('  '));
}

/** Says how many clients there are, whenever that has changed. */
function watchClients({ metrics }: Pick<Server<Channels>, 'metrics'>): Cancel {
  let before = 0;
  let cancel: Cancel = () => {};
  const look = (): void => {
    const { sessionsOpen: now } = metrics;
    if (now !== before) say(`${now} ${now === 1 ? 'client' : 'clients'} connected`);
    before = now;
    cancel = systemClock.timer(lookMs, look);
  };
  look();
  return () => cancel();
}

// The user's signals go to all processes of the terminal; this one goes when its parent does.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});
await run(JSON.parse(process.argv[2] ?? '{}') as Settings).catch((thrown: unknown) => {
  const failed = thrown instanceof Error ? thrown.message : String(thrown);
  process.send?.({ failed } satisfies Told, () => process.exit(1));
});
