/**
 * Who listens to which log in this process, and the telling. Brokers announce through it: in order for each listener,
 * even when one appends while it is told, and whatever a listener throws stays out of the append. Knows nothing of storage.
 */
import { SyncError } from '@syncline/protocol';
import type { Announcement } from './broker.ts';

export type Listener = (news: Announcement) => void;

export class Listeners {
  readonly #byChannel = new Map<string, Set<Listener>>();
  readonly #waiting: { readonly channel: string; readonly news: Announcement }[] = [];
  #announcing = false;

  has(channel: string): boolean {
    return this.#byChannel.has(channel);
  }

  /** Adds a listener; the function returned removes it. The same function may listen twice and is then told twice. */
  add(channel: string, onNews: Listener): () => void {
    const listener: Listener = (news) => onNews(news);
    const all = this.#byChannel.get(channel) ?? new Set();
    this.#byChannel.set(channel, all.add(listener));
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.#byChannel.get(channel) === all) this.#byChannel.delete(channel);
    };
  }

  /** Tells everyone before it returns, unless it is called by a listener: then after that one's news is all told. */
  announce(channel: string, news: Announcement): void {
    if (!this.#byChannel.has(channel)) return;
    if (this.#announcing) return void this.#waiting.push({ channel, news });
    this.#announcing = true;
    this.#tell(channel, news);
    for (let i = 0; i < this.#waiting.length; i++) {
      const next = this.#waiting[i];
      if (next) this.#tell(next.channel, next.news);
    }
    this.#waiting.length = 0;
    this.#announcing = false;
  }

  clear(): void {
    this.#byChannel.clear();
  }

  #tell(channel: string, news: Announcement): void {
    for (const listener of this.#byChannel.get(channel) ?? []) {
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
