/**
 * What is done at the door that is no single request: bytes sent early, connections that fall silent or break off, crowds, a
 * server that is leaving, and bursts. Each row acts, and says what came back.
 */
import { once } from 'node:events';
import { frame, opcodes } from '@syncline/server/testing';
import { expect } from 'vitest';
import { type Caller, wordsOf } from './caller.ts';
import type { Row, Target } from './harness.ts';

const byNode = 'Node ends it, on servers of our own after 10 seconds; here after a tenth of one.';
const impatient = { headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 20 };

/** A handshake, with these bytes behind it in one go. */
async function early(target: Target, ...bytes: Uint8Array[]): Promise<string> {
  const caller = await target.call();
  caller.write(target.request(), ...bytes);
  const words = wordsOf(await caller.answer());
  return words === '101' ? `101, ${await target.said(caller)}` : words;
}

/** Asks and breaks off at once; says what someone who comes later is told. */
async function breakOff(target: Target, ask: (caller: Caller) => Promise<void>): Promise<string> {
  const { sessionsOpen } = target.server.metrics;
  for (let i = 0; i < 20; i++) {
    const caller = await target.call();
    await ask(caller);
    caller.socket.resetAndDestroy();
    await caller.closed();
  }
  await expect.poll(() => target.server.metrics.sessionsOpen, { interval: 5 }).toBe(sessionsOpen);
  return `nothing; others: ${await target.said(await target.enter())}`;
}

