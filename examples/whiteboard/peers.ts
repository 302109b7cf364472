/**
 * Who else is on the board, where they point and what they are drawing, over the awareness of its document. What others
 * tell is checked as everything is that comes from them; it must not know how it is shown.
 */
import * as v from 'valibot';
import type { Awareness } from 'y-protocols/awareness';
import type { Board, Placed } from './board.ts';
import { Peer } from './channels.ts';
import type { Desk } from './desk.ts';
import { boundsOf, type Draft, mapped, union } from './shapes.ts';

/** Somebody else, by the number that an awareness gave them. */
export interface Other extends Peer {
  readonly id: number;
}
/** Of more shapes that are carried at once only a frame moves, and the others see them arrive: what is told must stay small. */
export const carriedMax = 300;

export class Peers {
  readonly #awareness: Awareness;
  #others: readonly Other[] = [];

  constructor(awareness: Awareness) {
    this.#awareness = awareness;
    this.#read();
  }

  /** Everybody but this window; the same list until something about them changes. */
  readonly get = (): readonly Other[] => this.#others;
  readonly subscribe = (onChange: () => void): (() => void) => {
    const listener = (): void => {
      this.#read();
      onChange();
    };
    listener();
    this.#awareness.on('change', listener);
    return () => this.#awareness.off('change', listener);
  };

  /** Tells the others what this window does, under a name, until the function that is returned is called. */
  follow(desk: Desk, name: string): () => void {
    const tell = (): void => {
      const { pointer, draft: own } = desk.get();
      const draft = own && 'ids' in own && own.ids.length > carriedMax ? undefined : own;
      const now = this.#awareness.getLocalState();
      if (now?.['name'] === name && now['pointer'] === pointer && now['draft'] === draft) return;
      this.#awareness.setLocalState({ name, pointer, ...(draft && { draft }) });
    };
    tell();
    const leave = desk.subscribe(tell);
    return () => {
      leave();
      this.#awareness.setLocalState(null);
    };
  }

  #read(): void {
    const states = [...this.#awareness.getStates()].filter(([id]) => id !== this.#awareness.clientID);
    this.#others = states.flatMap(([id, state]) => {
      const { success, output } = v.safeParse(Peer, state);
      return success ? { id, ...output } : [];
    });
  }
}

/** What a draft looks like on the board; nothing once it is stored, as it then is the board that shows it. */
export function placedBy(draft: Draft, board: Board): Placed[] {
  if ('shape' in draft) {
    const { shape, id = '', after } = draft;
    const ink = [...(board.get(id)?.ink.slice(0, after) ?? []), ...draft.ink];
    return [{ id, shape, ink, box: boundsOf(shape, ink), text: '' }];
  }
  const { ids, from, to } = draft;
  if (ids.length > carriedMax) return [];
  const placed = ids.flatMap((id) => board.get(id) ?? []);
  const now = union(placed.map(({ box }) => box));
  if (!now || Math.abs(now.x - from.x) + Math.abs(now.y - from.y) + Math.abs(now.w - from.w) > 0.5) return [];
  return placed.map((each) => {
    const shape = mapped(each.shape, from, to);
    return { ...each, shape, box: boundsOf(shape, each.ink) };
  });
}
