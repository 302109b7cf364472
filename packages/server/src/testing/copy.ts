/**
 * What a client of a doc channel does with what reaches it, by the rules and no more: it holds the document, and refuses what
 * doesn't follow. Tests feed it from the wire, have it edit, and compare it with what others hold.
 */
import type { Position } from '@syncline/protocol';
import {
  type Data,
  nextCheck,
  noLineage,
  readDocData,
  type ServerFrame,
  sameLineage,
} from '@syncline/protocol/wire';
import * as Y from 'yjs';
import { contentOf, entriesOf } from './documents.ts';
import { WireClient } from './wire.ts';

type Options = NonNullable<Parameters<typeof WireClient.dial>[2]>;

/** Each copy publishes under an id of its own. */
let copies = 0;

export class Copy {
  readonly client: WireClient;
  readonly channel: string;
  doc = new Y.Doc();
  lineage: Uint8Array = noLineage;
  position: Position = { epoch: '', offset: 0, check: 0 };
  /** How much of what has reached it. */
  readonly seen = { entries: 0, snapshots: 0, parts: 0 };
  readonly #producer = `copy${++copies}`;
  #sequence = 0;
  #parts: Data[] = [];

  constructor(client: WireClient, channel: string) {
    this.client = client;
    this.channel = channel;
  }

  /** A copy that has taken all that there is. */
  static async join(port: number, channel: string, options: Options = {}): Promise<Copy> {
    const client = await WireClient.dial(port, '/sync', options);
    await client.expect('welcome');
    const copy = new Copy(client, channel);
    await copy.subscribe(Number.MAX_SAFE_INTEGER);
    return copy;
  }

  /** The same copy on a new connection, where it left off. */
  async comeBack(port: number): Promise<Copy> {
    const copy = new Copy(await WireClient.connect(port), this.channel);
    copy.doc = this.doc;
    copy.lineage = this.lineage;
    await copy.subscribe(this.position);
    return copy;
  }

  async subscribe(start: Position | number): Promise<void> {
    const { position, top } = await this.client.subscribe(this.channel, start);
    this.position = position;
    await this.until(top);
  }

  /** Takes what comes until it stands there, and what has come by then. */
  async until(offset: number): Promise<this> {
    while (this.position.offset < offset) this.receive(await this.client.frame());
    for (const frame of await this.client.flush()) this.receive(frame);
    return this;
  }

  /** Publishes what `write` changes in its document; the answers of the server. */
  async edit(write: (doc: Y.Doc) => void): Promise<(number | string)[]> {
    const answers: (number | string)[] = [];
    for (const data of entriesOf(write, this.doc)) answers.push(await this.publish(data));
    return answers;
  }

  /** Publishes this: the offset at which it was stored, or the code of the refusal. */
  async publish(data: Data): Promise<number | string> {
    const ref = this.client.nextRef();
    const to = { channel: this.channel, producer: this.#producer, sequence: this.#sequence + 1 };
    this.client.send({ type: 'publish', ref, ...to, data });
    for (;;) {
      const frame = await this.client.frame();
      if (frame.type === 'ack' && frame.ref === ref) {
        this.#sequence++;
        return frame.position.offset;
      }
      if (frame.type === 'error' && frame.ref === ref) return frame.code;
      this.receive(frame);
    }
  }

  receive(frame: ServerFrame): void {
    if (frame.type === 'entries') {
      for (const [i, data] of frame.entries.entries()) this.#entry(frame.first + i, data);
    } else if (frame.type === 'snapshot') {
      this.#parts.push(frame.data);
      this.seen.parts++;
      if (frame.more) return;
      this.seen.snapshots++;
      this.#take(Buffer.concat(this.#parts.map((part) => part as Uint8Array)));
      this.#parts = [];
      this.position = { ...this.position, offset: frame.offset, check: frame.check };
    } else if (frame.type === 'heartbeat') {
      for (const { offset, check } of frame.heads)
        if (offset === this.position.offset && check !== this.position.check)
          throw new Error(`The check at ${offset} differs.`);
    } else throw new Error(`Unexpected: ${JSON.stringify(frame)}`);
  }

  get text(): string {
    return this.doc.getText('text').toString();
  }

  get content(): unknown {
    return contentOf(this.doc);
  }

  #entry(offset: number, data: Data): void {
    const { epoch, offset: at, check } = this.position;
    if (offset !== at + 1) throw new Error(`Expected entry ${at + 1}, got ${offset}.`);
    this.seen.entries++;
    this.#take(data);
    this.position = { epoch, offset, check: nextCheck(check, data) };
  }

  #take(data: Data): void {
    const read = readDocData(data);
    if (read.type === 'beginning' || (read.type === 'snapshot' && !sameLineage(read.lineage, this.lineage)))
      this.doc = new Y.Doc();
    if (read.type !== 'update') this.lineage = new Uint8Array(read.lineage);
    if (read.type === 'snapshot') Y.applyUpdateV2(this.doc, read.update);
    else Y.applyUpdate(this.doc, read.update);
  }
}
