/**
 * What is asked of durable logs, over any number of nodes: each request is judged by what is known of the log, what that says is
 * appended on the condition that nothing came between, and else it is judged anew. Whoever takes such requests calls it, and has
 * asked for rights before. It knows no header field and no status.
 */
import { createHash } from 'node:crypto';
import type { Position } from '@syncline/protocol';
import type { Channel } from '../channel.ts';
import { type DurableRequest, type Facts, judge } from '../fold/durable/judge.ts';
import { type Judged, Line, type Opening, opened } from './durables/line.ts';

export { bodyOf } from '../fold/durable/body.ts';
export type { DurableRequest, Facts, Outcome } from '../fold/durable/judge.ts';
export type { Judged } from './durables/line.ts';

/** A log as it is now, and the place before all that belongs to it, where that isn't the oldest place there is. */
export interface Looked {
  readonly channel: Channel;
  readonly facts: Facts;
  readonly start: Position | undefined;
}

/** As many as 128 bits take. */
const hashChars = 22;

export class Durables {
  readonly #hub: Opening;
  /** Those of logs that something is asked of. */
  readonly #lines = new Map<string, Line>();

  constructor(hub: Opening) {
    this.#hub = hub;
  }

  /**
   * Does what is asked for, or says why not; atomic, whichever nodes others ask.
   *
   * @param from who asks; null for nobody in particular
   * @throws SyncError `unavailable` when others kept writing first, or the broker's
   */
  ask(name: string, request: DurableRequest, from: string | null): Promise<Judged> {
    const line = this.#lines.get(name) ?? new Line(name, this.#hub, () => this.#lines.delete(name));
    this.#lines.set(name, line);
    return line.ask(unnamed(request), from);
  }

  /**
   * What a log is as of now; undefined where there is none.
   *
   * @param uses whether this is a use of it, which puts its end off
   * @throws SyncError the broker's
   */
  async look(name: string, uses: boolean): Promise<Looked | undefined> {
    const { channel, ledger } = await opened(this.#hub, name);
    await ledger.refresh();
    const { known, now } = ledger;
    const { facts, act } = judge(known.state, { op: 'touch' }, { now, keep: channel.settings.keep });
    // Whoever can't put its end off reads it nevertheless: the next one tries again.
    if (uses && act) await this.ask(name, { op: 'touch' }, null).catch(() => {});
    return facts ? { channel, facts, start: ledger.known.start } : undefined;
  }
}

/**
 * The same, of a producer whose name tells nothing: readers of a log may be given its entries as they are stored, and who writes isn't for
 * all of them. Producers of one owner stay together, as logs that need room have it.
 */
export function unnamed(request: DurableRequest): DurableRequest {
  if (request.op !== 'append' || !request.producer) return request;
  const { producer } = request;
  const owner = producer.id.slice(0, producer.id.lastIndexOf('/') + 1);
  const id = `${owner && `${hashOf(owner)}/`}${hashOf(producer.id)}`;
  return { ...request, producer: { ...producer, id } };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, hashChars);
}
