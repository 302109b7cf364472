/**
 * The model server for keyed values: operations become entries under their conditions, the log folds, and readers who are behind
 * are told by snapshots in parts or by fewer entries. What its log says is folded by the protocol, which is the oracle.
 */
import type { GapReason } from '@syncline/protocol';
import {
  type ClientFrame,
  deleteEntry,
  type Entry,
  encodeEntries,
  encodeServer,
  expireEntry,
  type FrameOf,
  readStateEntry,
  readStateOperation,
  type StateValue,
  setEntry,
  stateKind,
  stateLines,
  wireText,
} from '@syncline/protocol/wire';
import { ModelLog, type ModelRefusal, ModelServer } from './model.ts';

export class KeyedLog extends ModelLog {
  override readonly stamped = true;
  /** The log is folded up to here. */
  folded = 0;
  /** Whether readers who are behind get fewer entries that do as well. */
  conflates = false;

  /** What the log says, up to an offset. */
  values(upTo: number = this.top): ReadonlyMap<string, StateValue> {
    return stateKind.apply(stateKind.empty(), this.#entries(0, upTo)).values;
  }

  override admit(data: string): string | ModelRefusal {
    const operation = readStateOperation(data);
    const { op, key, ifVersion } = operation;
    const known = this.values().get(key);
    const offset = known?.version ?? 0;
    if (ifVersion !== undefined && ifVersion !== offset) return { code: 'precondition', detail: { offset } };
    if (op === 'delete') return deleteEntry(key);
    const { text, at, ttlMs } = operation;
    if (at !== undefined && known?.at !== undefined && at < known.at)
      return { code: 'superseded', detail: { offset } };
    return setEntry(key, text, { at, ttlMs });
  }

  /** Who wrote an entry. */
  authorOf(_entry: string): string | null {
    return 'ada';
  }

  /** The value of a key has lived its time. */
  expire(key: string): void {
    if (this.values().has(key)) this.store(expireEntry(key));
  }

  override locate(start: FrameOf<ClientFrame, 'subscribe'>['start']): {
    offset: number;
    gap: GapReason | null;
  } {
    const located = super.locate(start);
    return typeof start === 'number' && located.offset < this.folded ? { ...located, offset: 0 } : located;
  }

  override frames(offset: number): string[] {
    if (offset < this.folded) return [...this.#snapshot(), ...this.#after(this.folded)];
    return this.#after(offset);
  }

  #snapshot(): string[] {
    const { offset, check } = this.position(this.folded);
    const rows = [...this.values(offset)];
    const parts = Array.from({ length: Math.max(1, rows.length) }, (_, i) => rows.slice(i, i + 1));
    return parts.flatMap((part, i) =>
      [...stateLines(part)].map((data) =>
        encodeServer({ type: 'snapshot', id: this.id, offset, check, more: i < parts.length - 1, data }),
      ),
    );
  }

  #after(offset: number): string[] {
    if (offset >= this.top) return [];
    // Up to somewhere on the way only what isn't told later anyway (rule K9); from there on all of it.
    const upTo = this.conflates ? Math.ceil((offset + this.top) / 2) : offset;
    const later = new Set(this.#entries(upTo, this.top).map((entry) => readStateEntry(entry).key));
    const few = stateKind
      .conflate(this.#entries(offset, upTo))
      .filter((entry) => entry.offset === upTo || !later.has(readStateEntry(entry).key));
    const frames: string[] = [];
    const { id } = this;
    const { check } = this.position(upTo);
    const entries = few.map((entry) => ({ offset: entry.offset, data: wireText(entry, true) }));
    if (few.length > 0) frames.push(encodeServer({ type: 'changes', id, from: offset, check, entries }));
    const rest = this.#entries(upTo, this.top).map((entry) => wireText(entry, true));
    if (rest.length > 0) frames.push(encodeEntries(id, upTo + 1, rest));
    return frames;
  }

  #entries(after: number, upTo: number): Entry[] {
    return this.entries.slice(after, upTo).map((data, i) => {
      const offset = after + i + 1;
      // Another life of the log begins at another time.
      const at = Number(this.epoch.slice(1)) * 1_000_000 + offset;
      return { offset, check: this.position(offset).check, at, from: this.authorOf(data), data };
    });
  }
}

export class KeyedServer extends ModelServer {
  override begin(id: number, life: number): KeyedLog {
    return new KeyedLog(id, life);
  }

  override log(channel: string): KeyedLog {
    const log = super.log(channel);
    if (log instanceof KeyedLog) return log;
    throw new Error('Every log here is one of keyed values.');
  }
}
