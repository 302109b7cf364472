/**
 * The pictures on the buttons, drawn as lines in the color of the text. The toolbar shows them; they mean nothing to a
 * screen reader, which is told in words.
 */
const paths = {
  select: 'M5 3l5.5 16 2.3-6.7L19.5 10z',
  hand: 'M8 12V5.5a1.5 1.5 0 013 0V11V4a1.5 1.5 0 013 0v7V5.5a1.5 1.5 0 013 0V14c0 4-2.2 7-6 7-3 0-4.5-1.5-6-4l-2.2-3.8a1.5 1.5 0 012.5-1.6L8 14',
  stroke: 'M4 20l1-4.5L16 4.5a2 2 0 013 0l.5.5a2 2 0 010 3L8.5 19z M14 6.5l3.5 3.5',
  rectangle: 'M6 5h12a1.5 1.5 0 011.5 1.5v11A1.5 1.5 0 0118 19H6a1.5 1.5 0 01-1.5-1.5v-11A1.5 1.5 0 016 5z',
  ellipse: 'M12 4.5c5 0 8.5 3.2 8.5 7.5s-3.5 7.5-8.5 7.5S3.5 16.3 3.5 12 7 4.5 12 4.5z',
  arrow: 'M5 19L19 5 M10 5h9v9',
  note: 'M5 4.5h14.5V14l-5.5 5.5H5z M19.5 14H14v5.5',
  undo: 'M8 5L4 9l4 4 M4 9h9.5a5.5 5.5 0 010 11H9',
  redo: 'M16 5l4 4-4 4 M20 9h-9.5a5.5 5.5 0 000 11H15',
  remove: 'M4.5 7h15 M9.5 7V4.5h5V7 M6.5 7l1 12.5h9l1-12.5 M10.5 11v5 M13.5 11v5',
  duplicate: 'M8.5 8.5h11v11h-11z M15.5 8.5v-4h-11v11h4',
  front: 'M12 19V8 M7.5 12.5L12 8l4.5 4.5 M5 4.5h14',
  back: 'M12 5v11 M7.5 11.5L12 16l4.5-4.5 M5 19.5h14',
  fit: 'M4.5 9V4.5H9 M15 4.5h4.5V9 M19.5 15v4.5H15 M9 19.5H4.5V15',
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
      <path
        d={paths[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.8"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
