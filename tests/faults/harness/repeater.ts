/**
 * A publisher by hand that sends everything twice, over two connections that lead to different nodes where there are several, and goes
 * on only when it has an answer: whatever happens, both answers must name one place (rule A2). It has none of the SDK's wits.
 */
import { type ClientFrame, decodeServer, encodeClient } from '@syncline/protocol/wire';
import type { Recorder } from './history.ts';

const channel = 'chat/b';
/** How long an answer is waited for before a message is sent again. */
const patienceMs = 3000;
/** How soon after one message comes the next, and after a lost connection another. */
const paceMs = 150;

export class Repeater {
  readonly #name: string;
  readonly #ports: readonly number[];
  readonly #recorder: Recorder;
  readonly #sockets = new Map<number, WebSocket>();
  #sequence = 0;
  /** Answers to the message that is under way. */
  #answers = 0;
  #publishing = false;
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;

  constructor(name: string, ports: readonly number[], recorder: Recorder) {
    this.#name = name;
    this.#ports = ports;
    this.#recorder = recorder;
    this.#timer = setInterval(() => this.#step(), paceMs);
  }

  /** Begins to publish, or ends with what is under way. */
  publish(publishing: boolean): void {
    this.#publishing = publishing;
  }

  /** Whether a message is without any answer. */
  get waiting(): boolean {
    return this.#sequence > 0 && this.#answers === 0;
  }

  /** Connections that are open now. */
  get open(): number {
    return [...this.#sockets.values()].filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.values()) socket.close();
  }

  #step(): void {
    for (const port of this.#ports) if (!this.#sockets.has(port)) this.#dial(port);
    const late = performance.now() - this.#sentAt > patienceMs;
    if (this.waiting) {
      if (late) this.#send();
      return;
    }
    // The second answer may be lost with its connection; it is waited for no longer than that.
    if (!this.#publishing || (this.#answers < this.#ports.length && !late)) return;
    this.#sequence++;
    this.#answers = 0;
    this.#recorder.tell(this.#name, { type: 'invoke', channel, id: this.#id });
    this.#send();
  }

  get #id(): string {
    return `${this.#name}.${this.#sequence}`;
  }

  #send(): void {
    this.#sentAt = performance.now();
    const frame: ClientFrame = {
      type: 'publish',
      ref: this.#sequence,
      channel,
      producer: this.#name,
      sequence: this.#sequence,
      data: JSON.stringify({ id: this.#id }),
    };
    for (const socket of this.#sockets.values())
      if (socket.readyState === WebSocket.OPEN) socket.send(encodeClient(frame));
  }

  #dial(port: number): void {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, ['syncline.v1']);
    this.#sockets.set(port, socket);
    socket.onclose = () => this.#sockets.delete(port);
    socket.onmessage = ({ data }) => {
      const frame = decodeServer(String(data));
      if (frame?.type !== 'ack') return;
      const { epoch, offset } = frame.position;
      // An answer may be to one of those before.
      const id = `${this.#name}.${frame.ref}`;
      this.#recorder.tell(this.#name, { type: 'ok', channel, id, epoch, offset });
      if (frame.ref === this.#sequence) this.#answers++;
    };
  }
}
