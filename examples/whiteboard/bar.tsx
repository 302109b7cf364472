/**
 * The toolbar: tools, colors, thickness, steps back and forth, and what can be done with what is selected. It changes the
 * desk; it must not know what a tool does.
 */
import { usePart } from './client.ts';
import { type Desk, type DeskState, type Tool, tools } from './desk.ts';
import { Icon, type IconName } from './icons.tsx';
import { letters } from './input.ts';
import { colors } from './shapes.ts';

const names: Readonly<Record<Tool, string>> = {
  select: 'Select',
  hand: 'Move the board',
  stroke: 'Pen',
  rectangle: 'Rectangle',
  ellipse: 'Ellipse',
  arrow: 'Arrow',
  note: 'Note',
};

interface ButtonProps {
  readonly icon: IconName;
  readonly name: string;
  readonly keys: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly onClick: () => void;
}

function Button({ icon, name, keys, pressed, ...rest }: ButtonProps) {
  return (
    <button type="button" aria-label={name} title={`${name} (${keys})`} aria-pressed={pressed} {...rest}>
      <Icon name={icon} />
    </button>
  );
}

export function Bar({ desk, locked }: { desk: Desk; locked: boolean }) {
  const { board } = desk;
  const part = <P,>(of: (state: DeskState) => P): P => usePart(desk, of);
  const [tool, color, size] = [part((s) => s.tool), part((s) => s.color), part((s) => s.size)];
  const some = part(({ selected }) => selected.size > 0);
  const steps = { subscribe: board.onChange, get: () => board };
  const [canUndo, canRedo] = [usePart(steps, (b) => b.canUndo), usePart(steps, (b) => b.canRedo)];
  return (
    <div class="bars">
      {some && !locked && (
        <div class="card" role="toolbar" aria-label="What is selected">
          <Button icon="duplicate" name="Duplicate" keys="Ctrl+D" onClick={() => desk.duplicate()} />
          <Button icon="front" name="To the front" keys="]" onClick={() => desk.restack('front')} />
          <Button icon="back" name="To the back" keys="[" onClick={() => desk.restack('back')} />
          <Button icon="remove" name="Delete" keys="Delete" onClick={() => desk.remove()} />
        </div>
      )}
      <div class="card tools" role="toolbar" aria-label="Tools">
        <div>
          {tools.map((each) => (
            <Button
              key={each}
              icon={each}
              name={names[each]}
              keys={letters[each].toUpperCase()}
              pressed={each === tool}
              disabled={locked && each !== 'select' && each !== 'hand'}
              onClick={() => desk.take(each)}
            />
          ))}
        </div>
        <div class="styles">
          {colors.map((each) => (
            <button
              key={each}
              type="button"
              class={`swatch ${each}`}
              aria-label={each}
              title={each}
              aria-pressed={each === color}
              onClick={() => desk.style({ color: each })}
            />
          ))}
        </div>
        <div class="styles">
          {([1, 2, 3] as const).map((each) => (
            <button
              key={each}
              type="button"
              class="size"
              aria-label={`Thickness ${each}`}
              aria-pressed={each === size}
              onClick={() => desk.style({ size: each })}
            >
              <i style={{ height: `${each * 3 - 1}px` }} />
            </button>
          ))}
        </div>
        <div>
          <Button icon="undo" name="Undo" keys="Ctrl+Z" disabled={!canUndo} onClick={() => board.undo()} />
          <Button
            icon="redo"
            name="Redo"
            keys="Ctrl+Shift+Z"
            disabled={!canRedo}
            onClick={() => board.redo()}
          />
        </div>
      </div>
    </div>
  );
}

export function Zoom({ desk }: { desk: Desk }) {
  const percent = usePart(desk, ({ camera }) => Math.round(camera.scale * 100));
  return (
    <div class="card zoom" role="toolbar" aria-label="Zoom">
      <button type="button" aria-label="Zoom out" onClick={() => desk.zoom(0.8)}>
        −
      </button>
      <button
        type="button"
        title="As large as it is (0)"
        onClick={() => desk.zoom(1 / desk.get().camera.scale)}
      >
        {percent} %
      </button>
      <button type="button" aria-label="Zoom in" onClick={() => desk.zoom(1.25)}>
        +
      </button>
      <Button icon="fit" name="Show all" keys="1" onClick={() => desk.fit()} />
    </div>
  );
}
