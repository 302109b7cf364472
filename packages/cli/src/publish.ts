/**
 * `syncline publish`: payloads from the command line, a file or stdin into a channel, in their order, each once however often the
 * connection breaks. It reads no further ahead than the server takes, and its exit code says what became of them.
 */
import type { Position, SyncError } from '@syncline/client/log';
import { type ConnectOptions, connect, sentence } from './connect.ts';
import { exit, leaveWith, many, onLeave, type Progress, progress, writeLine, writeNotice } from './output.ts';
import { writePlace } from './place.ts';
import { type Item, openSource, type Source, type SourceOptions } from './publish/source.ts';

/** The options, as they are read. */
export interface PublishOptions extends ConnectOptions, SourceOptions {
  /** ms. */
  readonly wait: number;
  readonly json?: true;
}

/** Payloads that are under way at once: what is sent, and as many that wait to be. */
const underWayMax = 128;
/** Of those that were refused so many are told one by one. */
const toldMax = 20;

/** Codes after which nothing is known against a payload: it was not sent in time, or its answer was lost. */
const unanswered: ReadonlySet<string> = new Set(['unavailable', 'internal', 'offline', 'storage']);

/** Publishes all there is. @throws what keeps it from beginning */
export async function publish(
  channel: string,
  payload: string | undefined,
  options: PublishOptions,
): Promise<void> {
  const source = await openSource(payload, options);
  const retried = 'It is tried again for as long as --wait allows.';
  const client = await connect(options, { waitMs: options.wait, entriesMax: underWayMax + 1, retried });
  const work = new Publishing(source, progress());
  onLeave(() => work.stop());
  // A server that closed for good takes nothing of what is still to be read.
  client.status.subscribe(() => client.status.get().state === 'closed' && source.close());
  const log = client.log(channel);
  await work.run((item) => log.publish(item));
  client.close();
  work.report(channel, options.json === true);
  leaveWith(work.code);
}

/** What was read, and what became of it. */
class Publishing {
  readonly #source: Source;
  readonly #progress: Progress;
  readonly #underWay = new Set<Promise<void>>();
  #stored = 0;
  #refused = 0;
  #unanswered = 0;
  #stopped = false;
  #first: Position | undefined;
  #last: Position | undefined;

  constructor(source: Source, shown: Progress) {
    this.#source = source;
    this.#progress = shown;
  }

  get code(): number {
    if (this.#unanswered > 0) return exit.unknown;
    if (this.#stopped) return 130;
    return this.#refused > 0 ? exit.failed : exit.done;
  }

  /** Reads on no more; what is under way is waited for. */
  stop(): void {
    this.#stopped = true;
    this.#source.close();
  }

  async run(send: (payload: string) => Promise<Position>): Promise<void> {
    for await (const item of this.#source.items()) {
      if (this.#stopped) break;
      this.#take(item, send);
      if (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay);
    }
    await Promise.all(this.#underWay);
    this.#progress.end();
  }

  report(channel: string, json: boolean): void {
    const [stored, refused, left] = [this.#stored, this.#refused, this.#unanswered];
    const told = refused + left - toldMax;
    if (told > 0) writeNotice(`${many(told)} more were not stored, for such reasons.`);
    const last = this.#last && writePlace(this.#last);
    if (json) {
      const first = this.#first && writePlace(this.#first);
      return writeLine(JSON.stringify({ channel, stored, refused, unanswered: left, first, last }));
    }
    if (this.#source.single) return last === undefined ? undefined : writeLine(last);
    const others = [refused && `${many(refused)} refused`, left && `${many(left)} without an answer`];
    const rest = others.filter(Boolean).map((text) => `, ${text}`);
    const upTo = this.#last ? `, up to offset ${this.#last.offset}` : '';
    writeLine(`${many(stored)} stored in ${channel}${upTo}${rest.join('')}.`);
  }

  #take({ line, payload, fault }: Item, send: (payload: string) => Promise<Position>): void {
    if (payload === undefined) return this.#refuse(line, fault);
    const sent = send(payload).then(
      (position) => {
        this.#stored++;
        this.#first ??= position;
        this.#last = position;
        this.#show();
      },
      (error: SyncError) => {
        this.#refuse(line, `${sentence(reasonOf(error))} (${error.code})`, error.code);
      },
    );
    const done = sent.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  #refuse(line: number, why: string, code = ''): void {
    if (unanswered.has(code)) this.#unanswered++;
    else this.#refused++;
    if (this.#refused + this.#unanswered > toldMax) return;
    const what = this.#source.single ? 'It' : `Line ${line}`;
    writeNotice(`${what} ${code === 'unavailable' ? 'may not have been' : 'was not'} stored: ${why}`);
  }

  #show(): void {
    this.#progress.tick(() => {
      const share = this.#source.share();
      const part = share === undefined ? '' : `, ${Math.floor(share * 100)} % of the file`;
      return `${many(this.#stored)} stored${part}, ${this.#underWay.size} under way`;
    });
  }
}

/** Why a payload wasn't stored, in words of this command. */
function reasonOf({ code, message }: SyncError): string {
  return code === 'offline' ? 'there was no connection for as long as --wait allows' : message;
}
