/**
 * Requests that reach a node which hasn't got their session, passed on to the one that has, and its replies, passed back. What nodes tell
 * each other may be lost, repeated or late: the other node is asked now and then what it still has, what is lost is given up, and the
 * client asks again. The links have one.
 */
import type { Cancel, Clock } from '@syncline/protocol/wire';
import type { Health, Nodes } from '../../../broker/broker.ts';
import { type Ask, type LinkTools, nobody, type OnReply, type Reply, unknown } from './link.ts';
import { Pieces, readSent, type Sent, split } from './pieces.ts';

/** Asks something of a link of this node. */
export type AskHere = (id: string, ask: Ask, onReply: OnReply) => () => void;

/** How long a node may take to say that it has a request, in ms, and how often it is asked meanwhile. */
const heldMs = 1000;
const asksMax = 3;
/** How much longer than a poll waits its reply may take, in ms. */
const lateMs = 5000;
/**
 * How often a node is asked which requests it still has, in ms, and how often at the least while a link is kept for its next poll: where
 * a reply was lost, the client is to ask again by then.
 */
const checkMsMax = 2500;
const checksPerGrace = 4;
/** How often in a row that may be in vain. */
const checksLostMax = 2;

const lost: Reply = { status: 503, body: Buffer.alloc(0) };

/** A request of a client of this node, which another node is to reply to. */
interface Waiting {
  readonly node: string;
  readonly onReply: OnReply;
  cancel: Cancel;
  /** The other node has said that it has it. */
  held: boolean;
}

export class Relay {
  readonly #nodes: Nodes;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #checkMs: number;
  readonly #here: AskHere;
  readonly #waiting = new Map<string, Waiting>();
  /** What is being done for other nodes, by node and number; what ends it. */
  readonly #doing = new Map<string, () => void>();
  readonly #pieces: Pieces;
  readonly #stops: (() => void)[];
  #asked = 0;
  /** Ends the waiting for the next time that nodes are asked what they still have. */
  #cancelCheck: Cancel | undefined;

