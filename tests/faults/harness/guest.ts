/**
 * One client at the harness: the real SDK over its own way to the nodes, which tells the history what its application does and
 * is told. Crowds are made of them. It decides nothing; what is right is for the checker to say.
 */
import { type ErrorCode, SyncError } from '@syncline/client';
import { createClient, type DocClient } from '@syncline/client/doc';
import { longPoll, sse, websocket } from '@syncline/client/http';
import type { Channels } from './contract.ts';
import type { PadEvent, Recorder, Told } from './history.ts';
import { loaded, Pad } from './pad.ts';

/** Bugs of an application or an SDK, planted to see that the checker finds them. */
export const guestPlants = ['drop-delivery', 'hush-gap'] as const;
export type GuestPlant = (typeof guestPlants)[number];

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
  /** Whether it edits the document. */
  readonly edits?: boolean;
  /** Shows who it is. Default: it is nobody in particular. */
  readonly token?: string;
  /** Where it gets a token at each attempt. */
  readonly tokenUrl?: string;
  /** Default: WebSocket. */
  readonly transport?: keyof typeof transports;
}

/** What all guests of a crowd have in common. */
export interface Surroundings {
  readonly rooms: readonly string[];
  readonly plant: GuestPlant | null;
  /** Stands in every message, and must be seen by readers only. */
  readonly secret: string;
}

/** Of so many deliveries one is dropped, where that bug is planted. */
const dropEvery = 40;

export class Guest {
  readonly plan: GuestPlan;
  readonly client: DocClient<Channels>;
  readonly pad: Pad | undefined;
  /** Publishes without an answer. */
  waiting = 0;
  /** The last offset that its handler got, by channel. */
  readonly stands = new Map<string, number>();
  readonly #recorder: Recorder;
  readonly #plant: GuestPlant | null;
  readonly #secret: string;
  readonly #rooms: string[] = [];
  #published = 0;
  #delivered = 0;
  #left = false;

  constructor(
    plan: GuestPlan,
    { rooms, plant, secret }: Surroundings,
    recorder: Recorder,
    random: () => number,
  ) {
    this.plan = plan;
    this.#recorder = recorder;
    this.#plant = plant;
    this.#secret = secret;
    const { patienceMs, transport = 'websocket', token, tokenUrl } = plan;
    this.client = createClient<Channels>({
      url: addressOf(plan),
      ...(token !== undefined && { getToken: async () => token }),
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
      const error = 'error' in now ? now.error : undefined;
      const says = error && { says: error.message };
      this.#tell({ type: 'status', state: now.state, code: error?.code ?? null, ...says });
    });
    for (const room of rooms) this.follow(room);
    this.pad = plan.edits ? new Pad(plan.name, this.client, recorder, random) : undefined;
    if (plan.enters) this.#enter();
  }

  /** Publishes a message of so many bytes more than it needs. */
  publish(channel: string, fillingBytes: number): void {
    const id = `${this.plan.name}.${++this.#published}`;
    const filling = fillingBytes > 0 && { filling: 'x'.repeat(fillingBytes) };
    this.#tell({ type: 'invoke', channel, id });
    this.waiting++;
    roomOf(this.client, channel)
      .publish({ id, secret: this.#secret, ...filling })
      .then(
        ({ epoch, offset }) => this.#tell({ type: 'ok', channel, id, epoch, offset }),
        (error: unknown) => {
          const code: ErrorCode = error instanceof SyncError ? error.code : 'internal';
          // After these nobody knows (rule A3); after any other refusal it is in no log.
          const unknown = code === 'unavailable' || code === 'internal' || code === 'closed';
          const told = { channel, id, code, says: String(error) };
          this.#tell(unknown ? { type: 'info', ...told } : { type: 'fail', ...told });
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

  /** Its connection, and what it has subscribed to: channels, who is there, the document. */
  get open(): { readonly sessions: number; readonly subscriptions: number } {
    const open = this.client.status.get().state === 'open';
    const besides = (this.plan.enters ? 1 : 0) + (this.pad ? 1 : 0);
    return { sessions: open ? 1 : 0, subscriptions: open ? this.#rooms.length + besides : 0 };
  }

  /** Tells the history who is there, as it is shown, and what the document has come to. */
  tellEnd(): void {
    this.pad?.tellEnd();
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
    presence.on('change', ({ type, member }) => {
      const change = `${nameOf(member.data)} ${type}`;
      if (!this.#left) this.#tell({ type: 'member', channel: 'chat/a', change });
    });
    presence.enter({ name: this.plan.name, secret: this.#secret }).catch((error: unknown) => {
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
function roomOf(client: DocClient<Channels>, room: string) {
  return client.stream(room as 'chat/a') as ReturnType<typeof streamOf>;
}

function streamOf(client: DocClient<Channels>) {
  return client.stream('chat/a');
}

function nameOf(data: unknown): string {
  return typeof data === 'object' && data !== null && 'name' in data ? String(data.name) : '?';
}

type Log = Pick<Extract<Told, { type: 'log' }>, 'channel' | 'epoch' | 'entries'>;
type At = Pick<GuestPlan, 'port' | 'host' | 'secure' | 'tokenUrl'>;

/** Whole logs by way of one node. @throws SyncError when the node can't read one */
export function readLogs(at: At, rooms: readonly string[]): Promise<Log[]> {
  return asNobody(at, async (client) => {
    const logs: Log[] = [];
    for (const channel of rooms) logs.push({ channel, ...(await readLog(client, channel)) });
    return logs;
  });
}

/** The document by way of one node, as somebody is given it who has never seen it. @throws SyncError */
export function readPad(at: At): Promise<PadEvent> {
  return asNobody(at, loaded);
}

async function asNobody<T>(at: At, read: (client: DocClient<Channels>) => Promise<T>): Promise<T> {
  const { tokenUrl } = at;
  const client = createClient<Channels>({
    url: addressOf(at),
    ...(tokenUrl !== undefined && { getToken: () => tokenFrom(tokenUrl) }),
  });
  try {
    return await read(client);
  } finally {
    client.close();
  }
}

async function readLog(client: DocClient<Channels>, room: string): Promise<Omit<Log, 'channel'>> {
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
