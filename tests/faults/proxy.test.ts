/**
 * The fault proxy by itself, between two bare TCP ends: each fault does what it says, and nothing else happens to the bytes.
 * Other tests trust it, so what is asserted here is exact.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fakeClock } from '@syncline/protocol/testing';
import { expect, onTestFinished, test } from 'vitest';
import { FaultProxy, type Link } from './proxy.ts';

/** One end of a connection, and what it saw. */
class End {
  readonly socket: Socket;
  got = '';
  /** How it ended, once it has: 'end' when the other side said so, 'reset' when it was cut off. */
  over: 'end' | 'reset' | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.got += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.over ??= 'end';
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') this.over = 'reset';
    });
    onTestFinished(() => void socket.destroy());
  }
}

/** A server that keeps who comes. */
async function listener(): Promise<{ readonly port: number; readonly ends: End[] }> {
  const ends: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => ends.push(new End(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, ends };
}

async function dial(port: number): Promise<End> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const end = new End(socket);
  await new Promise<unknown>((resolve) => socket.on('connect', resolve).on('close', resolve));
  return end;
}

/** Waits for what should come at once. */
function soon<T>(look: () => T) {
  return expect.poll(look, { timeout: 10_000, interval: 5 });
}

interface Joined {
  readonly proxy: FaultProxy;
  readonly link: Link;
  readonly near: End;
  readonly far: End;
  readonly clock: ReturnType<typeof fakeClock>;
}

async function join(seed?: number): Promise<Joined> {
  const clock = fakeClock();
  const { port, ends } = await listener();
  const proxy = await FaultProxy.open(port, clock, seed);
  onTestFinished(() => proxy.close());
  const near = await dial(proxy.port);
  await soon(() => ends.length).toBe(1);
  const [link] = proxy.links;
  const [far] = ends;
  if (!link || !far) throw new Error('Nobody came.');
  return { proxy, link, near, far, clock };
}

