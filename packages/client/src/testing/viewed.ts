/**
 * The model server for views: each holds what its reader was told, and tells what is different from what the log says and the
 * filter lets through, whenever it comes to it. Frames of it may be lost; heartbeats say how many there were.
 */
import {
  type ClientFrame,
  encodeServer,
  type FrameOf,
  type Gone,
  type StateValue,
  stateLines,
  type ViewFilter,
} from '@syncline/protocol/wire';
import { KeyedServer } from './keyed.ts';
import type { ModelLink } from './model.ts';

interface ModelView {
  readonly id: number;
  readonly channel: string;
  filter: ViewFilter;
  told: ReadonlyMap<string, StateValue>;
  seen: number;
}

/** What a filter lets through. Boxes are for servers to test: the client hands them on. */
export function inView(
  values: ReadonlyMap<string, StateValue>,
  { keys, prefix = '' }: ViewFilter,
): ReadonlyMap<string, StateValue> {
  return new Map([...values].filter(([key]) => key.startsWith(prefix) && (keys?.includes(key) ?? true)));
}

export class ViewedServer extends KeyedServer {
  /** Whether views are told nothing for now, as when their reader is slow. */
  slow = false;
  #ids = 500;
  readonly #views = new Map<ModelLink, Map<number, ModelView>>();

  override take(link: ModelLink, frame: ClientFrame): void {
    if (frame.type === 'view') this.#view(link, frame);
    else super.take(link, frame);
  }

  override announce(channel: string): void {
    super.announce(channel);
    if (!this.slow) this.tellAll();
  }

  override forget(channel: string): void {
    super.forget(channel);
    this.announce(channel);
  }

  override headsOf(link: ModelLink) {
    const views = [...(this.#views.get(link)?.values() ?? [])];
    return [...super.headsOf(link), ...views.map(({ id, seen }) => ({ id, offset: seen, check: 0 }))];
  }

  /** How many views there are on links that are open. */
  get viewsOpen(): number {
    const open = [...this.#views].filter(([link]) => link.open);
    return open.reduce((sum, [, views]) => sum + views.size, 0);
  }

  tellAll(): void {
    for (const [link, views] of this.#views) {
      if (link.open) for (const view of views.values()) this.#tell(link, view);
      else this.#views.delete(link);
    }
  }

  #view(link: ModelLink, { ref, channel, id, filter }: FrameOf<ClientFrame, 'view'>): void {
    const code = this.refuseNext;
    this.refuseNext = undefined;
    if (code) return link.say({ type: 'error', ref, code, message: '', detail: null });
    const views = this.#views.get(link) ?? new Map<number, ModelView>();
    this.#views.set(link, views);
    const known = views.get(id);
    if (!filter) {
      views.delete(id);
      return link.say({ type: 'viewing', ref, id });
    }
    if (known) known.filter = filter;
    else if (id > 0) return link.say({ type: 'error', ref, code: 'bad_payload', message: '', detail: null });
    const view = known ?? { id: ++this.#ids, channel, filter, told: new Map(), seen: 0 };
    views.set(view.id, view);
    link.say({ type: 'viewing', ref, id: view.id });
    if (known) this.#tell(link, view);
    else this.#begin(link, view);
  }

  /** A new view is told of all that is in it, a row a frame (rule V4). */
  #begin(link: ModelLink, view: ModelView): void {
    view.told = inView(this.log(view.channel).values(), view.filter);
    const rows = rowsOf(view.told);
    const parts = rows.length > 0 ? rows.map((row) => [row]) : [[]];
    parts.forEach((part, i) => {
      this.#say(link, view, part, [], i < parts.length - 1);
    });
  }

  #tell(link: ModelLink, view: ModelView): void {
    const values = this.log(view.channel).values();
    const now = inView(values, view.filter);
    const before = view.told;
    view.told = now;
    const same = (a: StateValue, b: StateValue | undefined) =>
      a.version === b?.version && a.since === b.since;
    const rows = rowsOf([...now].filter(([key, value]) => !same(value, before.get(key))));
    const gone = [...before.keys()]
      .filter((key) => !now.has(key))
      .map((key): Gone => [key, values.has(key) ? 'exit' : 'delete']);
    if (rows.length + gone.length > 0) this.#say(link, view, rows, gone, false);
  }

  #say(link: ModelLink, view: ModelView, rows: string[], gone: Gone[], more: boolean): void {
    view.seen++;
    const offset = this.log(view.channel).top;
    link.push(encodeServer({ type: 'seen', id: view.id, offset, more, rows, gone }));
  }
}

function rowsOf(values: Iterable<readonly [string, StateValue]>): string[] {
  // A line of one row, without the list around it.
  return [...values].map((one) => [...stateLines([one])].join('').slice(1, -1));
}
