/**
 * Everything at once, by seed: clients who subscribe, move, leave, stop reading and publish, over a broker that loses,
 * repeats and delays news, fails and holds reads, and loses its logs. Whatever happens, what each client is told adds up
 * to the log, ends complete, and leaves nothing behind.
 */
import { defineChannels, type Position, stream } from '@syncline/protocol';
import { fakeClock, seeded } from '@syncline/protocol/testing';
import { decodeServer, nextCheck, type ServerFrame } from '@syncline/protocol/wire';
import { expect, it } from 'vitest';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { type Meddling, meddle, turns } from './testing/meddle.ts';
import { serveChannels } from './testing/serve.ts';
import { passes, WireClient } from './testing/wire.ts';

const rooms = ['chat/a', 'chat/b', 'chat/c'] as const;
type Room = (typeof rooms)[number];

/** What was stored, by room and epoch. */
class Truth {
  readonly #logs = new Map<string, string[]>();

  /** The same broker, with all that it stores noted. */
  of(inner: Broker): Broker {
    return {
      ...meddle(inner).broker,
      append: async (channel, what) => {
        const appended = await inner.append(channel, what);
        const key = `${channel} ${appended.epoch}`;
        const log = this.#logs.get(key) ?? [];
        this.#logs.set(key, log);
        log[appended.offset - 1] = String(what.data);
        return appended;
      },
    };
  }

  at(room: Room, { epoch, offset }: Omit<Position, 'check'>): string | undefined {
    return this.#logs.get(`${room} ${epoch}`)?.[offset - 1];
  }

  position(room: Room, { epoch, offset }: Omit<Position, 'check'>): Position {
    const before = this.#logs.get(`${room} ${epoch}`)?.slice(0, offset) ?? [];
    return { epoch, offset, check: before.reduce(nextCheck, 0) };
  }
}

interface Place {
  readonly room: Room;
  epoch: string;
  offset: number;
}

/** A client that checks each frame as it comes. */
class Checker {
  readonly wire: WireClient;
  /** What is subscribed, by channel id. */
  readonly places = new Map<number, Place>();
  readonly faults: unknown[] = [];
  readonly #truth: Truth;
  readonly #asked = new Map<number, { readonly room: Room; readonly start?: Position | number }>();

  constructor(wire: WireClient, truth: Truth) {
    this.wire = wire;
    this.#truth = truth;
    wire.inbox.socket.on('message', (data) => {
      try {
        const frame = decodeServer(String(data));
        if (frame) this.#take(frame);
      } catch (fault) {
        this.faults.push(fault);
      }
    });
  }

  /** Subscribes where it stands, or to the last `count` entries. */
  subscribe(room: Room, count: number): void {
    const known = [...this.places.values()].find((place) => place.room === room);
    const start = known && count === 0 ? this.#truth.position(room, known) : count;
    const ref = this.wire.nextRef();
    this.#asked.set(ref, { room, start });
    this.wire.send({ type: 'subscribe', ref, channel: room, start });
  }

  unsubscribe(room: Room): void {
    const ref = this.wire.nextRef();
    this.#asked.set(ref, { room });
    this.wire.send({ type: 'unsubscribe', ref, channel: room });
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'subscribed': {
        const { room, start } = this.#asked.get(frame.ref) ?? {};
        if (!room) throw new Error('An answer to nothing.');
        if (frame.gap === null && typeof start === 'object') expect(frame.position).toEqual(start);
        // Another log may have begun since the answer was found; a gap tells of it next. Else the place is this log's.
        const { epoch, offset } = frame.position;
        expect(frame.position).toEqual(this.#truth.position(room, frame.position));
        this.places.set(frame.id, { room, epoch, offset });
        return;
      }
      case 'unsubscribed': {
        const { room } = this.#asked.get(frame.ref) ?? {};
        for (const [id, place] of this.places) if (place.room === room) this.places.delete(id);
        return;
      }
      case 'gap': {
        const { epoch, offset } = frame.position;
        Object.assign(this.#place(frame.id), { epoch, offset });
        return;
      }
      case 'entries': {
        const place = this.#place(frame.id);
        expect(frame.first, `what comes next in ${place.room}`).toBe(place.offset + 1);
        for (const entry of frame.entries) {
          place.offset++;
          expect(entry, `entry ${place.offset} of ${place.room} ${place.epoch}`).toBe(
            this.#truth.at(place.room, place),
          );
        }
      }
    }
  }

  #place(id: number): Place {
    const place = this.places.get(id);
    if (!place) throw new Error(`Something came for channel ${id}, which is not subscribed.`);
    return place;
  }
}

