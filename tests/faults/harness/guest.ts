/**
 * One client at the harness: the real SDK over its own way to the nodes, which tells the history what its application does and
 * is told. Crowds are made of them. It decides nothing; what is right is for the checker to say.
 */
import { type Client, createClient, type ErrorCode, SyncError } from '@syncline/client';
import { longPoll, sse, websocket } from '@syncline/client/http';
import type { Channels } from './contract.ts';
import type { Recorder, Told } from './history.ts';

/** Bugs of an application or an SDK, planted to see that the checker finds them. */
export type GuestPlant = 'drop-delivery' | 'hush-gap';

/** By which way a client connects. */
export const transports = { websocket, sse, longPoll } as const;

export interface GuestPlan {
  readonly name: string;
  /** Of the proxy that is its way. */
  readonly port: number;
  readonly publishes: boolean;
  /** Gives a publish up after so many ms; null: as clients do by default. */
  readonly patienceMs: number | null;
  /** Whether it is among the members of the first channel. */
  readonly enters: boolean;
  /** Of where the way begins. Default: this machine's usual address. */
  readonly host?: string;
  /** Whether its way is by TLS. */
  readonly secure?: boolean;
  /** Where it gets a token at each attempt. */
  readonly tokenUrl?: string;
  /** Default: WebSocket. */
  readonly transport?: keyof typeof transports;
}

/** Of so many deliveries one is dropped, where that bug is planted. */
const dropEvery = 40;

export class Guest {
  readonly plan: GuestPlan;
  readonly client: Client<Channels>;
  /** Publishes without an answer. */
  waiting = 0;
  /** The last offset that its handler got, by channel. */
  readonly stands = new Map<string, number>();
  readonly #recorder: Recorder;
  readonly #plant: GuestPlant | null;
  readonly #rooms: string[] = [];
  #published = 0;
  #delivered = 0;
  #left = false;

  constructor(plan: GuestPlan, rooms: readonly string[], recorder: Recorder, plant: GuestPlant | null) {
    this.plan = plan;
    this.#recorder = recorder;
    this.#plant = plant;
    const { patienceMs, transport = 'websocket', tokenUrl } = plan;
    this.client = createClient<Channels>({
      url: addressOf(plan),
      ...(tokenUrl !== undefined && { getToken: () => tokenFrom(tokenUrl) }),
      transports: [transports[transport]],
      ...(patienceMs !== null && { outboxAgeMs: patienceMs }),
      // Refusals while a node can't reach its logs are the SDK's to deal with; anything else is a bug.
      onError: (error) => {
        if (!(error instanceof SyncError)) this.#tell({ type: 'report', text: String(error) });
      },
    });
    const { status } = this.client;
    status.subscribe(() => {
      const now = status.get();
      this.#tell({ type: 'status', state: now.state, code: 'error' in now ? now.error.code : null });
    });
    for (const room of rooms) this.follow(room);
    if (plan.enters) this.#enter();
  }

  /** Publishes a message of so many bytes more than it needs. */
  publish(channel: string, fillingBytes: number): void {
    const id = `${this.plan.name}.${++this.#published}`;
    const filling = fillingBytes > 0 && { filling: 'x'.repeat(fillingBytes) };
    this.#tell({ type: 'invoke', channel, id });
    this.waiting++;
    roomOf(this.client, channel)
      .publish({ id, ...filling })
      .then(
        ({ epoch, offset }) => this.#tell({ type: 'ok', channel, id, epoch, offset }),
        (error: unknown) => {
          const code: ErrorCode = error instanceof SyncError ? error.code : 'internal';
          // After these nobody knows (rule A3); after any other refusal it is in no log.
          const unknown = code === 'unavailable' || code === 'internal' || code === 'closed';
          this.#tell(unknown ? { type: 'info', channel, id, code } : { type: 'fail', channel, id, code });
        },
      )
      .finally(() => this.waiting--);
  }

  /** What it still waits for, given where each log ends as far as anyone knows. */
  left(tops: ReadonlyMap<string, number>, members: readonly string[]): string[] {
    const { state } = this.client.status.get();
    const { name } = this.plan;
    const left = state === 'open' ? [] : [`${name} is ${state}`];
    if (this.waiting > 0) left.push(`${name} has ${this.waiting} publishes without an answer`);
    for (const room of this.#rooms) {
      const top = tops.get(room) ?? 0;
      const freshness = roomOf(this.client, room).freshness.get().state;
      if (freshness !== 'live') left.push(`${name} is ${freshness} in ${room}`);
      const at = this.stands.get(room) ?? 0;
      if (at < top) left.push(`${name} stands at ${at} of ${room}, others at ${top}`);
    }
    const shown = this.#members();
    if (shown && shown.join() !== members.join())
      left.push(`${name} is shown ${shown.join(' ')} where ${members.join(' ')} are`);
    return left;
  }

