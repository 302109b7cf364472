/**
 * Which face a channel has for those who read it by plain HTTP, by its kind: the one place where that is decided. Whoever answers such
 * requests asks; a new kind that is shown is added here.
 */
import type { Contract, Position } from '@syncline/protocol';
import { matches, parsePattern, splitName } from '@syncline/protocol/wire';
import type { Channel } from '../channel.ts';
import type { Hub } from '../hub.ts';
import type { Face, Shown } from './face.ts';
import { docFace } from './faces/doc.ts';
import { showDurable } from './faces/durable.ts';
import { stateFace } from './faces/state.ts';
import { streamFace } from './faces/stream.ts';

/** What values of a channel are called where its pattern has no word for them. */
const anyValue = 'value';

export class Faces {
  readonly #hub: Hub;
  readonly #words: (name: string) => string;

  constructor(hub: Hub, contract: Contract) {
    this.#hub = hub;
    this.#words = wordsOf(contract);
  }

  /**
   * A channel as it is shown now; undefined where there is nothing to be shown.
   *
   * @param uses whether this counts as a use of it
   * @throws SyncError `unknown_channel`, `too_many`, or the broker's
   */
  async show(name: string, uses: boolean): Promise<Shown | undefined> {
    const definition = this.#hub.definition(name);
    if (definition.kind === 'durable') return await showDurable(this.#hub.durables, name, uses);
    const channel = this.#hub.opened(name) ?? (await this.#hub.open(name));
    const shown = (face: Face): Shown => ({ face, head: () => channel.top, closed: false });
    switch (definition.kind) {
      case 'stream':
        return shown(streamFace);
      case 'state':
        return shown(stateFace(this.#words(name)));
      case 'doc':
        return { ...shown(docFace(this.#hub.docs)), start: this.#begun(channel) };
    }
  }

  /** Whether a channel is created, closed and deleted by those who write to it. @throws SyncError `unknown_channel` */
  isCreated(name: string): boolean {
    return this.#hub.definition(name).kind === 'durable';
  }

  /** Where the document begins that is in this place now. What was appended just now may not be known of yet: readers find out. */
  #begun({ settings, top }: Channel): Position | undefined {
    const begun = this.#hub.docs.get(settings.name)?.begun;
    return begun && { epoch: top.epoch, ...begun };
  }
}

/** What the values of a channel are called: the first word of its pattern that is no parameter. */
function wordsOf(contract: Contract): (name: string) => string {
  const patterns = Object.keys(contract).map(parsePattern);
  return (name) => {
    const [base] = splitName(name);
    const words = patterns.filter((pattern) => matches(pattern, base)).map(({ segments }) => segments);
    const literal = words.map((segments) => segments.find((segment) => segment !== null));
    return literal.find((word) => word !== undefined) ?? anyValue;
  };
}
