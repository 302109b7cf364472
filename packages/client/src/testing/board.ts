/**
 * A document's channel of a scripted server, with helpers that say what its log holds: entries with their true checks, beginnings,
 * snapshots in parts. Tests of documents script their servers with it; what is in an update they see with Yjs.
 */
import type { Position } from '@syncline/protocol';
import {
  beginning,
  type ClientFrame,
  docSnapshot,
  encodeEntriesBinary,
  encodeSnapshotBinary,
  type FrameOf,
  nextCheck,
  noLineage,
  readDocEntry,
  type ServerFrame,
  updateEntry,
} from '@syncline/protocol/wire';
import * as Y from 'yjs';
import type { DocChannel, DocOptions, DocReplaced } from '../docs.ts';
import { epoch, type Scene, type ScriptedLink, scene } from './scripted.ts';

/** The number by which the node calls the channel. */
const id = 1;
const name = 'board/a';

/** A log that is kept here, so that positions and checks are right. */
export class DocLog {
  readonly epoch: string;
  readonly entries: Uint8Array[] = [];
  readonly #checks = [0];
  lineage: Uint8Array = noLineage;

  constructor(life: string = epoch) {
    this.epoch = life;
  }

  get top(): number {
    return this.entries.length;
  }

  /** Appends updates, as clients send them. */
  append(...updates: Uint8Array[]): this {
    for (const update of updates) this.#store(updateEntry(update));
    return this;
  }

  /** Another document begins. */
  begin(lineage: Uint8Array, seed: Uint8Array): this {
    this.lineage = lineage;
    this.#store(beginning(lineage, seed));
    return this;
  }

  /** Stores what a client published. */
  take(data: Uint8Array): this {
    this.#store(data);
    return this;
  }

  #store(data: Uint8Array): void {
    this.entries.push(data);
    this.#checks.push(nextCheck(this.#checks.at(-1) ?? 0, data));
  }

  position(offset: number = this.top): Position {
    return { epoch: this.epoch, offset, check: this.#checks[offset] ?? 0 };
  }

  /** What the log says, up to an offset, as a document. */
  doc(offset: number = this.top): Y.Doc {
    let doc = new Y.Doc();
    for (const data of this.entries.slice(0, offset)) {
      const said = readDocEntry(data);
      if (said.type === 'beginning') doc = new Y.Doc();
      Y.applyUpdate(doc, said.update);
    }
    return doc;
  }

  /** Says the entries after an offset, up to another. */
  say(link: ScriptedLink, after: number, upTo: number = this.top): void {
    link.sayText(encodeEntriesBinary(id, after + 1, this.entries.slice(after, upTo)));
  }

  /** Says what the log comes to at an offset, in so many parts. */
  saySnapshot(link: ScriptedLink, offset: number, parts = 1): void {
    const data = docSnapshot(this.lineage, Y.encodeStateAsUpdateV2(this.doc(offset)));
    const { check } = this.position(offset);
    const size = Math.ceil(data.length / parts);
    for (let i = 0; i < parts; i++) {
      const part = data.slice(i * size, (i + 1) * size);
      link.sayText(
        encodeSnapshotBinary({ type: 'snapshot', id, offset, check, more: i < parts - 1, data: part }),
      );
    }
  }
}

/** A lineage that is all one byte. */
export const lineage = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

/** What an author makes of a document that says what the log does. */
export function edit(log: DocLog, change: (doc: Y.Doc) => void): Uint8Array {
  const doc = log.doc();
  const before = Y.encodeStateVector(doc);
  doc.transact(() => change(doc));
  return Y.encodeStateAsUpdate(doc, before);
}

/** An update that writes a text by an author of its own. */
export function written(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

export const textOf = (doc: Y.Doc): string => doc.getText('text').toString();

type SceneOptions = NonNullable<Parameters<typeof scene>[0]>;

export interface Board extends Scene {
  readonly board: DocChannel;
  readonly log: DocLog;
  readonly replaced: DocReplaced[];
  /** Ends following. */
  readonly close: () => void;
  readonly text: () => string;
  readonly type: (text: string) => void;
  /** What `sync` says. */
  readonly state: () => string;
  readonly link: () => ScriptedLink;
  /** The next frame, a publish of an update: it is stored, acknowledged and said. */
  readonly store: () => Promise<Uint8Array>;
}

/** A client that follows a document. Nothing is answered yet. */
export function board(options: DocOptions = {}, log = new DocLog(), client: SceneOptions = {}): Board {
  const here = scene(client);
  const channel = here.client.doc(name, options);
  const replaced: DocReplaced[] = [];
  channel.on('replaced', (event) => replaced.push(event));
  const close = channel.open();
  const link = () => here.server.link;
  return {
    ...here,
    board: channel,
    log,
    replaced,
    close,
    link,
    text: () => textOf(channel.doc),
    type: (text) => channel.doc.getText('text').insert(channel.doc.getText('text').length, text),
    state: () => {
      const { state, unsaved } = channel.sync.get();
      return unsaved > 0 ? `${state} ${unsaved}` : state;
    },
    store: async () => {
      await here.settle();
      const frame = link().take('publish');
      const data = frame.data as Uint8Array;
      log.take(data);
      link().ack(frame, log.top, log);
      log.say(link(), log.top - 1);
      return readDocEntry(data).update;
    },
  };
}

/** Confirms the subscription as the log has it, and says what comes after. */
export function follow(
  { log, link }: Pick<Board, 'log' | 'link'>,
  answer: Partial<FrameOf<ServerFrame, 'subscribed'>> = {},
): FrameOf<ClientFrame, 'subscribe'> {
  const position = answer.position ?? log.position(0);
  const frame = link().subscribed({ id, position, top: log.top, ...answer });
  if (log.top > position.offset) log.say(link(), position.offset);
  return frame;
}

/** The same, for a client that begins. */
export function opened(options: DocOptions = {}, log = new DocLog(), client: SceneOptions = {}): Board {
  const here = board(options, log, client);
  here.link().welcome();
  follow(here);
  return here;
}

/** The link breaks, and the client comes back; nothing is answered yet. */
export function comeBack(here: Scene): Promise<ScriptedLink> {
  here.server.link.break();
  return nextLink(here);
}

/** The client's next attempt comes through. */
export async function nextLink({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}
