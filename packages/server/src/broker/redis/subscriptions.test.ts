/**
 * Which topics a node hears, whatever happens meanwhile: topics are joined and left, connections break while that is under way, slots
 * move. Connections are stand-ins that answer a little later; real ones are in link.redis.test.ts and cluster.redis.test.ts.
 */
import { systemClock } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Connection } from './connection.ts';
import { Refused, Unanswered } from './faults.ts';
import { type Hearing, type Subscription, Subscriptions } from './subscriptions.ts';

const topicsMax = 4;
const placesMax = 2;

const turn = (): Promise<void> => new Promise((resolve) => systemClock.endOfTurn(resolve));

/** A connection to a place, as far as hearing goes. */
class Line {
  open = true;
  readonly heard = new Set<string>();
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    await turn();
    const fails = this.#place.fails;
    this.#place.fails = false;
    if (!this.open || fails) throw new Unanswered('It broke.');
    for (const topic of topics) {
      if (this.#place.world.owners[Number(topic)] !== this.#place) throw new Refused('MOVED 1 host:1');
      this.heard.add(topic);
    }
  }

  async unsubscribe(topic: string): Promise<void> {
    await turn();
    this.heard.delete(topic);
  }
}

class Place implements Hearing {
  readonly world: World;
  line: Line | undefined;
  /** Whether what is subscribed to next is not answered. */
  fails = false;

  constructor(world: World) {
    this.world = world;
  }

  resubscribe(): void {
    void this.connect();
  }

  /** What was there is lost, and another one made. */
  async connect(): Promise<void> {
    if (this.line) this.line.open = false;
    const line = new Line(this);
    this.line = line;
    await turn();
    if (this.line !== line) return;
    await this.world.subscriptions.up(this, line as unknown as Connection).catch(() => {
      if (this.line === line) this.resubscribe();
    });
  }
}

class World {
  readonly places = Array.from({ length: placesMax }, () => new Place(this));
  /** Where each topic is, and where the node believes it to be. */
  readonly owners = Array.from({ length: topicsMax }, (_, i) => this.places[i % placesMax]);
  #believed = [...this.owners];
  #asking = false;
  readonly listening: { readonly topic: number; readonly heard: string[]; readonly ear: Subscription }[] = [];
  readonly subscriptions = new Subscriptions({
    sharded: true,
    commandMs: 1000,
    placeOf: (topic) => this.#believed[Number(topic)],
    onAstray: () => void this.ask(),
  });

  /** Where topics are is asked. */
  async ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    await turn();
    const { owners } = this;
    const changed = owners.some((owner, i) => owner !== this.#believed[i]);
    this.#believed = [...owners];
    await turn();
    this.#asking = false;
    await this.subscriptions.moved(changed);
    if (this.owners.some((owner, i) => owner !== this.#believed[i])) await this.ask();
  }

  hear(topic: number): void {
    const heard: string[] = [];
    const ear = this.subscriptions.hear(String(topic), (message) => heard.push(String(message)));
    this.listening.push({ topic, heard, ear });
  }

  stop(pick: number): void {
    const [one] = this.listening.splice(pick % Math.max(1, this.listening.length), 1);
    one?.ear.stop();
  }

  /** A slot goes to another place: what is heard there ends, which the node is told on that connection. */
  move(topic: number): void {
    const from = this.owners[topic];
    const to = this.places[(this.places.indexOf(from as Place) + 1) % placesMax];
    this.owners[topic] = to;
    if (!from?.line?.heard.delete(String(topic)) || !from.line.open) return;
    this.subscriptions.lost(String(topic), from.line as unknown as Connection);
    void this.ask();
  }
}

const topic = fc.nat({ max: topicsMax - 1 });
const act = fc.oneof(
  fc.record({ do: fc.constant('hear' as const), topic }),
  fc.record({ do: fc.constant('stop' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('break' as const), place: fc.nat({ max: placesMax - 1 }) }),
  fc.record({ do: fc.constant('fail' as const), place: fc.nat({ max: placesMax - 1 }) }),
  fc.record({ do: fc.constant('move' as const), topic }),
  fc.record({ do: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 3 }) }),
);

it('whatever happened, each topic that somebody hears is heard where it is, and no other one is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
      const world = new World();
      await Promise.all(world.places.map((place) => place.connect()));
      for (const one of acts) {
        if (one.do === 'hear') world.hear(one.topic);
        if (one.do === 'stop') world.stop(one.pick);
        if (one.do === 'break') void world.places[one.place]?.connect();
        if (one.do === 'fail')
          for (const place of world.places.slice(one.place, one.place + 1)) place.fails = true;
        if (one.do === 'move') world.move(one.topic);
        if (one.do === 'wait') for (let i = 0; i < one.turns; i++) await turn();
      }
      for (let i = 0; i < 30; i++) await turn();
      const wanted = new Set(world.listening.map((one) => one.topic));
      for (let i = 0; i < topicsMax; i++) {
        const at = world.places.filter(({ line }) => line?.heard.has(String(i)));
        expect(at, `topic ${i}`).toEqual(wanted.has(i) ? [world.owners[i]] : []);
        world.subscriptions.deliver(String(i), Buffer.from('x'));
      }
      for (const { ear, heard } of world.listening) {
        expect(heard).toEqual(['x']);
        // It stands by now for everyone who waits for that.
        const late = turn().then(() => 'not yet');
        expect(await Promise.race([ear.standing, late])).toBeUndefined();
      }
      world.subscriptions.close();
    }),
    { numRuns: 1000 },
  );
});
