/**
 * The toolbar: tools, colors, thickness, steps back and forth, and what can be done with what is selected. It changes the
 * desk; it must not know what a tool does.
 */
import { usePart } from './client.ts';
import { type Desk, type Tool, tools } from './desk.ts';
import { Icon, type IconName } from './icons.tsx';
import { letters } from './keys.ts';
import { swatchOf } from './paint.ts';
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

interface DeskProps {
  readonly desk: Desk;
}

export function Bar({ desk }: DeskProps) {
  const tool = usePart(desk, (state) => state.tool);
  const locked = usePart(desk, (state) => state.locked);
  const some = usePart(desk, ({ selected }) => selected.size > 0);
  return (
    <div class="bars">
      {some && <Selected desk={desk} />}
      <div class="card tools" role="toolbar" aria-label="Tools">
        <div>
          {tools.map((each) => (
            <Button
              key={each}
              icon={each}
              name={names[each]}
              keys={letters[each].toUpperCase()}
              pressed={each === tool}
              disabled={locked && each !== 'hand'}
              onClick={() => desk.take(each)}
            />
          ))}
        </div>
        <Styles desk={desk} />
        <Steps desk={desk} />
      </div>
    </div>
  );
}

function Selected({ desk }: DeskProps) {
  return (
    <div class="card" role="toolbar" aria-label="What is selected">
      <Button icon="duplicate" name="Duplicate" keys="Ctrl+D" onClick={() => desk.duplicate()} />
      <Button icon="front" name="To the front" keys="]" onClick={() => desk.restack('front')} />
      <Button icon="back" name="To the back" keys="[" onClick={() => desk.restack('back')} />
      <Button icon="remove" name="Delete" keys="Delete" onClick={() => desk.remove()} />
    </div>
  );
}

function Styles({ desk }: DeskProps) {
  const color = usePart(desk, (state) => state.color);
  const size = usePart(desk, (state) => state.size);
  return (
    <>
      <div class="styles">
        {colors.map((each) => {
          const style = { '--swatch': swatchOf(each) };
          const attributes = { class: 'swatch', title: each, 'aria-label': each, style };
          const onClick = (): void => desk.style({ color: each });
          return (
            <button
              key={each}
              type="button"
              aria-pressed={each === color}
              onClick={onClick}
              {...attributes}
            />
          );
        })}
      </div>
      <div class="styles">
        {([1, 2, 3] as const).map((each) => {
          const attributes = { class: 'size', title: `Thickness ${each}`, 'aria-label': `Thickness ${each}` };
          const onClick = (): void => desk.style({ size: each });
          return (
            <button key={each} type="button" aria-pressed={each === size} onClick={onClick} {...attributes}>
              <i style={{ height: `${each * 3 - 1}px` }} />
            </button>
          );
        })}
      </div>
    </>
  );
}

function Steps({ desk: { board } }: DeskProps) {
  const steps = { subscribe: board.onChange, get: () => board };
  const canUndo = usePart(steps, (now) => now.canUndo);
  const canRedo = usePart(steps, (now) => now.canRedo);
  return (
    <div>
      <Button icon="undo" name="Undo" keys="Ctrl+Z" disabled={!canUndo} onClick={() => board.undo()} />
      <Button icon="redo" name="Redo" keys="Ctrl+Shift+Z" disabled={!canRedo} onClick={() => board.redo()} />
    </div>
  );
}

export function Zoom({ desk }: DeskProps) {
  const percent = usePart(desk, ({ camera }) => Math.round(camera.scale * 100));
  return (
    <div class="card zoom" role="toolbar" aria-label="Zoom">
      <button type="button" aria-label="Zoom out" title="Zoom out (-)" onClick={() => desk.zoom(0.8)}>
        −
      </button>
      <button type="button" title="Actual size (0)" onClick={() => desk.zoom(1 / desk.get().camera.scale)}>
        {percent} %
      </button>
      <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => desk.zoom(1.25)}>
        +
      </button>
      <Button icon="fit" name="Show all" keys="1" onClick={() => desk.fit()} />
    </div>
  );
}
