/**
 * The links of this node by their secret names, and the way to those of other nodes: a request may reach any node, whichever has the
 * session. The routes ask here; what a link tells is its own matter.
 */
import type { ServerResponse } from 'node:http';
import type { Broker } from '../../../broker/broker.ts';
import type { Place } from '../../../session/sessions.ts';
import { type Ask, type HttpLink, type LinkTools, nobody, type OnReply, unknown } from './link.ts';
import { PolledLink } from './polled.ts';
import { type AskHere, Relay } from './relay.ts';
import { StreamedLink } from './streamed.ts';

/** `<node>.<128 random bits>`. */
const idShape = /^([\w-]{1,64})\.[\w-]{22}$/;
/** Links of other nodes that are remembered, so that they needn't be asked for again. */
const foundMax = 10_000;
/** So many bytes of what was said last are kept for those who lost it: nobody is counted for them, so there would else be no end of them. */
const lastBytesMax = 16 * 1024 * 1024;

export class Links {
  readonly #tools: LinkTools;
  readonly #node: string;
  readonly #links = new Map<string, HttpLink>();
  readonly #relay: Relay | undefined;
  /** Links that other nodes have had, those found last at the end. */
  readonly #found = new Set<string>();
  /** Links whose session is over, and how many bytes each keeps; those that ended first come first. */
  readonly #freed = new Map<HttpLink, number>();
  #freedBytes = 0;
  #onNone = nobody;

  /** @param broker what it knows of those that share the logs */
  constructor(tools: LinkTools, { nodes, health }: Pick<Broker, 'nodes' | 'health'>) {
    this.#tools = tools;
    this.#node = nodes?.id ?? this.#random();
    const here: AskHere = (id, ask, onReply) => this.#here(id, ask, onReply);
    this.#relay = nodes && new Relay(nodes, tools, here, health);
  }

  /** Opens a link whose client polls; returns its name. @throws what opening its session threw */
  poll(place: Place): string {
    const link = new PolledLink(this.#name(), this.#tools, place, this.#onGone, this.#onFreed);
    this.#links.set(link.id, link);
    link.await();
    return link.id;
  }

  /** Opens a link that is written to a response. @throws what opening its session threw */
  stream(place: Place, response: ServerResponse): void {
    const link = new StreamedLink(this.#name(), this.#tools, place, this.#onGone, response);
    this.#links.set(link.id, link);
  }

  /**
   * Asks something of the link of that name, wherever it is. `onReply` is called once, unless what is returned is called first.
   *
   * @example
   * const leave = links.ask(id, { what: 'poll', number: 0, body: Buffer.alloc(0) }, ({ status, body }) => …)
   */
  ask(id: string, ask: Ask, onReply: OnReply): () => void {
    const node = this.#elsewhere(id);
    if (!this.#relay || node === undefined) return this.#here(id, ask, onReply);
    return this.#relay.ask(node, id, ask, (reply) => {
      if (reply.status !== 503) this.#note(id, reply.status !== 404);
      onReply(reply);
    });
  }

  /** Whether this node has the link of that name. */
  has(id: string): boolean {
    return this.#links.has(id);
  }

  /** Whether this node has the link of that name, or found it on another one. */
  knows(id: string): boolean {
    return this.has(id) || this.#found.has(id);
  }

  /** Whether there may be a link of that name, here or on another node. */
  mayBe(id: string): boolean {
    return this.has(id) || this.#elsewhere(id) !== undefined;
  }

  /** Calls `onNone` once this node has no link: now, or when the last one is gone. */
  emptied(onNone: () => void): void {
    if (this.#links.size === 0) onNone();
    else this.#onNone = onNone;
  }

  /** Has those who wait here for what other nodes have to tell ask again, which may be elsewhere. */
  letGo(): void {
    this.#relay?.letGo();
  }

  /** Cuts off whoever is still there, and hears no more of other nodes. */
  close(): void {
    for (const link of [...this.#links.values()]) link.gone();
    this.#relay?.close();
  }

  /** The other node that a link of that name would be on. */
  #elsewhere(id: string): string | undefined {
    const node = idShape.exec(id)?.[1];
    return this.#relay && node !== this.#node ? node : undefined;
  }

  #note(id: string, isThere: boolean): void {
    this.#found.delete(id);
    if (isThere) this.#found.add(id);
    const [oldest] = this.#found;
    if (oldest !== undefined && this.#found.size > foundMax) this.#found.delete(oldest);
  }

  readonly #onFreed = (link: HttpLink, bytes: number): void => {
    this.#freed.set(link, bytes);
    this.#freedBytes += bytes;
    for (const [oldest] of this.#freed) {
      if (this.#freedBytes <= lastBytesMax || oldest === link) return;
      oldest.gone();
    }
  };

  readonly #onGone = (link: HttpLink): void => {
    this.#freedBytes -= this.#freed.get(link) ?? 0;
    this.#freed.delete(link);
    if (this.#links.delete(link.id) && this.#links.size === 0) this.#onNone();
  };

  #here(id: string, ask: Ask, onReply: OnReply): () => void {
    const link = this.#links.get(id);
    if (link) return link.ask(ask, onReply);
    onReply(unknown);
    return nobody;
  }

  #name(): string {
    return `${this.#node}.${this.#random()}`;
  }

  #random(): string {
    return Buffer.from(this.#tools.clock.randomBytes(16)).toString('base64url');
  }
}
