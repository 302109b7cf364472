/**
 * A client that does nothing wrong, beside those who do: it publishes, and reads what it published, round after round. When
 * the attack is over it says how long its longest round took; an entry that is missing or out of order fails.
 */
import { type ClientFrame, decodeServer, encodeClient, systemClock } from '@syncline/protocol/wire';
import { inTime } from './caller.ts';
import { stopwatch } from './stopwatch.ts';

const channel = 'chat/control';
/** How long it rests before each round, in ms: without that most of what the server does is for this client. */
const restMs = 3;

export class Control {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #arrived: (() => void) | undefined;
  #rounds = 0;
  #longestMs = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.#frames.push(String(data));
      this.#arrived?.();
    };
    socket.onclose = () => this.#arrived?.();
  }

  /** Connects, subscribes and goes through one round, so that the server is warm. */
  static async start(port: number): Promise<Control> {
    const control = new Control(new WebSocket(`ws://localhost:${port}/sync`, ['syncline.v1']));
    await control.#until('welcome');
    control.#send({ type: 'subscribe', ref: 1, channel, start: 0 });
    await control.#until('subscribed');
    await control.#round();
    control.#longestMs = 0;
    control.#running = control.#go();
    control.#running.catch(() => {});
    return control;
  }

  /** Ends the rounds, the one under way included, and one more. Resolves with the longest of them, in ms that this process had. */
  async finish(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    await this.#round();
    return this.#longestMs;
  }

  close(): void {
    this.#socket.close();
  }

  async #go(): Promise<void> {
    while (!this.#stopped) await this.#round();
  }

  async #round(): Promise<void> {
    // The rest counts too, so that there is no time at which the server may stand still unseen.
    const spentMs = stopwatch();
    await new Promise<void>((resolve) => systemClock.timer(restMs, resolve));
    const n = ++this.#rounds;
    const data = JSON.stringify({ n });
    this.#send({ type: 'publish', ref: n + 1, channel, producer: 'control', sequence: n, data });
    await this.#until('ack');
    const frame = await this.#until('entries');
    const expected = JSON.stringify([n, [data]]);
    const got = frame?.type === 'entries' ? JSON.stringify([frame.first, frame.entries]) : 'nothing';
    if (got !== expected) throw new Error(`The control client expected ${expected} and got ${got}.`);
    this.#longestMs = Math.max(this.#longestMs, spentMs());
  }

  #send(frame: ClientFrame): void {
    this.#socket.send(encodeClient(frame));
  }

  /** The next frame, heartbeats left out; it must be of this type. */
  async #until(type: string): Promise<ReturnType<typeof decodeServer>> {
    for (;;) {
      const text = this.#frames.shift();
      const frame = text === undefined ? undefined : decodeServer(text);
      if (frame?.type === type) return frame;
      if (frame && frame.type !== 'heartbeat')
        throw new Error(`The control client expected ${type}, got ${text}`);
      if (this.#socket.readyState > WebSocket.OPEN) throw new Error('The control client was cut off.');
      if (text !== undefined) continue;
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await inTime(arrived, `${type} at the control client`);
    }
  }
}