/** Resolves after so many turns of the event loop: for what must not happen meanwhile. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

test('bytes pass both ways, and each direction ends by itself', async () => {
  const { link, near, far } = await join();
  near.socket.write('up');
  far.socket.write('down');
  await soon(() => [far.got, near.got]).toEqual(['up', 'down']);
  near.socket.end(' and over');
  await soon(() => [far.got, far.over]).toEqual(['up and over', 'end']);
  expect([link.up.ended, link.down.ended]).toEqual([true, false]);
  far.socket.end(', and out');
  await soon(() => [near.got, near.over]).toEqual(['down, and out', 'end']);
  expect([link.up.bytes, link.down.bytes]).toEqual([11, 13]);
  await soon(() => link.open).toBe(false);
});

test('what is held comes later, all of it in order, and the end after it; the other direction notices nothing', async () => {
  const { link, near, far } = await join();
  link.up.hold();
  const text = Array.from({ length: 300_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  near.socket.end(text);
  far.socket.write('down');
  await soon(() => near.got).toBe('down');
  await turns();
  expect([far.got, far.over]).toEqual(['', undefined]);
  link.up.pass();
  await soon(() => far.over).toBe('end');
  expect(far.got === text).toBe(true);
});

test('a held link reads no more than it keeps: who sends on and on feels it', async () => {
  const { link, near, far } = await join();
  link.up.hold();
  const chunk = 'x'.repeat(65_536);
  let written = 0;
  for (; near.socket.writableLength < 1_000_000; written += chunk.length) {
    if (written > 100_000_000) throw new Error('The proxy took everything.');
    near.socket.write(chunk);
    await turns(1);
  }
  expect(link.up.bytes).toBeLessThan(200_000);
  link.up.pass();
  await soon(() => far.got.length).toBe(written);
});

test('what is swallowed is gone, the end too, and even a reset', async () => {
  const { link, near, far } = await join();
  link.up.swallow();
  near.socket.write('lost');
  await soon(() => link.up.bytes).toBe(4);
  near.socket.resetAndDestroy();
  await soon(() => link.up.ended).toBe(true);
  await turns();
  expect([far.got, far.over]).toEqual(['', undefined]);
  link.reset();
  await soon(() => far.over).toBe('reset');
});

test('a delayed direction keeps its order under jitter, which the seed decides', async () => {
  const arrivals: number[][] = [];
  for (const seed of [7, 7, 8]) {
    const { link, near, far, clock } = await join(seed);
    link.up.delay(200, 400);
    for (let i = 0; i < 10; i++) {
      near.socket.write(String(i));
      await soon(() => link.up.bytes).toBe(i + 1);
    }
    const at: number[] = [];
    for (let ms = 0; ms < 600; ms += 10) {
      expect(far.got).toBe('0123456789'.slice(0, at.length));
      await clock.advance(10);
      await turns();
      while (at.length < far.got.length) at.push(ms + 10);
    }
    expect(far.got).toBe('0123456789');
    expect(at[0]).toBeGreaterThan(200);
    arrivals.push(at);
  }
  expect(arrivals[0]).toEqual(arrivals[1]);
  expect(arrivals[0]).not.toEqual(arrivals[2]);
});

test('a throttled direction hands on so many bytes a second, the end last', async () => {
  const { link, near, far, clock } = await join();
  link.up.throttle(1000);
  near.socket.end('x'.repeat(2500));
  await soon(() => link.up.ended).toBe(true);
  for (const expected of [1000, 2000, 2500]) {
    expect(far.over).toBeUndefined();
    await clock.advance(1000);
    await soon(() => far.got.length).toBe(expected);
  }
  await soon(() => far.over).toBe('end');
});

test('a reset reaches both ends, and one of an end the other', async () => {
  const one = await join();
  one.link.reset();
  await soon(() => [one.near.over, one.far.over]).toEqual(['reset', 'reset']);
  const other = await join();
  other.far.socket.resetAndDestroy();
  await soon(() => other.near.over).toBe('reset');
  expect(other.link.open).toBe(false);
});

test('a reset waits its turn: behind what is held, and for as long as bytes are late', async () => {
  const { link, near, far, clock } = await join();
  link.up.delay(500);
  near.socket.write('before');
  await soon(() => link.up.bytes).toBe(6);
  near.socket.resetAndDestroy();
  await soon(() => link.up.ended).toBe(true);
  await clock.advance(499);
  await turns();
  expect([far.got, far.over]).toEqual(['', undefined]);
  await clock.advance(1);
  await soon(() => far.over).toBe('reset');
  expect(clock.timers).toBe(0);
});

test('a half-closed direction is over for its receiver, and the other goes on', async () => {
  const { link, near, far } = await join();
  link.down.halfClose();
  await soon(() => near.over).toBe('end');
  far.socket.write('lost');
  near.socket.write('still here');
  await soon(() => far.got).toBe('still here');
  expect([near.got, far.over]).toEqual(['', undefined]);
});

test('a cut lets exactly so many bytes through, and then resets both ends', async () => {
  for (let bytes = 0; bytes <= 12; bytes++) {
    const { link, near, far } = await join();
    link.up.cut(bytes);
    near.socket.write('0123');
    near.socket.write('456789abcdef');
    await soon(() => [far.over, near.over]).toEqual(['reset', 'reset']);
    expect(far.got).toBe('0123456789abcdef'.slice(0, bytes));
  }
});

test('after so many bytes all that comes is lost, and the connection stays', async () => {
  const { link, near, far } = await join();
  link.up.swallowAfter(4);
  near.socket.write('0123');
  near.socket.write('lost');
  far.socket.write('back');
  await soon(() => near.got).toBe('back');
  await soon(() => link.up.loses).toBe(true);
  await turns();
  expect([far.got, far.over, link.open]).toEqual(['0123', undefined, true]);
});

test('a sliced direction hands on pieces of so many bytes, and loses none', async () => {
  const { link, near, far } = await join();
  const pieces: number[] = [];
  far.socket.on('data', (chunk) => pieces.push(chunk.length));
  link.up.slice(1);
  near.socket.write('0123456789');
  await soon(() => far.got).toBe('0123456789');
  expect(pieces.length).toBeGreaterThan(1);
});

test('what only waits goes on when it is healed, and what was lost from is reset', async () => {
  const { proxy, link, near, far } = await join();
  link.up.hold();
  near.socket.write('held');
  await soon(() => link.up.bytes).toBe(4);
  proxy.refuse();
  proxy.heal();
  await soon(() => far.got).toBe('held');
  expect(link.open).toBe(true);
  const next = await dial(proxy.port);
  next.socket.write('taken');
  await soon(() => proxy.links[1]?.up.bytes).toBe(5);
  link.down.swallow();
  proxy.heal();
  await soon(() => [near.over, far.over]).toEqual(['reset', 'reset']);
});

test('a link is known to the other end by the port that it was dialled from', async () => {
  const { link, far } = await join();
  expect(link.port).toBe(far.socket.remotePort);
});

test('new connections are refused, taken again, led elsewhere, and met before a byte has passed', async () => {
  const { proxy, near, far } = await join();
  proxy.refuse();
  const refused = await dial(proxy.port);
  await soon(() => refused.over).toBe('reset');
  proxy.refuse(false);
  const elsewhere = await listener();
  proxy.retarget(elsewhere.port);
  proxy.onLink = (link) => link.up.hold();
  const second = await dial(proxy.port);
  second.socket.write('second');
  await soon(() => proxy.links[1]?.up.bytes).toBe(6);
  expect(elsewhere.ends[0]?.got ?? '').toBe('');
  proxy.links[1]?.up.pass();
  await soon(() => elsewhere.ends[0]?.got).toBe('second');
  near.socket.write('first');
  await soon(() => far.got).toBe('first');
  expect(proxy.bytes).toBe(11);
});

test('a target that nobody listens on is a reset', async () => {
  const { proxy } = await join();
  // A port that takes rights which no test has.
  proxy.retarget(1);
  const nobody = await dial(proxy.port);
  await soon(() => nobody.over).toBe('reset');
});

test('a proxy that closes leaves no socket and no timer', async () => {
  const { proxy, near, far, link, clock } = await join();
  link.down.delay(1000);
  far.socket.write('late');
  await soon(() => clock.timers).toBe(1);
  await proxy.close();
  await soon(() => [near.over, far.over]).toEqual(['reset', 'reset']);
  expect([link.open, clock.timers]).toEqual([false, 0]);
});