/** Sends bytes one by one, each when the server has read the one before, as long as it reads them. */
async function trickle(target: Target, caller: Caller, bytes: Uint8Array): Promise<void> {
  const { localPort } = caller.socket;
  const end = target.sockets.find(({ remotePort }) => remotePort === localPort);
  if (!end) throw new Error('The server has no such connection.');
  for (const byte of bytes) {
    const before = end.bytesRead;
    caller.write(Buffer.from([byte]));
    while (end.bytesRead === before && !end.destroyed && end.listenerCount('data') > 0) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

/** What ends a connection that says this much and no more. */
async function stall(target: Target, said: string): Promise<string> {
  const caller = await target.call();
  caller.write(said);
  const words = wordsOf(await caller.answer());
  await caller.closed();
  return words;
}

export const earlyBytes: readonly Row[] = [
  {
    input: 'frames in the same segment as the handshake',
    answer: {
      native: '101, unsubscribed for 1, unsubscribed for 2, goes on',
      plain: '101, error bad_payload, goes on',
    },
    why: 'They are dealt with in order once the client is let in.',
    attack: (target) =>
      target.entry.name === 'native'
        ? early(target, frame('["unsubscribe",1,"x"]'), frame('["unsubscribe",2,"x"]'))
        : early(target, frame('1'), frame('{'), frame('2')),
  },
  {
    input: '9 kB of frames before the handshake is answered',
    answer: '413 frame_too_large',
    why: 'More than `handshakeBytesMax`. There is no WebSocket yet that could be closed with a code.',
    attack: (target) => early(target, frame(`"${'x'.repeat(9000)}"`)),
  },
];

export const silence: readonly Row[] = [
  {
    input: 'a connection that says nothing',
    answer: '408',
    why: byNode,
    http: impatient,
    attack: (target) => stall(target, ''),
  },
  {
    input: 'a request that never ends',
    answer: '408',
    why: byNode,
    http: impatient,
    attack: (target) => stall(target, target.request().slice(0, -2)),
  },
  {
    input: 'a handshake, and then nothing',
    answer: '101, goes on',
    why: 'Nobody needs to say anything: a reader only listens. Who answers no ping is ended after two heartbeats.',
    attack: (target) => early(target),
  },
  {
    input: 'a reset right after the request',
    answer: 'nothing; others: goes on',
    attack: (target) => breakOff(target, async (caller) => caller.write(target.request())),
  },
  {
    input: 'a reset while a refusal is written',
    answer: 'nothing; others: goes on',
    attack: (target) => breakOff(target, async (caller) => caller.write(target.request({ Host: null }))),
  },
  {
    input: 'a reset right after the handshake was answered',
    answer: 'nothing; others: goes on',
    attack: (target) =>
      breakOff(target, async (caller) => {
        caller.write(target.request());
        expect(wordsOf(await caller.answer())).toBe('101');
      }),
  },
  {
    input: 'a reset in the midst of a frame',
    answer: 'nothing; others: goes on',
    attack: (target) =>
      breakOff(target, async (caller) => {
        caller.write(target.request(), frame('["heartbeat"]').subarray(0, 9));
        expect(wordsOf(await caller.answer())).toBe('101');
      }),
  },
  {
    input: 'half a connection: no more is written, but read',
    answer: 'cut off',
    why: 'RFC 6455 knows no half of a connection.',
    attack: async (target) => {
      const caller = await target.enter();
      const ended = once(caller.socket, 'close');
      caller.socket.end();
      await ended;
      return 'cut off';
    },
  },
];

export const crowds: readonly Row[] = [
  {
    input: 'more sessions than the node takes',
    answer: '429 too_many',
    options: { sessionsMax: 2 },
    attack: async (target) => {
      await target.enter();
      return target.knock(target.request());
    },
  },
  {
    input: 'more sessions than one address may have',
    answer: '429 too_many',
    options: { sessionsPerIpMax: 2 },
    attack: async (target) => {
      await target.enter();
      return target.knock(target.request());
    },
  },
  {
    input: 'a request for no upgrade, where only WebSockets are served',
    answer: '426',
    why: 'Where the server is attached to another, that one answers.',
    attack: async (target) => {
      const { port } = await target.server.listen(0);
      const caller = await target.call(port);
      caller.write(target.request({ Upgrade: null, Connection: null }));
      const answer = await caller.answer();
      expect(answer?.headers.get('upgrade')).toBe('websocket');
      return wordsOf(answer);
    },
  },
];

export const bursts: readonly Row[] = [
  {
    input: '50,000 tiny frames at once',
    answer: 'close 4429',
    why: 'A session may ask for so much at once, and so much per second (`requestsBurstMax`, `requestsPerSecondMax`). What is beyond is refused, and who goes on all the same is closed.',
    options: { requestsBurstMax: 5000, requestsPerSecondMax: 500 },
    attack: async (target) => {
      const caller = await target.enter();
      const tiny = frame(target.entry.name === 'native' ? '["unsubscribe",7,"x"]' : '1');
      caller.write(Buffer.concat(Array<Buffer>(50_000).fill(tiny)));
      return (await target.said(caller)).split(', ').at(-1) ?? '';
    },
  },
  {
    input: 'a frame byte by byte',
    answer: { native: 'unsubscribed for 7, goes on', plain: 'error bad_payload, goes on' },
    attack: async (target) => {
      const caller = await target.enter();
      const text = target.entry.name === 'native' ? '["unsubscribe",7,"x"]' : 'hello';
      await trickle(target, caller, frame(text.padEnd(500)));
      return target.said(caller);
    },
  },
  {
    input: 'a large frame byte by byte',
    answer: 'close 1008',
    why: 'Each piece that waits for the rest costs more than its bytes. Honest pieces are larger, also on slow links.',
    attack: async (target) => {
      const caller = await target.enter();
      await trickle(target, caller, frame('x'.repeat(2000)).subarray(0, 1200));
      return target.said(caller);
    },
  },
  {
    input: '100 connections one after another',
    answer: '101',
    why: 'How many there are at once is bounded, by address too, not how often one comes: behind one address may be a whole school.',
    attack: async (target) => {
      for (let i = 0; i < 99; i++) {
        const caller = await target.call();
        caller.write(target.request());
        await caller.answer();
        caller.socket.destroy();
      }
      return target.knock(target.request());
    },
  },
  {
    input: 'a close frame that is never answered',
    answer: { native: 'error bad_frame, close 4400, cut off', plain: 'close 1003, cut off' },
    why: 'Whoever is told to close has 2 seconds to do so.',
    attack: async (target) => {
      const caller = await target.enter();
      caller.write(target.entry.name === 'native' ? frame('x') : frame('', { opcode: opcodes.binary }));
      const words = await target.said(caller);
      await caller.closed(3000);
      return `${words}, cut off`;
    },
  },
];
