/**
 * A view of a state channel and a scripted server that tells of it by hand: rows with their versions, and keys that are gone. Tests
 * of views script their servers with it.
 */
import type { ClientFrame, FrameOf, GoneReason, ViewFilter } from '@syncline/protocol/wire';
import type { ViewChange } from '../entries.ts';
import type { ClientOptions, StateView } from '../index.ts';
import { type Scene, type ScriptedLink, scene } from './scripted.ts';

/** The number by which the node calls the first view. */
export const id = 7;
/** When the entry of a version was stored. */
export const sinceOf = (version: number): number => 3_000_000 + version;

export interface Viewer extends Scene {
  readonly view: StateView<unknown>;
  readonly changes: ViewChange<unknown>[];
  /** The same in short: `enter a 1`. */
  readonly told: () => string[];
  readonly shown: () => Record<string, unknown>;
  readonly stop: () => void;
}

export const bbox = [13, 52, 14, 53] as const;

/** A client with a view that is looked at. It isn't connected yet. */
export function viewer(filter: ViewFilter = { bbox }, options: ClientOptions = {}): Viewer {
  const here = scene(options);
  const view = here.client.state('fleet/a').view(filter);
  const changes: ViewChange<unknown>[] = [];
  const stop = view.on('change', (change) => changes.push(change));
  const shown = () => Object.fromEntries([...view.entries.get()].map(([key, { value }]) => [key, value]));
  const told = () =>
    changes.map(({ type, key, value }) => `${type} ${key}${value === undefined ? '' : ` ${value}`}`);
  return { ...here, view, changes, told, shown, stop };
}

type Opening = FrameOf<ClientFrame, 'view'>;

/** Takes what opens, moves or ends a view. */
export function taken(link: ScriptedLink): Omit<Opening, 'ref'> {
  const { ref: _, ...frame } = link.take('view');
  return frame;
}

/** Takes what opens or moves a view, and confirms it; a new one under the number given. */
export function viewing(link: ScriptedLink, as: number = id): Opening {
  const frame = link.take('view');
  link.say({ type: 'viewing', ref: frame.ref, id: frame.id || as });
  return frame;
}

/** Tells of a view: values by their keys and versions, and what is gone. */
export function see(
  link: ScriptedLink,
  rows: readonly (readonly [key: string, value: unknown, version: number])[],
  { gone = [], more = false, as = id }: { gone?: [string, GoneReason][]; more?: boolean; as?: number } = {},
): void {
  const texts = rows.map(([key, value, version]) =>
    JSON.stringify([key, value, version, sinceOf(version), 'ada']),
  );
  link.say({ type: 'seen', id: as, offset: 100, more, rows: texts, gone });
}
