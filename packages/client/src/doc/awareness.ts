/**
 * The awareness of a document, as stock bindings know it, on top of presence: what the local state says this client enters the channel
 * with, and whoever is there has a state. A document's channel makes one when it is first asked for. It must not know edits.
 */
import type { Cancel } from '@syncline/protocol/wire';
import { Awareness } from 'y-protocols/awareness';
import type { Doc } from 'yjs';
import type { Core } from '../core.ts';
import type { StateEntry } from '../entries.ts';
import type { PresenceFor } from '../presence.ts';

/** What a client says in a document's presence: by which number its edits go, and its state. */
export interface Aware<A = unknown> {
  readonly clientId: number;
  readonly state: A;
}

type LocalState = ReturnType<Awareness['getLocalState']>;
type Present = readonly [key: string, entry: StateEntry<unknown> | undefined];

/** How long states of others are shown while nothing is heard of them, in ms: as long as other providers show them. */
const deafMs = 30_000;

export class AwarenessFor {
  /** That of the present document. */
  awareness: Awareness;
  readonly #core: Core;
  readonly #presence: PresenceFor<unknown>;
  readonly #origin: object;
  /** Who is shown: numbers by keys, and keys by numbers. A number is that of whoever came with it first. */
  readonly #numbers = new Map<string, number>();
  readonly #keys = new Map<number, string>();
  /** Whether anything was said that wasn't taken back. */
  #there = false;
  /** Set while the companion is followed. */
  #release: Cancel | undefined;
  /** Set while nothing is heard. */
  #deaf: Cancel | undefined;
  /** Set when nothing has been heard for long. */
  #alone = false;

  constructor(core: Core, presence: PresenceFor<unknown>, doc: Doc, origin: object) {
    this.#core = core;
    this.#presence = presence;
    this.#origin = origin;
    this.awareness = this.#made(doc, {});
    presence.companion.entries.told((steps) => this.#show(steps.map(([key, now]) => [key, now])));
    presence.companion.freshness.subscribe(() => this.#hear());
  }

  /** From now on, or no longer, this client is there and sees who is. */
  follow(on: boolean): void {
    if (on === (this.#release !== undefined)) return;
    if (on) {
      this.#release = this.#presence.companion.hold(() => {}, Number.MAX_SAFE_INTEGER);
      this.#show(this.#everyone());
      // What nobody has set yet isn't worth being there for.
      if (Object.keys(this.awareness.getLocalState() ?? {}).length > 0) this.#say();
    } else {
      this.#release?.();
      this.#release = undefined;
      this.#leave();
      this.#hide();
    }
  }

  /** Another document takes the place of the present one: another awareness says and shows the same. */
  move(doc: Doc): void {
    const before = this.awareness;
    before.off('update', this.#updated);
    this.awareness = this.#made(doc, before.getLocalState());
    before.destroy();
    this.#numbers.clear();
    this.#keys.clear();
    this.#show(this.#everyone());
    if (this.#there) this.#say();
  }

  close(): void {
    this.#deaf?.();
    this.awareness.off('update', this.#updated);
  }

  #made(doc: Doc, state: LocalState): Awareness {
    const awareness = new Awareness(doc);
    // It would forget whoever stays the same for 30 s, and say the same every 15: here the server knows who is there.
    clearInterval(awareness._checkInterval);
    awareness.setLocalState(state);
    awareness.on('update', this.#updated);
    return awareness;
  }

  readonly #updated = (_: unknown, origin: unknown): void => {
    if (origin === 'local') this.#say();
  };

  #say(): void {
    const { awareness } = this;
    if (!this.#release) return;
    const state = awareness.getLocalState();
    if (state === null) return this.#leave();
    this.#there = true;
    this.#asked(this.#presence.enter({ clientId: awareness.clientID, state }));
  }

  #leave(): void {
    if (this.#there) this.#asked(this.#presence.leave());
    this.#there = false;
  }

  #asked(answer: Promise<void>): void {
    const { connection, report } = this.#core;
    answer.catch((thrown) => connection.closedBy ?? report(thrown));
  }

  /** Nothing heard for long means that nobody may be there any more. */
  #hear(): void {
    const { state } = this.#presence.companion.freshness.get();
    if (state !== 'stale') {
      this.#deaf?.();
      this.#deaf = undefined;
      this.#alone = false;
      this.#show(this.#everyone());
    } else
      this.#deaf ??= this.#core.clock.timer(deafMs, () => {
        this.#alone = true;
        this.#hide();
      });
  }

  #everyone(): Present[] {
    return [...this.#presence.companion.entries.get()];
  }

  /** Shows nobody but this client. */
  #hide(): void {
    this.#show([...this.#numbers.keys()].map((key) => [key, undefined]));
  }

  /** Shows what those who are there say now, as an awareness that heard it from them. */
  #show(present: readonly Present[]): void {
    const { states } = this.awareness;
    const before = new Map<number, unknown>();
    for (const [key, entry] of present) {
      const number = this.#numbers.get(key);
      if (number !== undefined && number !== this.#read(key, entry)?.clientId)
        this.#drop(key, number, before);
    }
    // Where a number is free again, somebody else may have come with it too.
    for (const [key, entry] of before.size > 0 ? this.#everyone() : present) {
      const aware = this.#read(key, entry);
      if (!aware || states.get(aware.clientId) === aware.state) continue;
      if ((this.#keys.get(aware.clientId) ?? key) === key) this.#set(key, aware, before);
    }
    this.#tell(before);
  }

  /** What is said under a key, if it is anything that can be shown beside what this client says. */
  #read(key: string, entry: StateEntry<unknown> | undefined): Aware<object> | undefined {
    if (!this.#release || this.#alone || this.#presence.isOwn(key)) return undefined;
    const { clientId, state } = Object(entry?.value) as Partial<Aware>;
    const another = Number.isSafeInteger(clientId) && clientId !== this.awareness.clientID;
    return another && state instanceof Object ? { clientId: Number(clientId), state } : undefined;
  }

  #set(key: string, { clientId, state }: Aware<object>, before: Map<number, unknown>): void {
    const { states, meta } = this.awareness;
    if (!before.has(clientId)) before.set(clientId, states.get(clientId));
    this.#numbers.set(key, clientId);
    this.#keys.set(clientId, key);
    states.set(clientId, state);
    meta.set(clientId, {
      clock: (meta.get(clientId)?.clock ?? 0) + 1,
      lastUpdated: this.#core.clock.now(),
    });
  }

  #drop(key: string, clientId: number, before: Map<number, unknown>): void {
    const { states } = this.awareness;
    before.set(clientId, states.get(clientId));
    this.#numbers.delete(key);
    this.#keys.delete(clientId);
    states.delete(clientId);
  }

  /** @param before what those who changed showed before */
  #tell(before: ReadonlyMap<number, unknown>): void {
    if (before.size === 0) return;
    const { awareness } = this;
    const which = (had: boolean, has: boolean) =>
      [...before].flatMap(([id, state]) =>
        (state !== undefined) === had && awareness.states.has(id) === has ? id : [],
      );
    const change = { added: which(false, true), updated: which(true, true), removed: which(true, false) };
    for (const event of ['change', 'update']) awareness.emit(event, [change, this.#origin]);
  }
}
