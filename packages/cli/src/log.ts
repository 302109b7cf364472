/**
 * Where `syncline serve` writes what an operator should know. A log that nobody reads must neither hold up a server nor fill its memory:
 * what doesn't fit is dropped and counted. It knows file descriptors and lines, not what they say.
 */
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Bytes that wait for a reader at most. */
const bytesWaitingMax = 1024 * 1024;

/**
 * Lines to a file descriptor that is open. Node itself keeps all that a slow reader hasn't read; this keeps so much and no more.
 *
 * @example
 * const log = new Log(2)
 * log.write('syncline: A webhook could not be told; it is tried again.')
 */
export class Log {
  /** Lines that were dropped, since nobody read. */
  dropped = 0;
  readonly #fd: number;
  /** Where there is a reader that may be slow; files and terminals take what they are given. */
  readonly #pipe: Socket | undefined;
  #told = 0;

  constructor(fd: number) {
    this.#fd = fd;
    const to = fstatSync(fd);
    if (!to.isFIFO() && !to.isSocket()) return;
    this.#pipe = new Socket({ fd, readable: false, writable: true });
    // Whoever read it may be gone: a server goes on without a log.
    this.#pipe.on('error', () => {});
    this.#pipe.unref();
  }

  /** Writes a line, or drops it. Never throws. */
  write(line: string): void {
    const pipe = this.#pipe;
    if (!pipe) return this.#writeNow(line);
    if (pipe.destroyed || pipe.writableLength + line.length > bytesWaitingMax) {
      this.dropped++;
      return;
    }
    const missing = this.dropped - this.#told;
    this.#told = this.dropped;
    if (missing > 0) pipe.write(`syncline: ${missing} lines are missing here: nobody read this log.\n`);
    pipe.write(`${line}\n`);
  }

  #writeNow(line: string): void {
    try {
      writeSync(this.#fd, `${line}\n`);
    } catch {
      // A disk that is full, say.
      this.dropped++;
    }
  }
}
