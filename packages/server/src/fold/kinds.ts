/**
 * Which folder the log of a channel has, by its kind: the one place on a node where a kind is given what folds it. The hub calls it
 * when a channel opens; a new kind that folds is added here. It must not know how a folder works.
 */
import type { Definition } from '@syncline/protocol';
import { type Data, readDurableEntry } from '@syncline/protocol/wire';
import type { Channel, ChannelTools } from '../channel.ts';
import { Fold, type FoldSettings } from '../fold.ts';
import type { Docs } from './docs.ts';
import type { Ledgers } from './durable/ledgers.ts';
import { type Changed, StateFolder, type Values } from './state.ts';

/** What the folds of a node share, by kind. */
export interface Shared {
  readonly docs: Docs;
  readonly ledgers: Ledgers;
}

/** What reads a channel along, for as long as it is open. */
export interface Folding {
  /** Resolves when the channel can be used. */
  open(): Promise<void>;
  close(): void;
}

/**
 * The fold of a channel of this definition; null for those that nothing folds.
 *
 * @param follow given the values of a channel that has some; what it returns is told what changes
 */
export function foldOf(
  definition: Definition,
  channel: Channel,
  settings: FoldSettings,
  tools: ChannelTools,
  { docs, ledgers }: Shared,
  follow?: (values: Values) => Changed,
): Folding | null {
  switch (definition.kind) {
    case 'stream':
      return null;
    case 'state': {
      const { ttlMs, geo } = definition;
      const folder = new StateFolder(ttlMs, tools.clock, geo);
      if (follow) folder.follow(follow(folder));
      return new Fold(channel, folder, settings, tools);
    }
    case 'doc':
      return new Fold(channel, docs.folder(definition, channel), docs.foldSettings, tools);
    case 'durable':
      return ledgers.ledger(channel);
  }
}

/** Whether an entry holds something that was said, whoever said it. What merely begins a log, ends it or keeps it from ending doesn't. */
export function isSaid({ kind }: Definition, data: Data): boolean {
  return kind !== 'durable' || readDurableEntry(data).some(({ body }) => body.length > 0);
}
