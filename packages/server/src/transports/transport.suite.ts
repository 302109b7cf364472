/**
 * What every transport owes to whoever comes by it, as one suite: each runs it with guests of its own, who join a channel, read and
 * publish. It sees no frame; what one transport alone promises is tested beside that transport.
 */
import { type ErrorCode, errors } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { turns } from '../testing/meddle.ts';
import { everything, serve } from '../testing/serve.ts';
import { eventually, passes } from '../testing/wire.ts';

/** The channel that guests join. */
export const room = 'chat/lobby';

/** Someone who has joined the channel and is told what is appended from then on. */
export interface Guest {
  /** The payload of the next entry, as its author wrote it. */
  next(): Promise<string>;
  /** Has a payload appended, and waits for nothing. */
  publish(payload: string): void;
  /** Reads nothing any more; and reads on. */
  pause(): void;
  resume(): void;
  /** Breaks off without a word. */
  cut(): void;
  /** Why the server ended it. */
  ended(): Promise<ErrorCode>;
}

export interface TransportCase {
  readonly name: string;
  /** Connects and joins. A guest is in when the server counts one more cursor. */
  readonly join: (port: number) => Promise<Guest>;
  /** Whether a guest is told what it published itself, too. */
  readonly echoes: boolean;
  /** Whether what a guest doesn't read waits in its socket. Default: it does. Of whom nothing is asked for nothing waits. */
  readonly waits?: boolean;
}

/** The error that closes a WebSocket with a code. */
export function errorOfClose(code: number): ErrorCode {
  const [name] = Object.entries(errors).find(([, { close }]) => close === code) ?? [];
  if (name === undefined) throw new Error(`No error closes with ${code}.`);
  return name as ErrorCode;
}

export function transportSuite({ name, join, echoes, waits = true }: TransportCase): void {
  const authenticate = () => ({ user: 'ada', capabilities: everything });

  /** @param linkGraceMs how long who polls is waited for */
  async function served(linkGraceMs = 10_000) {
    const running = await serve({
      broker: memory(),
      authenticate,
      plain: { '/chat': room },
      socketBytesMax: 65_536,
      linkGraceMs,
    });
    const { server, port } = running;
    const enter = async (): Promise<Guest> => {
      const { cursorsOpen } = server.metrics;
      const guest = await join(port);
      await eventually(() => server.metrics.cursorsOpen).toBe(cursorsOpen + 1);
      return guest;
    };
    const empty = () =>
      passes(() => expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 }));
    return { ...running, enter, empty };
  }

  describe(`a transport: ${name}`, () => {
    it('[D2] tells everything that is appended from then on, in order, once, to everyone', async () => {
      const { server, enter } = await served();
      await server.publish(room, 'before');
      const guests = [await enter(), await enter()];
      for (let i = 0; i < 50; i++) {
        const stored = server.publish(room, i);
        if (i % 10 === 0) await stored;
      }
      for (const guest of guests) for (let i = 0; i < 50; i++) expect(await guest.next()).toBe(String(i));
    });

    it('[F9] hands payloads on as they were written, whatever letters they have', async () => {
      const { enter } = await served();
      const [author, reader] = [await enter(), await enter()];
      const payloads = ['{"b":1.0, "a" : [ 2 ],"b":3}', '"€ 😀 \\ud800 \\u2028"', '1e-7', '{"__proto__":1}'];
      for (const payload of payloads) author.publish(payload);
      for (const payload of payloads) expect(await reader.next()).toBe(payload);
    });

    it('[A1] appends what a guest publishes, once and in its order, and tells all others', async () => {
      const { server, enter } = await served();
      const [author, reader] = [await enter(), await enter()];
      for (let i = 0; i < 100; i++) author.publish(String(i));
      for (let i = 0; i < 100; i++) expect(await reader.next()).toBe(String(i));
      await server.publish(room, 'end');
      if (echoes) for (let i = 0; i < 100; i++) expect(await author.next()).toBe(String(i));
      expect(await author.next()).toBe('"end"');
      expect(server.metrics.entriesAppended).toBe(101);
    });

    it('[D6] holds a bounded number of bytes for who reads nothing, and nobody up; who reads on misses nothing', async () => {
      const { server, sockets, enter } = await served();
      const neighbour = await enter();
      const before = new Set(sockets);
      const slow = await enter();
      const own = sockets.filter((socket) => !before.has(socket));
      slow.pause();
      const waiting = () => own.reduce((sum, { writableLength }) => sum + writableLength, 0);
      // The kernel takes some first, more on some machines than on others.
      let count = 0;
      for (let stuck = 0; stuck < 20 && count < 2000; count++) {
        await server.publish(room, `${count} ${'x'.repeat(60_000)}`);
        expect(await neighbour.next()).toMatch(`"${count} `);
        stuck = waiting() > 0 || !waits ? stuck + 1 : 0;
        expect(waiting()).toBeLessThan(3 * 65_536);
      }
      expect(waiting() > 0).toBe(waits);
      slow.resume();
      for (let i = 0; i < count; i++) expect(await slow.next()).toMatch(`"${i} `);
    });

    it('[L2] ends a guest with the error of the table, after all that was told before', async () => {
      const { server, enter, empty } = await served();
      const guest = await enter();
      await server.publish(room, 'last');
      await turns();
      expect(server.disconnect('ada')).toBe(1);
      expect(await guest.next()).toBe('"last"');
      expect(await guest.ended()).toBe('disconnected');
      await empty();
    });

    it('[L1] lets its guests go when the server closes, each told that it restarts', async () => {
      const { server, enter } = await served();
      const guests = [await enter(), await enter()];
      const closed = server.close({ drainMs: 200 });
      for (const guest of guests) expect(await guest.ended()).toBe('restart');
      await closed;
      expect(server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 });
    });

    it('gives everything back when a guest breaks off, also in the midst of being told', async () => {
      const { server, enter, empty } = await served(500);
      for (let i = 0; i < 5; i++) {
        const guest = await enter();
        guest.publish('1');
        void server.publish(room, 'x'.repeat(60_000));
        guest.cut();
        await empty();
      }
      const guest = await enter();
      await server.publish(room, 'again');
      expect(await guest.next()).toBe('"again"');
    });
  });
}
