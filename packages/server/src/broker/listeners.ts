/**
 * Who listens to which log in this process, and the telling. Brokers announce through it: in order for each listener,
 * even when one appends while it is told, and whatever a listener throws stays out of the append. Knows nothing of storage.
 */
import { SyncError } from '@syncline/protocol';
import type { Announcement } from './broker.ts';

export type Listener = (news: Announcement) => void;

export class Listeners {
  /** A list is replaced, never changed: whoever is being told goes through the one that was there. */
  readonly #byChannel = new Map<string, readonly Listener[]>();
  readonly #waiting: { readonly channel: string; readonly news: Announcement }[] = [];
  #announcing = false;

  has(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  /** Adds a listener; the function returned removes it. The same function may listen twice and is then told twice. */
  add(channel: string, onNews: Listener): () => void {
    const known = this.#byChannel.get(channel);
    // Most logs have one, and a list into which another is spread makes room for many more.
    this.#byChannel.set(channel, known ? [...known, onNews] : [onNews]);
    let listens = true;
    return () => {
      if (listens) this.#remove(channel, onNews);
      listens = false;
    };
  }

  #remove(channel: string, onNews: Listener): void {
    const all = this.#byChannel.get(channel) ?? [];
    const at = all.indexOf(onNews);
    if (at < 0) return;
    if (all.length === 1) this.#byChannel.delete(channel);
    else this.#byChannel.set(channel, [...all.slice(0, at), ...all.slice(at + 1)]);
  }

  /**
   * Tells everyone before it returns, unless it is called by a listener: then after that one's news is all told. False when
   * nobody listens.
   */
  announce(channel: string, news: Announcement): boolean {
    if (!this.#byChannel.has(channel)) return false;
    if (this.#announcing) {
      this.#waiting.push({ channel, news });
      return true;
    }
    this.#announcing = true;
    this.#tell(channel, news);
    for (let i = 0; i < this.#waiting.length; i++) {
      const next = this.#waiting[i];
      if (next) this.#tell(next.channel, next.news);
    }
    if (this.#waiting.length > 0) this.#waiting.length = 0;
    this.#announcing = false;
    return true;
  }

  clear(): void {
    this.#byChannel.clear();
  }

  #tell(channel: string, news: Announcement): void {
    const all = this.#byChannel.get(channel) ?? [];
    for (const listener of all) {
      // Whoever was told before may have had this one removed.
      if (all.length > 1 && !this.#byChannel.get(channel)?.includes(listener)) continue;
      try {
        listener(news);
      } catch (thrown) {
        process.emitWarning(
          `A listener of the log "${channel}" threw: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
        );
      }
    }
  }
}

/** What every call is refused with once a broker is closed. */
export function closedError(): SyncError {
  return new SyncError('closed', 'The broker was closed; what comes after is not done.');
}
