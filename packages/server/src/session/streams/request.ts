/**
 * What somebody may do to a stream by plain HTTP besides reading it, and what they are answered: the seam between the transport, which
 * knows header fields, and those who write to channels. Whoever takes such requests implements Writes. It knows no kind and no log.
 */
import type { Position } from '@syncline/protocol';
import type { Outcome } from '../../hub/durables.ts';
import type { Asker } from '../asking.ts';

/** Makes a repeated request harmless: an id, how often its owner began anew, and the number of the request since. */
export interface Producing {
  readonly id: string;
  readonly epoch: number;
  readonly sequence: number;
}

/** A request to create a stream, to append to it, to close it or to delete it. Texts are as they were sent, and not judged yet. */
export interface StreamWrite extends Asker {
  readonly channel: string;
  /** `Content-Type`. */
  readonly type: string | undefined;
  readonly body: Uint8Array;
  /** `Stream-Closed: true`: nothing may be appended after this. */
  readonly closes: boolean;
  /** `Stream-Seq`: above that of the last append that had one, as text. */
  readonly order: string | undefined;
  /** `Stream-TTL` and `Stream-Expires-At`. */
  readonly ttl: string | undefined;
  readonly expiresAt: string | undefined;
  readonly producer: Producing | undefined;
}

/** What became of a request: `taken` is one that was appended under a number, `fixed` what can't be done to a stream of the contract. */
export type StreamOutcome = Outcome | 'taken' | 'fixed';

/** The same, with what is told of the stream. Refusals that say no more than why are thrown. */
export interface StreamAnswer {
  readonly outcome: StreamOutcome;
  /** Why it was refused, where the outcome doesn't say it. */
  readonly why?: string | undefined;
  /** The head of the stream now. */
  readonly next?: Position;
  /** Media type of the stream. */
  readonly type?: string;
  readonly closed?: boolean;
  /** Of the producer: its epoch, the last number that was taken, and of a gap the number that would fit and the one that came. */
  readonly producerEpoch?: number;
  readonly producerSequence?: number;
  readonly expected?: number;
  readonly received?: number;
}

/** Those who take such requests. They charge for them, ask for rights, and throw SyncErrors to refuse. */
export interface Writes {
  /** PUT. */
  create(write: StreamWrite): Promise<StreamAnswer>;
  /** POST, closing included. */
  append(write: StreamWrite): Promise<StreamAnswer>;
  /** DELETE. */
  remove(write: Pick<StreamWrite, 'identity' | 'network' | 'channel'>): Promise<StreamAnswer>;
}
