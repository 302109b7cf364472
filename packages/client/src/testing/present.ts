/**
 * The model server for presence: sessions enter and leave companions, whose logs say who is there. It keeps the rules about who
 * holds a key, newest connection first; the test says when a time of grace is over.
 */
import {
  type ClientFrame,
  deleteEntry,
  encodeServer,
  type FrameOf,
  type Signalled,
  setEntry,
} from '@syncline/protocol/wire';
import { KeyedLog, KeyedServer } from './keyed.ts';
import type { ModelLink } from './model.ts';

/** Whose a key is: the first letters say it. */
const userOf = (key: string): string | null => (key.startsWith('anon') ? null : key.slice(0, 3));

export class CompanionLog extends KeyedLog {
  override authorOf(entry: string): string | null {
    return userOf(JSON.parse(entry)[0]);
  }

  /** What stands under a key, as JSON; undefined: nothing. */
  data(key: string): string | undefined {
    return this.values().get(key)?.text;
  }
}

export class PresentServer extends KeyedServer {
  /** The link whose session holds a key. */
  readonly #holders = new Map<string, ModelLink>();

  override begin(id: number, life: number): CompanionLog {
    return new CompanionLog(id, life);
  }

  override log(channel: string): CompanionLog {
    const log = super.log(channel);
    if (log instanceof CompanionLog) return log;
    throw new Error('Every log here is that of a companion.');
  }

  override take(link: ModelLink, frame: ClientFrame): void {
    if (frame.type === 'enter') this.#enter(link, frame);
    else if (frame.type === 'leave') this.#leave(link, frame);
    else if (frame.type === 'signal') this.#signal(link, frame);
    else super.take(link, frame);
  }

  /** The key of a client by its lease. Every client here is Ada's. */
  keyOf(lease: string): string {
    return `ada${lease}`.slice(0, 22);
  }

  /** Someone whose client is elsewhere enters, or has new data. */
  put(companion: string, key: string, data: string): void {
    this.log(companion).store(setEntry(key, data));
    this.announce(companion);
  }

  drop(companion: string, key: string): void {
    if (this.log(companion).data(key) === undefined) return;
    this.log(companion).store(deleteEntry(key));
    this.announce(companion);
  }

  /** The time of grace is over for all whose session has ended. */
  grace(companion: string): void {
    for (const [key, link] of this.#holders) {
      if (link.open) continue;
      this.#holders.delete(key);
      this.drop(companion, key);
    }
  }

  #refused(link: ModelLink, ref: number, data?: string): boolean {
    const passing = this.refuseNext;
    this.refuseNext = undefined;
    const code = data?.includes('bad') ? 'bad_payload' : passing;
    if (code) link.say({ type: 'error', ref, code, message: '', detail: null });
    return code !== undefined;
  }

  #enter(link: ModelLink, { ref, channel, lease, data }: FrameOf<ClientFrame, 'enter'>): void {
    if (this.#refused(link, ref, data)) return;
    const companion = `${channel}?presence`;
    const key = this.keyOf(lease);
    if (!this.#isNewer(key, link)) {
      this.#holders.set(key, link);
      if (this.log(companion).data(key) !== data) this.put(companion, key, data);
    }
    link.say({ type: 'entered', ref, key: key.padEnd(22, '_') });
  }

  #leave(link: ModelLink, { ref, channel, lease }: FrameOf<ClientFrame, 'leave'>): void {
    if (this.#refused(link, ref)) return;
    const key = this.keyOf(lease);
    if (!this.#isNewer(key, link)) {
      this.#holders.delete(key);
      this.drop(`${channel}?presence`, key);
    }
    link.say({ type: 'left', ref });
  }

  /** Whether a newer connection than this one holds a key. */
  #isNewer(key: string, link: ModelLink): boolean {
    const holder = this.#holders.get(key);
    return holder !== undefined && this.links.indexOf(holder) > this.links.indexOf(link);
  }

  #signal(link: ModelLink, { ref, channel, lease, data }: FrameOf<ClientFrame, 'signal'>): void {
    const key = this.keyOf(lease);
    link.say({ type: 'signalled', ref, key });
    const signals: Signalled[] = [[key, userOf(key), data]];
    const { id } = this.log(channel);
    for (const each of this.links)
      if (each.open && each.cursors.has(channel)) each.push(encodeServer({ type: 'signals', id, signals }));
  }
}
