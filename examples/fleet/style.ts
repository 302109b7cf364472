/**
 * How the city is drawn, by day and by night: the layers from the ground up. The map takes it; what it draws are the features that
 * city.ts makes, by their `kind` and `class`. It must not know couriers.
 */
import type {
  ExpressionSpecification,
  LayerSpecification,
  StyleSpecification,
  SymbolLayerSpecification,
} from 'maplibre-gl';

interface Palette {
  readonly land: string;
  readonly block: string;
  readonly house: string;
  readonly park: string;
  readonly water: string;
  readonly street: string;
  readonly main: string;
  readonly motorway: string;
  readonly casing: string;
  readonly text: string;
  readonly halo: string;
  readonly green: string;
  readonly blue: string;
}

const day: Palette = {
  land: '#f3f2ee',
  block: '#ebe9e3',
  house: '#dfdcd4',
  park: '#d5e6cc',
  water: '#b4d5ee',
  street: '#ffffff',
  main: '#fffdf4',
  motorway: '#fbe3b4',
  casing: '#dcd9d1',
  text: '#5b6170',
  halo: '#ffffffd9',
  green: '#4f7a4a',
  blue: '#3f78a8',
};
const night: Palette = {
  land: '#171a20',
  block: '#1d2128',
  house: '#252a33',
  park: '#1c2b24',
  water: '#152b3f',
  street: '#2c323d',
  main: '#38404e',
  motorway: '#5a4a2b',
  casing: '#12151a',
  text: '#97a0b0',
  halo: '#14171ce6',
  green: '#6f9c79',
  blue: '#6d9cc4',
};

/** Widths in pixels by zoom: of a street of that class, and of what is seen of its edges. */
const widths = {
  residential: [13.2, 0.4, 15, 3.4, 18, 30],
  tertiary: [11.5, 0.4, 14, 3, 18, 38],
  secondary: [11, 0.6, 14, 4, 18, 44],
  primary: [10, 0.8, 14, 5.5, 18, 52],
  motorway: [9, 1, 14, 7, 18, 64],
} as const;
const classes = ['residential', 'tertiary', 'secondary', 'primary', 'motorway'] as const;
type Class = (typeof classes)[number];

export function cityStyle(dark: boolean): StyleSpecification {
  const colours = dark ? night : day;
  return {
    version: 8,
    sources: { city: { type: 'geojson', data: '/fleet/city.json', maxzoom: 15, tolerance: 0.3 } },
    transition: { duration: 0, delay: 0 },
    layers: [
      { id: 'land', type: 'background', paint: { 'background-color': colours.land } },
      ground('block', colours.block, 12.6),
      ground('park', colours.park),
      ground('water', colours.water),
      ground('house', colours.house, 14.2),
      ...classes.map((one) => casing(one, colours)),
      ...classes.map((one) => street(one, colours)),
      ...labels(colours),
    ],
  };
}

function ground(kind: string, colour: string, minzoom = 0): LayerSpecification {
  const appears: ExpressionSpecification = [
    'interpolate',
    ['linear'],
    ['zoom'],
    minzoom,
    0,
    minzoom + 0.6,
    1,
  ];
  return {
    id: kind,
    type: 'fill',
    source: 'city',
    minzoom,
    filter: ['==', ['get', 'kind'], kind],
    paint: { 'fill-color': colour, ...(minzoom > 0 && { 'fill-opacity': appears }) },
  };
}

function width(one: Class, more: number): ExpressionSpecification {
  const [z1, w1, z2, w2, z3, w3] = widths[one];
  return ['interpolate', ['exponential', 1.5], ['zoom'], z1, w1 + more / 2, z2, w2 + more, z3, w3 + more];
}

function line(one: Class, id: string, colour: string, more: number): LayerSpecification {
  return {
    id,
    type: 'line',
    source: 'city',
    minzoom: one === 'residential' ? 12.6 : 0,
    filter: ['==', ['get', 'class'], one],
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colour, 'line-width': width(one, more) },
  };
}

const casing = (one: Class, { casing: colour }: Palette) => line(one, `${one}-casing`, colour, 1.4);

function street(one: Class, colours: Palette): LayerSpecification {
  const main = one === 'primary' || one === 'secondary';
  return line(one, one, one === 'motorway' ? colours.motorway : main ? colours.main : colours.street, 0);
}

const named: NonNullable<SymbolLayerSpecification['layout']> = {
  'text-field': ['get', 'name'],
  'text-font': ['sans-serif'],
};

/** Words, in the fonts that the browser has: none is loaded. */
function labels({ text, halo, green, blue }: Palette): LayerSpecification[] {
  const written = (colour: string) => ({
    'text-color': colour,
    'text-halo-color': halo,
    'text-halo-width': 1.4,
  });
  const along = { ...named, 'symbol-placement': 'line' } as const;
  const at = { ...named, 'text-max-width': 7 };
  const of = (kind: string): ExpressionSpecification => ['==', ['get', 'kind'], kind];
  const small: ExpressionSpecification = ['in', ['get', 'class'], ['literal', ['residential', 'tertiary']]];
  const base = { type: 'symbol', source: 'city' } as const;
  return [
    {
      ...base,
      id: 'street-names',
      minzoom: 15,
      filter: ['all', of('street'), small],
      layout: { ...along, 'text-size': 11, 'symbol-spacing': 400 },
      paint: written(text),
    },
    {
      ...base,
      id: 'road-names',
      minzoom: 13,
      filter: ['all', of('street'), ['!', small]],
      layout: { ...along, 'text-size': 12, 'symbol-spacing': 500 },
      paint: written(text),
    },
    {
      ...base,
      id: 'river-name',
      filter: of('river'),
      layout: { ...along, 'text-size': 14, 'text-letter-spacing': 0.25, 'symbol-spacing': 600 },
      paint: { 'text-color': blue },
    },
    {
      ...base,
      id: 'green-names',
      minzoom: 13.4,
      filter: of('green'),
      layout: { ...at, 'text-size': 12 },
      paint: written(green),
    },
    {
      ...base,
      id: 'quarter-names',
      minzoom: 11.6,
      maxzoom: 15,
      filter: of('quarter'),
      layout: { ...at, 'text-size': 12, 'text-letter-spacing': 0.12, 'text-transform': 'uppercase' },
      paint: written(text),
    },
  ];
}