  /** @param health says when nothing of what nodes tell may have come */
  constructor(
    nodes: Nodes,
    { clock, longPollMs, linkGraceMs }: Pick<LinkTools, 'clock' | 'longPollMs' | 'linkGraceMs'>,
    here: AskHere,
    health?: Health,
  ) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#pollMs = longPollMs;
    this.#checkMs = Math.min(checkMsMax, linkGraceMs / checksPerGrace);
    this.#here = here;
    this.#pieces = new Pieces(clock);
    this.#stops = [
      nodes.hear(topicOf(nodes.id), (text) => this.#hear(text)),
      nodes.onGone((id) => this.#gone(id)),
      ...(health ? [health.onChange(() => this.#check())] : []),
    ];
  }

  /** Passes a request on. `onReply` is called once, unless what is returned is called first. */
  ask(node: string, link: string, { what, number, body }: Ask, onReply: OnReply): () => void {
    return this.#ask(node, [link, what, number], body, onReply);
  }

  #ask(node: string, head: readonly unknown[], body: Buffer, onReply: OnReply): () => void {
    const ref = String(++this.#asked);
    const waiting: Waiting = { node, onReply, cancel: nobody, held: false };
    this.#waiting.set(ref, waiting);
    const again = (times: number): void => {
      this.#tell(node, { type: 'ask', ref, head }, body);
      const next = (): void => (times < asksMax ? again(times + 1) : this.#lose(ref));
      waiting.cancel = this.#clock.timer(heldMs / asksMax, next);
    };
    again(1);
    return () => {
      if (!this.#waiting.has(ref)) return;
      this.#settle(ref);
      this.#tell(node, { type: 'drop', ref, head: [] });
    };
  }

  /** Has those who wait here ask again, which may be elsewhere. */
  letGo(): void {
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref)?.(lost);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#cancelCheck?.();
    this.letGo();
    for (const drop of [...this.#doing.values()]) drop();
    this.#doing.clear();
    this.#pieces.clear();
  }

  #tell(node: string, sent: Omit<Sent, 'from'>, body: Uint8Array = Buffer.alloc(0)): void {
    for (const text of split({ ...sent, from: this.#nodes.id }, body)) this.#nodes.tell(topicOf(node), text);
  }

  #hear(text: string): void {
    const sent = readSent(text);
    if (!sent) return;
    if (sent.type === 'held') return this.#held(sent);
    if (sent.type === 'drop') return this.#drop(keyOf(sent));
    const body = this.#pieces.add(sent);
    if (!body) return;
    if (sent.type === 'ask') this.#do(sent, body);
    else this.#replied(sent, body);
  }

  /** Does for another node what one of its clients asks. */
  #do(sent: Sent, body: Buffer): void {
    const { from, ref, head } = sent;
    const [link, what, number] = head;
    if (what === 'missing') {
      const missing = readRefs(body).filter((one) => !this.#doing.has(keyOf({ from, ref: one })));
      return this.#tell(from, { type: 'reply', ref, head: [200] }, Buffer.from(JSON.stringify(missing)));
    }
    if (typeof link !== 'string' || !isWhat(what) || typeof number !== 'number') return;
    const key = keyOf(sent);
    const held = (): void => this.#tell(from, { type: 'held', ref, head: [] });
    if (this.#doing.has(key)) return held();
    // Some replies come at once, before it is known how to end what was asked.
    let waits = true;
    const onReply = ({ status, body: reply }: Reply): void => {
      waits = false;
      this.#doing.delete(key);
      this.#tell(from, { type: 'reply', ref, head: [status] }, reply);
    };
    const drop = this.#here(link, { what, number, body }, onReply);
    if (!waits) return;
    this.#doing.set(key, drop);
    held();
  }

  #drop(key: string): void {
    const drop = this.#doing.get(key);
    this.#doing.delete(key);
    drop?.();
  }

  /** The other node has the request, and replies when there is something to tell. */
  #held({ from, ref }: Sent): void {
    const waiting = this.#waiting.get(ref);
    if (waiting?.node !== from) return;
    waiting.cancel();
    waiting.cancel = this.#clock.timer(this.#pollMs + lateMs, () => this.#settle(ref)?.(lost));
    waiting.held = true;
    this.#cancelCheck ??= this.#clock.timer(this.#checkMs, () => this.#check());
  }

  /** Asks each node that has requests of this one which it has no more: their replies were lost on the way. */
  #check(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
    const byNode = new Map<string, string[]>();
    for (const [ref, { node, held }] of this.#waiting) {
      if (!held) continue;
      const refs = byNode.get(node) ?? [];
      byNode.set(node, refs);
      refs.push(ref);
    }
    for (const [node, refs] of byNode) this.#askMissing(node, refs, checksLostMax);
    if (byNode.size > 0) this.#cancelCheck = this.#clock.timer(this.#checkMs, () => this.#check());
  }

  #askMissing(node: string, refs: readonly string[], tries: number): void {
    this.#ask(node, ['', 'missing', 0], Buffer.from(JSON.stringify(refs)), ({ status, body }) => {
      const waiting = refs.filter((ref) => this.#waiting.has(ref));
      if (status === 503 && tries > 1 && waiting.length > 0)
        return this.#askMissing(node, waiting, tries - 1);
      const missing = status === 200 ? readRefs(body) : waiting;
      for (const ref of missing) this.#settle(ref)?.(status === 404 ? unknown : lost);
    });
  }

  #replied({ from, ref, head }: Sent, body: Buffer): void {
    const [status] = head;
    if (this.#waiting.get(ref)?.node !== from || !isStatus(status)) return;
    this.#settle(ref)?.({ status, body });
  }

  /** Nothing was heard: the node is gone, or what was told was lost. */
  #lose(ref: string): void {
    const node = this.#waiting.get(ref)?.node;
    if (node === undefined) return;
    const settle = (gone: boolean) => this.#settle(ref)?.(gone ? unknown : lost);
    this.#nodes.gone([node]).then(
      ([gone]) => settle(gone !== undefined),
      () => settle(false),
    );
  }

  #gone(id: string): void {
    for (const [ref, { node }] of [...this.#waiting]) if (node === id) this.#settle(ref)?.(unknown);
    for (const key of [...this.#doing.keys()]) if (key.startsWith(`${id} `)) this.#drop(key);
  }

  /** Waits no longer; returns what takes the reply, if anyone still does. */
  #settle(ref: string): OnReply | undefined {
    const waiting = this.#waiting.get(ref);
    waiting?.cancel();
    this.#waiting.delete(ref);
    return waiting?.onReply;
  }
}

/** @returns none where it is no list of them */
function readRefs(body: Uint8Array): readonly string[] {
  try {
    const refs: unknown = JSON.parse(String(body));
    return Array.isArray(refs) ? refs.filter((ref) => typeof ref === 'string') : [];
  } catch {
    return [];
  }
}

/** No channel has such a name. */
function topicOf(node: string): string {
  return `?link/${node}`;
}

function keyOf({ from, ref }: Pick<Sent, 'from' | 'ref'>): string {
  return `${from} ${ref}`;
}

function isWhat(what: unknown): what is Ask['what'] {
  return what === 'frames' || what === 'poll' || what === 'end';
}

function isStatus(status: unknown): status is Reply['status'] {
  return [200, 204, 404, 409, 503].includes(status as number);
}