  /** Tells the history who is there, as it is shown. */
  tellMembers(): void {
    const shown = this.#members();
    if (shown) this.#tell({ type: 'members', channel: this.#first, shown });
  }

  /** It closes, as an application would; the history expects nothing of it from now on. */
  leave(): void {
    this.#tell({ type: 'leave' });
    this.close();
  }

  /** The run is over. */
  close(): void {
    this.#left = true;
    this.client.close();
  }

  get #first(): string {
    return this.#rooms[0] ?? '';
  }

  /** Names of those who are in the first channel; undefined where this one doesn't look. */
  #members(): string[] | undefined {
    if (!this.plan.enters) return undefined;
    const { members } = this.client.stream('chat/a').presence;
    return members
      .get()
      .map(({ data }) => nameOf(data))
      .sort();
  }

  /** Subscribes to one more. */
  follow(channel: string): void {
    this.#rooms.push(channel);
    const room = roomOf(this.client, channel);
    room.onRecover((recovery) => {
      const reason = recovery.via === 'gap' ? recovery.reason : null;
      if (reason && this.#plant === 'hush-gap') return;
      this.#tell({ type: 'begin', channel, via: recovery.via, reason });
    });
    room.onMessage(({ offset, data }) => {
      this.stands.set(channel, offset);
      if (++this.#delivered % dropEvery === 0 && this.#plant === 'drop-delivery') return;
      this.#tell({ type: 'deliver', channel, id: data.id, offset });
    });
    const { freshness } = room;
    freshness.subscribe(() => this.#tell({ type: 'fresh', channel, state: freshness.get().state }));
  }

  #enter(): void {
    const { presence } = this.client.stream('chat/a');
    presence.on('change', () => {});
    presence.enter({ name: this.plan.name }).catch((error: unknown) => {
      if (!this.#left) this.#tell({ type: 'report', text: `enter: ${error}` });
    });
  }

  #tell(told: Told): void {
    this.#recorder.tell(this.plan.name, told);
  }
}

/** Where a plan says that nodes are found. */
function addressOf({ port, host = '127.0.0.1', secure }: Pick<GuestPlan, 'port' | 'host' | 'secure'>) {
  return `${secure ? 'wss' : 'ws'}://${host}:${port}/sync`;
}

async function tokenFrom(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The server for tokens answered ${response.status}.`);
  return await response.text();
}

/** A room by a name that is known when it runs only. */
function roomOf(client: Client<Channels>, room: string) {
  return client.stream(room as 'chat/a') as ReturnType<typeof streamOf>;
}

function streamOf(client: Client<Channels>) {
  return client.stream('chat/a');
}

function nameOf(data: unknown): string {
  return typeof data === 'object' && data !== null && 'name' in data ? String(data.name) : '?';
}

type Log = Pick<Extract<Told, { type: 'log' }>, 'channel' | 'epoch' | 'entries'>;

/** Whole logs by way of one node. @throws SyncError when the node can't read one */
export async function readLogs(
  at: Pick<GuestPlan, 'port' | 'host' | 'secure' | 'tokenUrl'>,
  rooms: readonly string[],
): Promise<Log[]> {
  const { tokenUrl } = at;
  const client = createClient<Channels>({
    url: addressOf(at),
    ...(tokenUrl !== undefined && { getToken: () => tokenFrom(tokenUrl) }),
  });
  try {
    const logs: Log[] = [];
    for (const channel of rooms) logs.push({ channel, ...(await readLog(client, channel)) });
    return logs;
  } finally {
    client.close();
  }
}

async function readLog(client: Client<Channels>, room: string): Promise<Omit<Log, 'channel'>> {
  const entries: [number, string][] = [];
  for (;;) {
    const after = entries.at(-1)?.[0] ?? 0;
    const page = await roomOf(client, room).history({ after, limit: 500 });
    for (const { offset, data } of page.messages) entries.push([offset, data.id]);
    // Applications needn't know the epoch of a page; it is there nevertheless.
    const epoch = String('epoch' in page && page.epoch);
    if (!page.more || page.messages.length === 0) return { epoch, entries };
  }
}
