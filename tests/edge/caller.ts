/**
 * One TCP connection of an attacker: it writes the bytes it is told to, keeps everything that comes back, and says in a few
 * words what the server answered. Nothing is slept for: what doesn't come within a second of this process' time fails.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type HttpAnswer,
  opcodes,
  type ServerFrame,
  type Taken,
  takeAnswer,
  takeFrame,
} from '@syncline/server/testing';
import { stopwatch } from './stopwatch.ts';

/** How long any answer may take, of the time that this process has. */
const answerMs = 1000;
/** How long it is waited for by the clock, on a machine with much else to do. */
const patienceMs = 10_000;

/** What a promise resolves with; rejects when that takes longer than an answer may. */
export async function inTime<T>(promise: Promise<T>, what: string, ms = answerMs): Promise<T> {
  const spentMs = stopwatch();
  const signal = AbortSignal.timeout(patienceMs);
  const late = () => new Error(`Waited ${Math.ceil(spentMs())} ms for ${what}.`);
  const given = await new Promise<T>((resolve, reject) => {
    const giveUp = () => reject(late());
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
  if (spentMs() > ms) throw late();
  return given;
}

export class Caller {
  readonly socket: Socket;
  /** Everything that came, to be searched for what must not be told. */
  transcript = '';
  #bytes = Buffer.alloc(0);
  #arrived: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.transcript += chunk.toString('latin1');
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#arrived?.();
    });
    socket.on('close', () => this.#arrived?.());
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<Caller> {
    const socket = connect({ port, host: 'localhost', noDelay: true });
    await inTime(once(socket, 'connect'), 'a connection');
    return new Caller(socket);
  }

  write(...bytes: readonly (string | Uint8Array)[]): void {
    this.socket.write(Buffer.concat(bytes.map((part) => Buffer.from(part))));
  }

  /** The HTTP answer at the front; undefined when the connection ended without one. */
  answer(): Promise<HttpAnswer | undefined> {
    return this.#take(takeAnswer, 'an HTTP answer');
  }

  /** The next frame; undefined when the connection ended. */
  frame(): Promise<ServerFrame | undefined> {
    return this.#take(takeFrame, 'a frame');
  }

  /** Resolves when the connection has ended. */
  async closed(ms = answerMs): Promise<void> {
    if (!this.socket.closed) await inTime(once(this.socket, 'close'), 'the end of the connection', ms);
  }

  async #take<T>(read: (bytes: Buffer) => Taken<T>, what: string): Promise<T | undefined> {
    for (;;) {
      const taken = read(this.#bytes);
      if (taken) {
        this.#bytes = Buffer.from(taken.rest);
        return taken.value;
      }
      if (this.socket.closed) return undefined;
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await inTime(arrived, what);
    }
  }
}

/** An HTTP answer in a few words: its status, and the code of the error in its body. */
export function wordsOf(answer: HttpAnswer | undefined): string {
  if (!answer) return 'cut off';
  const code = /^\{"error":\{"code":"([a-z_]+)"/.exec(answer.body)?.[1];
  return code ? `${answer.status} ${code}` : String(answer.status);
}

/** A frame in a few words. */
export function tell({ opcode, payload }: ServerFrame): string {
  if (opcode === opcodes.close)
    return `close ${payload.length < 2 ? 'without a code' : payload.readUInt16BE()}`;
  if (opcode === opcodes.ping) return 'ping';
  if (opcode === opcodes.pong) return 'pong';
  const value: unknown = JSON.parse(payload.toString());
  if (!Array.isArray(value)) {
    const code = /^\{"error":\{"code":"([a-z_]+)"/.exec(payload.toString())?.[1];
    return code ? `error ${code}` : 'a payload';
  }
  const [type, ref, code] = value;
  if (type === 'error') return `error ${code}${ref === null ? '' : ` for ${ref}`}`;
  return typeof type === 'number' ? 'entries' : `${type}${typeof ref === 'number' ? ` for ${ref}` : ''}`;
}
