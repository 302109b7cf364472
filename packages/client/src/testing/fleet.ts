/**
 * A state channel of a scripted server, with helpers that say what its log holds: entries with their true checks, snapshots,
 * conflated changes. Tests of the state channel script their servers with it.
 */
import { nextCheck, type StateValue, setEntry, stateLines } from '@syncline/protocol/wire';
import type { ClientOptions, StateChange, StateChannel } from '../index.ts';
import { epoch, type Scene, type ScriptedLink, scene } from './scripted.ts';

const name = 'fleet/berlin';
/** The number by which the node calls the channel. */
export const id = 1;

/** When the entry at an offset was stored. */
export const sinceOf = (offset: number): number => 1_000_000 + offset;

/** What an entry of a state channel is: `[key, value]`, `[key]` … */
export type Row = readonly [key: string, value?: unknown, facts?: object];

/** A log that is kept here, so that positions and checks are right. */
export class ScriptedLog {
  readonly epoch: string;
  readonly #checks = [0];
  readonly #rows: Row[] = [];

  constructor(life: string = epoch) {
    this.epoch = life;
  }

  get top(): number {
    return this.#rows.length;
  }

  append(...rows: Row[]): this {
    for (const row of rows) {
      this.#rows.push(row);
      this.#checks.push(nextCheck(this.#checks.at(-1) ?? 0, JSON.stringify(row)));
    }
    return this;
  }

  position(offset: number = this.top) {
    return { epoch: this.epoch, offset, check: this.#checks[offset] ?? 0 };
  }

  /** Says the entries after an offset, up to another. */
  say(link: ScriptedLink, after: number, upTo: number = this.top): void {
    const entries = this.#rows.slice(after, upTo).map((row, i) => [sinceOf(after + 1 + i), 'ada', row]);
    link.entries(id, after + 1, ...entries);
  }

  /** Says only some of the entries after an offset, up to the last of them (rule K9). */
  sayChanges(link: ScriptedLink, from: number, offsets: readonly number[]): void {
    const entries = offsets.map((offset) => ({
      offset,
      data: JSON.stringify([sinceOf(offset), 'ada', this.#rows[offset - 1]]),
    }));
    link.say({ type: 'changes', id, from, check: this.position(offsets.at(-1)).check, entries });
  }

  /** Says a snapshot of these values, in parts of so many rows. */
  saySnapshot(
    link: ScriptedLink,
    offset: number,
    values: Readonly<Record<string, unknown>>,
    rows = 100,
  ): void {
    const lines = snapshotLines(values, rows);
    lines.forEach((data, i) => {
      this.sayPart(link, offset, data, i < lines.length - 1);
    });
  }

  sayPart(link: ScriptedLink, offset: number, data: string, more: boolean): void {
    link.say({ type: 'snapshot', id, offset, check: this.position(offset).check, more, data });
  }
}

/** Lines of a snapshot. The value of the key at index i has version i + 1. */
export function snapshotLines(values: Readonly<Record<string, unknown>>, rows: number): string[] {
  const all = Object.entries(values).map(([key, value], i): [string, StateValue] => {
    const version = i + 1;
    return [key, { text: JSON.stringify(value), version, since: sinceOf(version), from: 'ada' }];
  });
  const parts = Array.from({ length: Math.max(1, Math.ceil(all.length / rows)) }, (_, i) =>
    all.slice(i * rows, (i + 1) * rows),
  );
  return parts.flatMap((part) => [...stateLines(part)]);
}

/** The entry that sets a key. */
export const set = (key: string, value: unknown, facts?: { at?: number; ttlMs?: number }): Row =>
  JSON.parse(setEntry(key, JSON.stringify(value), facts));

export interface Fleet extends Scene {
  readonly city: StateChannel<unknown>;
  readonly log: ScriptedLog;
  readonly changes: StateChange<unknown>[];
  /** The link, whose subscription begins before the first entry. */
  readonly link: ScriptedLink;
  readonly stop: () => void;
  /** What is shown: values by their keys. */
  readonly shown: () => Record<string, unknown>;
  readonly values: () => Record<string, unknown>;
}

/** A client that follows a state channel whose log is empty. */
export function fleet(options: ClientOptions = {}): Fleet {
  const here = scene(options);
  const city = here.client.state(name);
  const changes: StateChange<unknown>[] = [];
  const stop = city.on('change', (change) => changes.push(change));
  const link = here.server.link.welcome();
  link.subscribed({ id, stamped: true });
  const shown = () => Object.fromEntries(city.entries.get());
  const values = () => Object.fromEntries([...city.entries.get()].map(([key, { value }]) => [key, value]));
  return { ...here, city, log: new ScriptedLog(), changes, link, stop, shown, values };
}

/** What changes make of what was shown before. */
export function replay(changes: readonly StateChange<unknown>[]): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const { type, key, value } of changes) {
    if (type === 'set') values.set(key, value);
    else values.delete(key);
  }
  return Object.fromEntries(values);
}

/** The link breaks and the client comes back. */
export async function comeBack({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}