/** News and calls go wrong as chance wills, until it is over. */
function trouble(meddling: Meddling, random: () => number): { over: boolean } {
  const state = { over: false };
  const late: (() => void)[] = [];
  const fate = (): number => (state.over ? 1 : random());
  meddling.news = (news, tell) => {
    const what = fate();
    if (what < 0.15) return;
    if (what < 0.3) late.push(() => tell(news));
    else tell(news);
    if (what > 0.3 && what < 0.4) tell(news);
    if (fate() < 0.2) late.splice(Math.floor(random() * late.length), 1)[0]?.();
  };
  meddling.read = async (read) => {
    const what = fate();
    if (what < 0.05) throw new Error('no disk');
    const early = what < 0.3 ? await read() : undefined;
    if (what < 0.5) await turns(1 + Math.floor(random() * 5));
    return early ?? read();
  };
  meddling.append = async (append) => {
    if (fate() < 0.05) throw new Error('no disk');
    return append();
  };
  return state;
}

it.each([1, 2, 3, 4])(
  '[S2] [S4] [S6] [S8] [D2] what each client is told adds up to the log, whatever happens (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    const below = (count: number): number => Math.floor(random() * count);
    const clock = fakeClock({ seed });
    const truth = new Truth();
    const { broker, meddling, replace } = meddle(truth.of(memory({ clock })));
    // Every other log is trimmed all the time.
    const contract = defineChannels({
      'chat/:room': stream({ keep: { entries: seed % 2 === 0 ? 15 : 1000 } }),
    });
    const { port, server } = await serveChannels(contract, {
      clock,
      broker,
      tailEntriesMax: 8,
      channelIdleMs: 3000,
    });
    const timers = clock.timers;
    const state = trouble(meddling, random);
    const connect = async (): Promise<Checker> => new Checker(await WireClient.connect(port), truth);
    const clients = await Promise.all(Array.from({ length: 8 }, connect));
    const faults: unknown[] = [];

    const steps: readonly ((client: Checker, i: number, room: Room) => unknown)[] = [
      ({ wire }, _, room) => wire.publish(room, `${random()}`, `p${below(1e9)}`, 1),
      ({ wire }, _, room) => wire.publish(room, `${random()}`, `p${below(1e9)}`, 1),
      (_, __, room) => Promise.all([1, 2, 3].map(() => server.publish(room, random()).catch(() => {}))),
      (client, _, room) => client.subscribe(room, 0),
      (client, _, room) => client.subscribe(room, below(30)),
      (client, _, room) => client.unsubscribe(room),
      ({ wire }) => wire.inbox.socket.pause(),
      ({ wire }) => wire.inbox.socket.resume(),
      () => turns(1 + below(4)),
      () => turns(1 + below(4)),
      () => clock.advance(below(1500)),
      () => random() < 0.2 && replace(truth.of(memory({ clock }))),
      async (client, i) => {
        faults.push(...client.faults);
        // One that reads nothing doesn't read the answer to its close either, and `ws` waits for it in real time.
        client.wire.inbox.socket.resume();
        if (random() < 0.5) client.wire.inbox.socket.terminate();
        else client.wire.close();
        clients[i] = await connect();
      },
    ];
    for (let step = 0; step < 600; step++) {
      const i = below(clients.length);
      const client = clients[i];
      const room = rooms[below(rooms.length)];
      if (client && room) await steps[below(steps.length)]?.(client, i, room);
    }

    state.over = true;
    for (const { wire } of clients) wire.inbox.socket.resume();
    await clock.advance(2000);
    for (const room of rooms) await server.publish(room, 'the last one');
    const complete = async (): Promise<void> => {
      await clock.advance(100);
      expect(clients.reduce((sum, { places }) => sum + places.size, 0)).toBe(server.metrics.cursorsOpen);
      for (const room of rooms) {
        const { epoch, top } = await broker.read(room, {
          direction: 'before',
          offset: 1,
          entriesMax: 1,
          bytesMax: 1,
          keep: null,
        });
        for (const place of clients.flatMap(({ places }) => [...places.values()])) {
          if (place.room === room) expect(place).toEqual({ room, epoch, offset: top.offset });
        }
      }
    };
    await passes(complete);
    expect([...faults, ...clients.flatMap((client) => client.faults)]).toEqual([]);

    for (const { wire } of clients) wire.close();
    await passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 }));
    await clock.advance(6000);
    expect(server.metrics.channelsOpen).toBe(0);
    expect(clock.timers).toBe(timers);
  },
);
