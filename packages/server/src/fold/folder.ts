/**
 * What a kind that folds does on a server: it takes a log's entries one after another and holds what they come to. The fold
 * room drives one per open channel; each kind brings its own and passes folder.suite.ts. None reads or writes a log itself.
 */
import type { Data, Entry } from '@syncline/protocol/wire';
import type { Append } from '../broker/broker.ts';
import type { OpenView } from '../cursor.ts';

/** An entry that is to be appended because its time has come; the log takes it only if nothing newer stands in its place. */
export type Due = Omit<Append, 'keep'>;

export interface Folder {
  /** How many entries its snapshot stands for at least: as long as fewer came since the last one, another isn't worth it. */
  readonly size: number;
  /** How many bytes of entries it takes before it must be folded; left out: any number. */
  readonly room?: number;
  /** When there will be something due, in ms since 1970; Infinity when nothing will. */
  readonly dueAt: number;
  /** Whether entries may be added while a snapshot is made of those before them. Default: not. */
  readonly addsMeanwhile?: boolean;
  /** Forgets all: a snapshot comes next, or the first entry of a log. */
  clear(): void;
  /** Takes a part of a snapshot that ends at `offset`, and whether more come; they come one after another. @throws SyncError `corrupt` */
  restore(part: Data, offset: number, more: boolean): void | Promise<void>;
  /** Takes entries in offset order; there may be holes in it, where others have the same effect. @throws SyncError `corrupt` */
  add(entries: readonly Entry[]): void | Promise<void>;
  /**
   * What stands for all entries so far; undefined where nothing can, for now. It is made in steps, with `pause` between them, so
   * that nobody is held up; nothing is added meanwhile, unless it says that it may be.
   */
  snapshot(pause: () => Promise<void>): Promise<Data | undefined>;
  /** What a log begins with that nobody has appended to, if it begins with something. */
  beginning?(): Promise<Due | undefined>;
  /**
   * Fewer entries with the same effect as all after `offset`, as many as a batch holds; undefined where there are none, or
   * what happened there is forgotten: a folder bounds what it remembers for this.
   */
  after(offset: number): readonly Entry[] | undefined;
  /** Up to `max` entries that are due. Each is given once. */
  takeDue(now: number, max: number): readonly Due[];
  /** One that was given could not be appended: it is due again at that time, unless something newer has come. */
  putBack(due: Due, at: number): void;
  /** All that the log holds for now was added. */
  caughtUp?(): void;
  /** Opens a view of what it holds, where that can be viewed. */
  readonly view?: OpenView;
  /** Nothing is asked of it any more. */
  close?(): void;
}
