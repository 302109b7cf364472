/**
 * Members and those who watch them, for tests that speak frames by hand: what is asked and what came of it, and who is in by
 * what arrived. It is no part of what the package exports.
 */
import type { ClientFrame, FrameOf, ServerFrame } from '@syncline/protocol/wire';
import { Mirror } from './mirror.ts';
import { WireClient } from './wire.ts';

/** A lease of this name: the same each time. */
export function leaseOf(name: string): string {
  return name.padEnd(16, '0');
}

type Asked = 'enter' | 'leave' | 'signal';

/** Asks for one of the three, and doesn't wait. */
export function ask(
  client: WireClient,
  type: Asked,
  channel: string,
  lease: string,
  data: unknown = 1,
): number {
  const ref = client.nextRef();
  const frame = { type, ref, channel, lease, ...(type === 'leave' ? {} : { data: JSON.stringify(data) }) };
  client.send(frame as FrameOf<ClientFrame, Asked>);
  return ref;
}

/** Asks, and gives the key that was answered; or, where it was refused, the code. */
export async function outcomeOf(
  client: WireClient,
  ...asked: Parameters<typeof ask> extends [unknown, ...infer A] ? A : never
) {
  const ref = ask(client, ...asked);
  const frame = await answerTo(client, ref);
  if (frame.type === 'entered' || frame.type === 'signalled') return frame.key;
  return frame.type === 'error' ? frame.code : frame.type;
}

/** The answer to a request; entries and signals that come before it are passed over. */
export async function answerTo(client: WireClient, ref: number): Promise<ServerFrame> {
  for (;;) {
    const frame = await client.frame();
    if ('ref' in frame && frame.ref === ref) return frame;
  }
}

/** Someone who follows the companion of a channel from the beginning. */
export class Watcher {
  readonly client: WireClient;
  readonly mirror: Mirror;

  private constructor(client: WireClient, mirror: Mirror) {
    this.client = client;
    this.mirror = mirror;
  }

  static async join(port: number, channel: string, path = '/sync'): Promise<Watcher> {
    const client = await WireClient.connect(port, path);
    const { position, top } = await client.subscribe(`${channel}?presence`, Number.MAX_SAFE_INTEGER);
    const watcher = new Watcher(client, new Mirror(position));
    while (watcher.offset < top) watcher.mirror.receive(await client.frame());
    return watcher;
  }

  /** The offset of the last entry that arrived. */
  get offset(): number {
    return this.mirror.position.offset;
  }

  /** Who is in by what has arrived: by key, what they say of themselves. */
  async members(): Promise<Record<string, unknown>> {
    for (const frame of await this.client.flush()) this.mirror.receive(frame);
    // The heartbeat that ended the first wait may have come before the entries of its turn.
    for (const frame of await this.client.flush()) this.mirror.receive(frame);
    return Object.fromEntries([...this.mirror.values].map(([key, { text }]) => [key, JSON.parse(text)]));
  }

  /** By key, who put it there. */
  get users(): Record<string, string | null> {
    return Object.fromEntries([...this.mirror.values].map(([key, { from }]) => [key, from]));
  }
}
