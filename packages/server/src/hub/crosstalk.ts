/**
 * Signals between the nodes that share a broker: what is signalled here is told to the others, once a turn, and what they tell is
 * signalled here, in the channels that are open (rule N6). The hub has one. Nothing is kept, and what comes is read like a client's input.
 */
import { limits } from '@syncline/protocol';
import { type Clock, decodeServer, encodeServer, readPayload, type Signalled } from '@syncline/protocol/wire';
import type { Nodes } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';

/** What was signalled in a channel in this turn. */
interface Told {
  signals: Signalled[];
  chars: number;
}

/** What surrounds the data of signals: brackets, keys, names with every character escaped. */
const charsAround = 2048;

export class Crosstalk {
  readonly #nodes: Nodes;
  readonly #clock: Clock;
  readonly #dataBytesMax: number;
  readonly #told = new Map<string, Told>();

  /** @param dataBytesMax size of one signal's data */
  constructor(nodes: Nodes, clock: Clock, dataBytesMax: number) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#dataBytesMax = dataBytesMax;
  }

  /** Tells the other nodes, with what else is signalled there in this turn. */
  tell(name: string, signal: Signalled): void {
    const { batchBytesMax, batchEntriesMax } = limits;
    if (this.#told.size === 0) this.#clock.endOfTurn(() => this.#tellAll());
    const told = this.#told.get(name) ?? { signals: [], chars: 0 };
    const chars = signal[2].length + charsAround;
    if (told.signals.length >= batchEntriesMax.default || told.chars + chars > batchBytesMax.default)
      this.#tellNow(name, told);
    told.signals.push(signal);
    told.chars += chars;
    this.#told.set(name, told);
  }

  /** Signals in a channel what other nodes tell of it, until what is returned is called. */
  hear(channel: Channel): () => void {
    const { name } = channel.settings;
    return this.#nodes.hear(topicOf(name), (text) => {
      for (const signal of this.#read(text)) channel.signal(signal);
    });
  }

  #tellAll(): void {
    for (const [name, told] of this.#told) this.#tellNow(name, told);
    this.#told.clear();
  }

  #tellNow(name: string, told: Told): void {
    if (told.signals.length === 0) return;
    this.#nodes.tell(topicOf(name), encodeServer({ type: 'signals', id: 0, signals: told.signals }));
    told.signals = [];
    told.chars = 0;
  }

  /** What stands in a text that says what another node's do; nothing where it is none. */
  #read(text: string): readonly Signalled[] {
    const { batchBytesMax } = limits;
    if (text.length > 2 * (batchBytesMax.default + this.#dataBytesMax)) return [];
    try {
      const frame = decodeServer(text);
      if (frame?.type !== 'signals') return [];
      return frame.signals.filter(([key, , data]) => key.length <= 64 && this.#fits(data));
    } catch {
      return [];
    }
  }

  #fits(data: string): boolean {
    return Buffer.byteLength(data) <= this.#dataBytesMax && readPayload(data) === data;
  }
}

function topicOf(channel: string): string {
  return `${channel}?signals`;
}
