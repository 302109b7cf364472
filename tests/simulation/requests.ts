/**
 * Plain HTTP requests between simulated clients and the node, for links over HTTP: lost on the way there, done and not answered,
 * done twice, late, or never answered at all. To the client it is a `fetch`; on the node it asks the real links.
 */
import { httpTransport, polled, streamed, type Transport } from '@syncline/client/internal';
import type { Clock } from '@syncline/protocol/wire';
import type { Ask, Links, Place, Reply } from '@syncline/server/internal';
import { EventStream } from './events.ts';
import type { Faults, Injected } from './faults.ts';
import type { World } from './world.ts';

/** What a node offers to requests; nothing while it is down. */
export type HttpDoor = () => { readonly links: Links; readonly place: () => Place } | undefined;

/** What requests need to know of the network. */
export interface Weather {
  readonly faults: Faults;
  readonly injected: Injected;
  readonly httpDoor: HttpDoor;
}

const gone = '{"error":{"code":"silent","message":"There is no such link."}}';

export class Requests {
  readonly #world: World;
  readonly #weather: Weather;
  /** What breaks each request that is under way. */
  readonly #underWay = new Set<() => void>();
  readonly #streams = new Set<EventStream>();

  constructor(world: World, weather: Weather) {
    this.#world = world;
    this.#weather = weather;
  }

  /** A client's way to the node by requests. */
  transport(as: 'sse' | 'long-poll', clock: Clock): Transport {
    const get = (url: string | URL | Request, init: RequestInit = {}) =>
      this.#fetch(new URL(String(url)), init);
    return httpTransport(as, as === 'sse' ? streamed : polled, clock, get);
  }

  /** All that is under way breaks, as when the node's machine goes. */
  breakAll(): void {
    for (const fail of [...this.#underWay]) this.#world.after(this.#world.between(1, 500), fail);
    for (const stream of this.#streams) stream.break();
    this.#streams.clear();
  }

  #fetch(url: URL, init: RequestInit): Promise<Response> {
    const world = this.#world;
    const { faults, injected } = this.#weather;
    if (url.pathname.endsWith('/link')) injected.connections++;
    return new Promise((resolve, reject) => {
      let leave = (): void => {};
      const end = (error: Error): void => {
        this.#underWay.delete(fail);
        reject(error);
        // The node finds out later.
        world.after(world.between(0.1, 2_000), () => leave());
      };
      const fail = (): void => end(new TypeError('The network failed.'));
      this.#underWay.add(fail);
      init.signal?.addEventListener('abort', () => end(new Error('It was ended.')));
      const answer = (reply: Answer): void => this.#answer(reply, fail, resolve);
      const arrive = (): void => {
        leave = this.#ask(url, init, answer);
      };
      if (world.chance(faults.drop)) {
        injected.dropped++;
        world.after(world.between(1, 2_000), fail);
        return;
      }
      world.after(this.#latency(), arrive);
      if (!world.chance(faults.duplicate)) return;
      injected.duplicated++;
      // Something on the way sends it again, and has no use for a second answer.
      world.after(this.#latency() + world.between(0, 1_000), () => {
        const stop = this.#ask(url, init, () => {});
        world.after(world.between(1, 5_000), stop);
      });
    });
  }

  #answer(reply: Answer, fail: () => void, resolve: (response: Response) => void): void {
    const world = this.#world;
    const { faults, injected } = this.#weather;
    if (world.chance(faults.drop + faults.cut / 20)) {
      injected.cut++;
      world.after(world.between(1, 2_000), fail);
      return;
    }
    const stalls = world.chance(faults.stall / 10);
    if (stalls) injected.stalled++;
    // It never comes, and nobody says so: the client has to find out.
    if (stalls && world.chance(0.3)) return;
    world.after(this.#latency() + (stalls ? world.between(500, 40_000) : 0), () => {
      this.#underWay.delete(fail);
      const { status, text, body } = reply;
      const response = {
        status,
        body,
        ok: status < 300,
        text: async () => text,
        json: async () => JSON.parse(text),
      };
      resolve(response as unknown as Response);
    });
  }

  /** Asks the node; returns what is called when nobody waits for its answer any more. */
  #ask(url: URL, init: RequestInit, answer: (answer: Answer) => void): () => void {
    const node = this.#weather.httpDoor();
    if (!node) {
      answer({ status: 502, text: '' });
      return () => {};
    }
    if (url.pathname.endsWith('/link') && JSON.parse(String(init.body)).as === 'sse') {
      const { faults, injected } = this.#weather;
      const stream = new EventStream(this.#world, faults, injected);
      this.#streams.add(stream);
      node.links.stream(node.place(), stream.response);
      answer({ status: 200, text: '', body: stream.body });
      return () => stream.left();
    }
    if (url.pathname.endsWith('/link')) {
      answer({ status: 200, text: JSON.stringify({ link: node.links.poll(node.place()) }) });
      return () => {};
    }
    const link = new Headers(init.headers).get('syncline-link') ?? '';
    const body = Buffer.from(String(init.body ?? ''));
    const { searchParams: query } = url;
    const ask: Ask =
      init.method === 'POST'
        ? { what: query.has('end') ? 'end' : 'frames', number: Number(query.get('n')), body }
        : { what: 'poll', number: Number(query.get('after')), body };
    return node.links.ask(link, ask, (reply) => answer(told(reply)));
  }

  #latency(): number {
    const late = this.#world.chance(this.#weather.faults.reorder) ? 10 : 1;
    return late * this.#world.between(0.1, this.#weather.faults.latencyMsMax);
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body?: EventStream['body'];
}

function told({ status, body }: Reply): Answer {
  return { status, text: status < 300 ? Buffer.from(body).toString() : gone };
}
