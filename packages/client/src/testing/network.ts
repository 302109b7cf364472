/**
 * What networks do between clients and the model of a server, and how they heal: the part that property tests of the whole client have
 * in common. A test says how often what happens; this does it. It must not know what the frames are about.
 */
import type { FakeClock } from '@syncline/protocol/testing';
import type { ModelServer } from './model.ts';

/** `back`: on which link, the newest (1, the default) or one before it, which a client that moves still has. */
export type Weather =
  /** So many frames get through each way. */
  | { readonly do: 'pass'; readonly up: number; readonly down: number; readonly back?: number }
  /** The link breaks, after the server has read so many more frames. */
  | { readonly do: 'lose'; readonly read: number; readonly back?: number }
  /** The server leaves; the client has heard it, and makes the next link. */
  | { readonly do: 'bye'; readonly back?: number }
  /** The next frame that is pushed, on its way or to come, comes so many times. */
  | { readonly do: 'garble'; readonly copies: number; readonly back?: number }
  | { readonly do: 'wait'; readonly ms: number };

interface World {
  readonly server: ModelServer;
  readonly clock: FakeClock;
}

/** @param which frames may be garbled. Default: those of entries */
export function happen(one: Weather, { server, clock }: World, which?: RegExp): Promise<void> | void {
  if (one.do === 'wait') return clock.advance(one.ms);
  const link = server.links.at(-(one.back ?? 1));
  switch (one.do) {
    case 'pass':
      for (let i = 0; i < one.up; i++) link?.readUp();
      for (let i = 0; i < one.down; i++) link?.readDown();
      return;
    case 'lose':
      return link?.lose(one.read);
    case 'garble':
      return link?.garble(one.copies, which);
    case 'bye':
      link?.say({ type: 'bye', reason: '', afterMs: 0 });
      while (link?.readDown());
      return clock.advance(250);
  }
}

interface Healing {
  /** How often 2 s go by. Default 40. */
  readonly rounds?: number;
  /** How many of the newest links still bring what was sent on them, those that are gone too. Default 3. */
  readonly links?: number;
  /** Called at the beginning of each round. */
  readonly begin?: () => void;
  /** Called whenever something came. */
  readonly look?: () => void;
}

/** Everything passes, until nothing is left to pass. */
export async function heal({ server, clock }: World, healing: Healing = {}): Promise<void> {
  const { rounds = 40, links: most = 3, begin, look } = healing;
  server.refuseNext = undefined;
  for (const link of server.links) link.calm();
  for (let i = 0; i < rounds; i++) {
    begin?.();
    const links = server.links.slice(-most);
    for (const link of links) if (link.open && i % 8 === 0) server.heartbeat(link);
    for (let moved = true; moved; ) {
      moved = false;
      for (const link of links) {
        while (link.readUp()) moved = true;
        while (link.readDown()) moved = true;
        look?.();
      }
      await clock.advance(0);
    }
    await clock.advance(2_000);
  }
}
