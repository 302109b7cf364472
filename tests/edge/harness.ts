/**
 * The rules that hold for every row, whatever it sends: answered within a second and exactly so, the process lives, a control
 * client on the same server notices nothing, everything taken is given back, and nothing private is told.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type ServerOptions as HttpOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { defineChannels, doc, stream } from '@syncline/protocol';
import { createServer, memory, type Server, type ServerOptions } from '@syncline/server';
import { type Changes, opcodes, request } from '@syncline/server/testing';
import { expect } from 'vitest';
import { Caller, tell, wordsOf } from './caller.ts';
import { Control } from './control.ts';
import { type Entry, sign } from './entries.ts';

export const channels = defineChannels({
  'chat/:room': stream(),
  ':name': stream(),
});
type Channels = typeof channels;

/** The same, and one whose data are bytes: then binary frames are read. */
const withDocs = defineChannels({ ...channels, 'doc/:id': doc() });

/** One kind of bad input. */
export interface Row {
  /** What is sent, as the page and the title of the test say it. */
  readonly input: string;
  /** What is answered, the same everywhere or entry by entry; entries left out don't know this input. */
  readonly answer: string | Readonly<Partial<Record<Entry['name'], string>>>;
  /** Why that, where others would answer something else. */
  readonly why?: string;
  readonly options?: Partial<ServerOptions<Channels>>;
  /** Whether the server has documents too. */
  readonly docs?: boolean;
  readonly http?: HttpOptions;
  /** Sends it, and says what came back. */
  readonly attack: (target: Target) => Promise<string>;
}

/** Sent with every handshake; it must never come back. */
const canary = 'canary-5f1d0c';
/** What only the inside of a program says. */
const inside = /\n\s+at |node:|file:\/\/\/|\.ts\b|\bError:|node_modules/;

/** A server under attack, as a row sees it. */
export class Target {
  readonly entry: Entry;
  readonly server: Server<Channels>;
  readonly port: number;
  readonly sockets: readonly Socket[];
  readonly callers: Caller[] = [];

  constructor(entry: Entry, server: Server<Channels>, port: number, sockets: readonly Socket[]) {
    this.entry = entry;
    this.server = server;
    this.port = port;
    this.sockets = sockets;
  }

  /** A good request for this entry, but for these changes. */
  request(changes: Changes = {}, line = `GET ${this.entry.path} HTTP/1.1`): string {
    return request(line, {
      Host: `localhost:${this.port}`,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': this.entry.subprotocol,
      Cookie: `session=${canary}`,
      Authorization: `Bearer ${canary}`,
      ...changes,
    });
  }

  /** Connects and says nothing. */
  async call(port = this.port): Promise<Caller> {
    const caller = await Caller.connect(port);
    this.callers.push(caller);
    return caller;
  }

  /** A connection that is let in and subscribed. */
  async enter(): Promise<Caller> {
    const { cursorsOpen } = this.server.metrics;
    const caller = await this.call();
    caller.write(this.request());
    expect(wordsOf(await caller.answer())).toBe('101');
    caller.write(this.entry.begin);
    await expect.poll(() => this.server.metrics.cursorsOpen, { interval: 5 }).toBe(cursorsOpen + 1);
    return caller;
  }

  /** Sends this instead of a handshake. */
  async knock(bytes: string | Uint8Array): Promise<string> {
    const caller = await this.call();
    caller.write(bytes);
    const answer = await caller.answer();
    const words = wordsOf(answer);
    if (answer?.status === 101) return words;
    await caller.closed();
    return words;
  }

  /** What the server says, until it has dealt with everything that was sent, or ended the connection. */
  async said(caller: Caller): Promise<string> {
    const { greetings, question, others, sign: pattern } = this.entry;
    const words: string[] = [];
    const told = (last: string): string => brief([...words, last]);
    caller.write(question);
    for (;;) {
      const frame = await caller.frame();
      if (!frame) return told('cut off');
      const text = frame.payload.toString();
      if (frame.opcode === opcodes.text && pattern.test(text)) return told('goes on');
      if (frame.opcode === opcodes.pong && others && text === sign) {
        await this.server.publish('chat/edge', sign);
        continue;
      }
      const said = tell(frame);
      if (frame.opcode === opcodes.close) return told(said);
      // A ping goes with each heartbeat, and greetings come to everyone.
      if (!greetings.includes(said) && said !== 'ping') words.push(said);
    }
  }
}

/** Words in a row, with a number where one is repeated: of hundreds about how many, since bounds by time let a few more pass. */
function brief(words: readonly string[]): string {
  const runs: { word: string; count: number }[] = [];
  for (const word of words) {
    const last = runs.at(-1);
    if (last?.word === word) last.count++;
    else runs.push({ word, count: 1 });
  }
  const times = (count: number): string =>
    count > 100 ? `about ${Math.round(count / 100) * 100}` : `${count}`;
  return runs.map(({ word, count }) => (count > 1 ? `${word} (${times(count)}×)` : word)).join(', ');
}

/** What a row says of one entry. */
export function answerOf({ answer }: Row, { name }: Entry): string | undefined {
  return typeof answer === 'string' ? answer : answer[name];
}

/** Runs a row over an entry and holds it to all rules. */
export async function withstand(entry: Entry, row: Row): Promise<void> {
  const crashes: unknown[] = [];
  const onCrash = (thrown: unknown): void => void crashes.push(thrown);
  process.on('uncaughtException', onCrash).on('unhandledRejection', onCrash);
  const { target, stop } = await serve(entry, row);
  try {
    const control = await Control.start(target.port);
    const before = state(target);
    expect(await row.attack(target)).toBe(answerOf(row, entry));
    expect(await control.finish(), 'the longest round of the control client, in ms').toBeLessThan(1000);
    for (const { transcript } of target.callers) {
      expect(transcript).not.toContain(canary);
      expect(transcript).not.toMatch(inside);
    }
    for (const { socket } of target.callers) socket.destroy();
    await expect.poll(() => state(target), { interval: 5 }).toEqual(before);
    control.close();
    expect(crashes).toEqual([]);
  } finally {
    await stop();
    process.off('uncaughtException', onCrash).off('unhandledRejection', onCrash);
  }
}

/** What a client takes of a server, and must give back. */
function state({ server, sockets }: Target): object {
  const { sessionsOpen, cursorsOpen } = server.metrics;
  return { sessionsOpen, cursorsOpen, sockets: sockets.filter((socket) => !socket.destroyed).length };
}

/** A server under attack, and what ends it. */
export async function serve(
  entry: Entry,
  { options, docs = false, http: httpOptions = {} }: Pick<Row, 'options' | 'docs' | 'http'>,
) {
  const server = createServer({
    broker: memory(),
    plain: { '/chat': 'chat/edge' },
    heartbeatMs: 600_000,
    // The control client asks more often than a person would.
    requestsPerSecondMax: 1_000_000,
    requestsBurstMax: 1_000_000,
    ...options,
    channels: docs ? withDocs : channels,
  });
  const http = createHttpServer(httpOptions, (_request, response) => void response.writeHead(404).end());
  const sockets: Socket[] = [];
  http.on('connection', (socket) => sockets.push(socket));
  server.attach(http);
  http.listen(0, 'localhost');
  await once(http, 'listening');
  const target = new Target(entry, server, (http.address() as AddressInfo).port, sockets);
  const stop = async (): Promise<void> => {
    for (const { socket } of target.callers) socket.destroy();
    for (const socket of sockets) socket.destroy();
    http.close();
    await server.close({ drainMs: 0 });
  };
  return { target, stop };
}
