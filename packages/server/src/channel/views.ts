/**
 * Who views what a channel's log comes to. A channel hands on to it: what folds the log opens the views, sessions read from them
 * as they do from cursors, and all this room does is to know which there are. It knows neither.
 */
import { SyncError } from '@syncline/protocol';
import type { ViewFilter } from '@syncline/protocol/wire';
import type { OpenView, View, ViewTraits } from '../cursor.ts';
import type { Metrics } from '../observe.ts';

export class ChannelViews {
  readonly #name: string;
  readonly #metrics: Metrics;
  /** Undefined until somebody views: most channels are never viewed. */
  #views: Set<View> | undefined;
  #open: OpenView | SyncError | undefined;
  #closed = false;

  /** @param name the channel's */
  constructor(name: string, metrics: Metrics) {
    this.#name = name;
    this.#metrics = metrics;
  }

  get size(): number {
    return this.#views?.size ?? 0;
  }

  /** How views are opened from now on; an error: not any more, and those there are end with it. */
  openWith(open: OpenView | SyncError): void {
    this.#open = open;
    if (open instanceof SyncError) for (const view of this.#views ?? []) view.end(open);
  }

  /** @throws SyncError why there are none, or why the filter doesn't fit */
  async open(traits: ViewTraits, filter: ViewFilter): Promise<View> {
    if (!this.#open)
      throw new SyncError('unsupported_data', `"${this.#name}" has no keys and values that could be viewed.`);
    if (this.#open instanceof SyncError) throw this.#open;
    let view: View | undefined;
    const onRelease = (): void => {
      if (view && this.#views?.delete(view)) this.#metrics.viewsOpen--;
      traits.onRelease();
    };
    const onTold = (count: number): void => {
      this.#metrics.rowsSent += count;
    };
    view = await this.#open({ ...traits, onRelease, onTold }, filter);
    this.#views ??= new Set();
    this.#views.add(view);
    this.#metrics.viewsOpen++;
    if (this.#open instanceof SyncError) view.end(this.#open);
    if (!this.#closed) return view;
    view.release();
    throw new SyncError('restart');
  }

  close(): void {
    this.#closed = true;
    for (const view of this.#views ?? []) view.release();
  }
}
