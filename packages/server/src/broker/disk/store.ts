/**
 * The disk broker's synchronous core: carries out groups of operations, each group in one transaction, so that one flush
 * makes all of it durable. A thread runs it (worker.ts), the simulator in-process. It knows logs by name and no kind.
 */

import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SyncError } from '@syncline/protocol';
import { type Clock, newEpoch, systemClock } from '@syncline/protocol/wire';
import { type FileOptions, fileError, fileName, openFile } from './file.ts';
import { StoredLog } from './log.ts';
import { faultOf, type Operation, type Outcome } from './operation.ts';
import { Receipt } from './receipt.ts';
import { Tables } from './tables.ts';

export interface StoreOptions extends FileOptions {
  /** Only for the randomness of epochs; time comes with each operation. */
  readonly clock?: Clock;
  /** Memory for heads of logs, in bytes, beside the one in use; those used longest ago are read anew. Default 64 MiB. */
  readonly headsBytesMax?: number | undefined;
}

/** Damaged logs found within one group before all of it is given up. */
const attemptsMax = 4;

export class Store {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #receipt: Receipt;
  #tables: Tables;
  readonly #clock: Clock;
  readonly #headsBytesMax: number;
  /** Open logs, the one used longest ago first. */
  readonly #logs = new Map<string, StoredLog>();
  /** The last of them: the one in use. */
  #latest: StoredLog | undefined;
  /** Open logs that this transaction changed and has not written yet. */
  readonly #changed = new Set<StoredLog>();
  /** Logs found damaged while something was written to them: refused until the next start. */
  readonly #damaged = new Map<string, SyncError>();
  #headsBytes = 0;
  /** The channel that is being worked on, so that damage is laid at its door. */
  #current: string | undefined;

  /** @throws SyncError `storage` or `corrupt` when the file can't be opened */
  constructor(options: StoreOptions) {
    this.#path = join(options.dir, fileName);
    this.#clock = options.clock ?? systemClock;
    this.#headsBytesMax = options.headsBytesMax ?? 64 * 1024 * 1024;
    this.#db = openFile(options);
    this.#receipt = new Receipt(this.#path);
    this.#tables = new Tables(this.#db);
  }

  /**
   * Carries out a group and returns what came of each operation, in order, once all of it is on the disk. An operation that
   * is refused doesn't hinder the others. When the group can't be stored nothing of it is: no offset is burnt.
   */
  commit(operations: readonly Operation[]): Outcome[] {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#transaction(operations);
      } catch (thrown) {
        const error = fileError(thrown, this.#path);
        this.#abandon();
        if (error.code === 'corrupt' && this.#current !== undefined && attempt < attemptsMax)
          this.#damaged.set(this.#current, error);
        else
          return operations.map((operation) =>
            operation.type === 'read' ? this.#readAlone(operation) : fault(error),
          );
      }
    }
  }

  close(): void {
    this.#logs.clear();
    if (this.#db.isOpen) this.#db.close();
    this.#receipt.close();
  }

  #transaction(operations: readonly Operation[]): Outcome[] {
    const writes = operations.some((operation) => operation.type !== 'read');
    this.#current = undefined;
    if (writes) this.#tables.begin();
    const outcomes = operations.map((operation) => this.#carryOut(operation));
    for (const log of this.#changed) this.#save(log);
    this.#current = undefined;
    if (writes) this.#tables.commit();
    this.#noteLast(operations, outcomes);
    return outcomes;
  }

  /** Notes the last entry that is acknowledged by this group, if any is. */
  #noteLast(operations: readonly Operation[], outcomes: readonly Outcome[]): void {
    for (let i = outcomes.length - 1; i >= 0; i--) {
      const outcome = outcomes[i];
      if (outcome?.type !== 'appended' || outcome.value.duplicate) continue;
      const { epoch, offset } = outcome.value;
      return this.#receipt.write({ channel: operations[i]?.channel ?? '', epoch, offset });
    }
  }

  /** One operation. Refusals become its outcome; what SQLite throws ends the transaction. */
  #carryOut(operation: Operation): Outcome {
    const damage = this.#damaged.get(operation.channel);
    if (damage) return fault(damage);
    this.#evict();
    this.#current = operation.channel;
    try {
      const log = this.#log(operation.channel, operation.now);
      if (operation.type === 'read')
        return { type: 'slice', value: log.read(operation.range, operation.now) };
      if (operation.type === 'append') {
        const value = log.append(operation.append, operation.now);
        if (!value.duplicate) this.#changed.add(log);
        return { type: 'appended', value };
      }
      const value = log.compact(operation.epoch, operation.snapshot);
      if (value) this.#changed.add(log);
      return { type: 'compacted', value };
    } catch (thrown) {
      // Damage may show only after the first write of an append, so then the whole transaction is undone.
      if (!(thrown instanceof SyncError) || (thrown.code === 'corrupt' && operation.type !== 'read'))
        throw thrown;
      return fault(thrown);
    }
  }

  /** Reads go on when nothing can be written any more. */
  #readAlone(operation: Operation): Outcome {
    try {
      return this.#carryOut(operation);
    } catch (thrown) {
      this.#abandon();
      return fault(fileError(thrown, this.#path));
    }
  }

  #log(name: string, now: number): StoredLog {
    if (this.#latest?.name === name) return this.#latest;
    const log =
      this.#logs.get(name) ??
      StoredLog.open(name, this.#tables, () => newEpoch(now, this.#clock.randomBytes(16)));
    this.#logs.delete(name);
    this.#logs.set(name, log);
    this.#latest = log;
    return log;
  }

  /** Writes what the transaction changed in a log. */
  #save(log: StoredLog): void {
    this.#current = log.name;
    log.save();
    this.#changed.delete(log);
  }

  /** Undoes the transaction. Heads in memory are ahead of the file now, so they are read anew. */
  #abandon(): void {
    this.#logs.clear();
    this.#latest = undefined;
    this.#changed.clear();
    this.#headsBytes = 0;
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      // A statement that failed while it was iterated throws the same error again at its next use (Node 24).
      this.#tables = new Tables(this.#db);
    } catch {
      // The connection is beyond use; whatever comes next fails at BEGIN and says why.
    }
  }

  /** Weighs the log used last, and lets go of those used longest ago beyond the bound, written if they were changed. */
  #evict(): void {
    if (!this.#latest) return;
    this.#headsBytes += this.#latest.weigh();
    for (const [name, log] of this.#logs) {
      if (this.#headsBytes <= this.#headsBytesMax || log === this.#latest) return;
      if (this.#changed.has(log)) this.#save(log);
      this.#logs.delete(name);
      this.#headsBytes -= log.weight;
    }
  }
}

function fault(error: SyncError): Outcome {
  return { type: 'fault', fault: faultOf(error) };
}
