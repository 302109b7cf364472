/**
 * Which face a channel has for those who read and write it by plain HTTP, by its kind: the one place where that is decided, and so whether
 * the contract made the channel or those who write to it do. Whoever answers such requests asks; a new kind that is shown is added here.
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
    const face = this.fixed(name);
    if (!face) return await showDurable(this.#hub.durables, name, uses);
    const channel = await this.#hub.current(name);
    return { face, head: () => channel.top, closed: false, start: this.#begun(channel) };
  }

  /**
   * The face of a channel that is there by the contract, and takes what clients publish; undefined for one that those who write to it
   * create, close and delete.
   *
   * @throws SyncError `unknown_channel`
   */
  fixed(name: string): Face | undefined {
    switch (this.#hub.definition(name).kind) {
      case 'stream':
        return streamFace;
      case 'state':
        return stateFace(this.#words(name));
      case 'doc':
        return docFace(this.#hub.docs);
      case 'durable':
        return undefined;
    }
  }

  /** Where the document begins that is in this place now, if one is. What was appended just now may not be known of yet: readers find out. */
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
