/**
 * The board itself: its canvases, the pointers of the others above them, and the note that is written on. main.tsx shows
 * it for one document; it must not know what the toolbar offers.
 */
import { bindText } from '@syncline/client/text';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { seen } from './camera.ts';
import { usePart, useStore } from './client.ts';
import type { Desk } from './desk.ts';
import { listen } from './input.ts';
import { fitText, fontOf, lineHeight, noteColor, notePadding } from './paint.ts';
import type { Peers } from './peers.ts';
import { colorOf, show } from './screen.ts';
import { meets } from './shapes.ts';

interface CanvasProps {
  readonly desk: Desk;
  readonly peers: Peers;
  /** Whether the pointers of the others are shown. */
  readonly pointed: boolean;
  readonly label: string;
}

export function Canvas({ desk, peers, pointed, label }: CanvasProps) {
  const box = useRef<HTMLDivElement>(null);
  const tiles = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const world = useRef<HTMLDivElement>(null);
  const tool = usePart(desk, (state) => state.tool);
  const editing = usePart(desk, (state) => state.editing);
  useLayoutEffect(() => {
    if (!box.current || !tiles.current || !above.current || !world.current) return;
    const element = box.current;
    const measure = new ResizeObserver(() =>
      desk.set({ extent: { width: element.clientWidth, height: element.clientHeight } }),
    );
    measure.observe(element);
    const layers = { tiles: tiles.current, above: above.current, world: world.current };
    const leave = [show(desk, peers, layers), listen(element, desk), () => measure.disconnect()];
    return () => {
      for (const each of leave) each();
    };
  }, [desk, peers]);
  return (
    <div ref={box} class={`board ${tool}`}>
      <canvas ref={tiles} role="img" aria-label={label} />
      <canvas ref={above} />
      <div ref={world} class="world">
        {pointed && <Pointers peers={peers} />}
        {editing && <Note key={editing} desk={desk} id={editing} />}
      </div>
    </div>
  );
}

function Pointers({ peers }: { peers: Peers }) {
  return useStore(peers).map(({ id, name, pointer }) => {
    if (!pointer) return null;
    const style = {
      translate: `${pointer.x}px ${pointer.y}px`,
      '--x': String(pointer.x),
      '--color': colorOf(name),
    };
    return (
      <div key={id} class="pointer" style={style}>
        <svg width="18" height="20" viewBox="0 0 18 20" aria-hidden="true">
          <path d="M1 1l5 17 3.5-7L17 9.5z" fill="var(--color)" stroke="#fff" stroke-width="1.5" />
        </svg>
        <span>{name}</span>
      </div>
    );
  });
}

const measuring = document.createElement('canvas').getContext('2d');

/** A field in place of the note, with letters as large as they will be on the board. */
function Note({ desk, id }: { desk: Desk; id: string }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { board } = desk;
  const note = usePart({ subscribe: board.onChange, get: () => board.get(id) }, (placed) => placed);
  const height = usePart(desk, ({ extent }) => extent.height);
  const written = board.text(id);
  // What others type is shown at once, not when this is drawn the next time: letters would be lost in between.
  useLayoutEffect(() => {
    if (!field.current || !written) return;
    field.current.focus({ preventScroll: true });
    return bindText(field.current, written, (edit) => board.write(edit));
  }, [board, written, !note]);
  // A keyboard that comes up on a phone must not cover what is written on.
  useEffect(() => {
    const { camera, extent } = desk.get();
    if (!note || extent.height === 0) return;
    const { x, y, w, h } = note.box;
    const middle = { x: x + w / 2, y: y + h / 2, w: 0, h: 0 };
    if (!meets(seen(camera, { ...extent, height: extent.height - 80 }), middle))
      desk.set({
        camera: { ...camera, x: middle.x - extent.width / 2 / camera.scale, y: y - 60 / camera.scale },
      });
  }, [height]);
  if (!note || !measuring) return null;
  const { box, shape, text } = note;
  const { px } = fitText(measuring, text, box.w, box.h);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') desk.set({ editing: undefined });
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
    event.preventDefault();
    if (event.shiftKey) board.redo();
    else board.undo();
  };
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  return (
    <textarea
      ref={field}
      aria-label="Text of the note"
      maxLength={2000}
      onBlur={() => desk.get().editing === id && desk.set({ editing: undefined })}
      onKeyDown={onKeyDown}
      style={{
        left: `${box.x}px`,
        top: `${box.y}px`,
        width: `${box.w}px`,
        height: `${box.h}px`,
        padding: `${notePadding}px`,
        font: fontOf(px),
        lineHeight,
        background: noteColor(shape.color, dark),
      }}
    />
  );
}
