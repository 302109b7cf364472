/**
 * What each key does. The toolbar names them beside its buttons; keys must not know where they are pressed.
 */
import { type Desk, type Tool, tools } from './desk.ts';

export const letters: Readonly<Record<Tool, string>> = {
  select: 'v',
  hand: 'h',
  stroke: 'p',
  rectangle: 'r',
  ellipse: 'o',
  arrow: 'a',
  note: 'n',
};

/** With Ctrl or ⌘. */
const commands: Readonly<Record<string, (desk: Desk, shift: boolean) => void>> = {
  z: ({ board }, shift) => (shift ? board.redo() : board.undo()),
  y: ({ board }) => board.redo(),
  d: (desk) => desk.duplicate(),
  a: (desk) => desk.set({ tool: 'select', selected: new Set(desk.board.ids()) }),
};

const plain: Readonly<Record<string, (desk: Desk, step: number) => void>> = {
  ArrowLeft: (desk, step) => desk.nudge(-step, 0),
  ArrowRight: (desk, step) => desk.nudge(step, 0),
  ArrowUp: (desk, step) => desk.nudge(0, -step),
  ArrowDown: (desk, step) => desk.nudge(0, step),
  Delete: (desk) => desk.remove(),
  Backspace: (desk) => desk.remove(),
  Enter: (desk) => desk.write(),
  ']': (desk) => desk.restack('front'),
  '[': (desk) => desk.restack('back'),
  '+': (desk) => desk.zoom(1.25),
  '=': (desk) => desk.zoom(1.25),
  '-': (desk) => desk.zoom(0.8),
  '0': (desk) => desk.zoom(1 / desk.get().camera.scale),
  '1': (desk) => desk.fit(),
};

/** Keys that change nothing on the board. */
const looking = '+=-01';

/** Does what a key stands for; false when it stands for nothing. */
export function act(desk: Desk, event: KeyboardEvent): boolean {
  const { key, ctrlKey, metaKey, shiftKey, altKey, target } = event;
  const letter = key.toLowerCase();
  if (desk.get().locked && !looking.includes(key)) return false;
  if (altKey || (key === 'Enter' && target instanceof HTMLButtonElement)) return false;
  const command = ctrlKey || metaKey ? commands[letter] : undefined;
  command?.(desk, shiftKey);
  if (ctrlKey || metaKey) return command !== undefined;
  const tool = tools.find((each) => letters[each] === letter);
  if (tool) desk.take(tool);
  plain[key]?.(desk, shiftKey ? 10 : 1);
  return tool !== undefined || plain[key] !== undefined;
}
