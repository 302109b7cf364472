/**
 * What the documents of a node share: the worker that they are folded by, which of them can't be folded, and what a new one begins
 * with. The hub has one, which gives each open channel of that kind its folder and finds it again for whoever edits on the server.
 */
import { createHash } from 'node:crypto';
import { type DocDefinition, SyncError } from '@syncline/protocol';
import { beginning, noLineage } from '@syncline/protocol/wire';
import type { Doc } from 'yjs';
import type { Channel, ChannelTools } from '../channel.ts';
import { reason } from '../observe.ts';
import { Faults } from './doc/faults.ts';
import { Recent } from './doc/recent.ts';
import { DocFault, DocWorker, type DocWorkerSettings } from './doc/worker.ts';
import { written } from './doc/yjs.ts';
import { DocFolder } from './doc.ts';

/** What snapshots came to is kept up to that many bytes: else whoever reads one again and again keeps the worker from folding. */
const recentBytesMax = 16 * 1024 * 1024;

/** Fills a new document of that name; what it leaves empty begins when somebody edits it. */
export type Seed = (channel: string, doc: Doc) => void | Promise<void>;

export interface DocSettings extends Omit<DocWorkerSettings, 'clock'> {
  readonly docFoldEntriesMax: number;
  readonly docFoldBytesMax: number;
  readonly docEditMs: number;
  readonly hookMs: number;
}

export interface DocOptions {
  /** Fills documents that nobody has edited. */
  readonly seed?: Seed | undefined;
  /** What folds. Default: a process of its own, started when it is first needed; the simulator brings what folds at once. */
  readonly worker?: Pick<DocWorker, 'run' | 'close'>;
}

export class Docs {
  readonly #settings: DocSettings;
  readonly #tools: ChannelTools;
  readonly #seed: Seed | undefined;
  readonly #worker: Pick<DocWorker, 'run' | 'close'>;
  readonly #faults = new Faults();
  readonly #recent = new Recent(recentBytesMax);
  readonly #folders = new Map<string, DocFolder>();

  constructor(settings: DocSettings, tools: ChannelTools, { seed, worker }: DocOptions) {
    this.#settings = settings;
    this.#tools = tools;
    this.#seed = seed;
    this.#worker = worker ?? new DocWorker({ clock: tools.clock, ...settings });
  }

  /** After how much a document is folded anew. */
  get foldSettings() {
    const { docFoldEntriesMax, docFoldBytesMax } = this.#settings;
    return { foldEntriesMax: docFoldEntriesMax, foldBytesMax: docFoldBytesMax };
  }

  /** A folder for an open channel. */
  folder({ bytesMax }: DocDefinition, channel: Channel): DocFolder {
    const { name } = channel.settings;
    const { logger, metrics } = this.#tools;
    const folder: DocFolder = new DocFolder({
      name,
      bytesMax,
      waitingBytesMax: Math.max(bytesMax, this.#settings.docFoldBytesMax),
      docEditMs: this.#settings.docEditMs,
      worker: this.#worker,
      faults: this.#faults,
      logger,
      metrics,
      refuse: (error) => channel.refuseWith(error),
      begin: () => this.#begin(name),
      onClose: () => {
        if (this.#folders.get(name) === folder) this.#folders.delete(name);
      },
    });
    this.#folders.set(name, folder);
    return folder;
  }

  /** The folder of an open channel. */
  get(name: string): DocFolder | undefined {
    return this.#folders.get(name);
  }

  /**
   * What a snapshot holds, as one update in Yjs' first encoding.
   *
   * @throws SyncError `quarantined` for one that can't be loaded, `unavailable`, `restart`
   */
  async update(snapshot: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#recent.of(snapshot, () => this.#worker.run('update', [snapshot], true));
    } catch (thrown) {
      if (!(thrown instanceof DocFault)) throw thrown;
      throw new SyncError('quarantined', "The document can't be loaded, so it can't be shown.");
    }
  }

  close(): Promise<void> {
    return this.#worker.close();
  }

  /**
   * What the log of a new document begins with (rules Y3, Y8). The same content gives the same bytes on every node and at every
   * time, so that a log that was lost begins again as the same document.
   */
  async #begin(name: string): Promise<Uint8Array | undefined> {
    const seed = this.#seed;
    if (!seed) return undefined;
    const { clock, logger } = this.#tools;
    const { hookMs } = this.#settings;
    let cancel = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      cancel = clock.timer(hookMs, () => reject(new Error(`It took longer than ${hookMs} ms.`)));
    });
    try {
      const filling = written(
        (doc) => seed(name, doc),
        (doc) => {
          doc.clientID = 0;
        },
      );
      const { update, isEmpty } = await Promise.race([filling, late]);
      return isEmpty ? undefined : beginning(lineageOf(update), update);
    } catch (thrown) {
      logger.error(
        { channel: name, reason: reason(thrown) },
        'A document could not be seeded; whoever asks for it next tries again.',
      );
      throw new SyncError(
        'unavailable',
        `The document "${name}" could not be begun: what fills it failed, or took too long. The server's operator finds the reason in its log. Try again.`,
      );
    } finally {
      cancel();
    }
  }
}

function lineageOf(seed: Uint8Array): Uint8Array {
  return createHash('sha256').update(seed).digest().subarray(0, noLineage.length);
}
