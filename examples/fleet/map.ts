/**
 * The map with the couriers over it: makes it, draws it, and moves the view of the channel with what is on the screen. The page
 * tells it whom to follow, and is told whom somebody picked; it must not know the page's panels.
 */
import { Map as CityMap, type MapOptions, setWorkerUrl } from 'maplibre-gl';
import { type Courier, type Couriers, spotOf } from './couriers.ts';
import { Markers } from './markers.ts';
import type { Spot } from './motion.ts';
import { cityStyle } from './style.ts';

/** What the view of the channel is narrowed to. */
export interface Window {
  readonly keys?: readonly string[];
  readonly bbox?: readonly [west: number, south: number, east: number, north: number];
  readonly maxHz?: number;
}

interface Told {
  /** Somebody touched a courier, or none. */
  readonly onPick: (name: string | null) => void;
  /** So many are on the screen. */
  readonly onSeen: (count: number) => void;
  /** The user moved the map away from whom it follows. */
  readonly onDrag: () => void;
  /** All of it is drawn that is on the screen. */
  readonly onReady: () => void;
  /** This much is looked at from now on. */
  readonly onWindow: (window: Window) => void;
}

const tilePixels = 512;
const options = {
  center: [6.9, 55.2],
  zoom: 14,
  minZoom: 10.8,
  maxZoom: 18,
  maxBounds: [
    [6.76, 55.12],
    [7.04, 55.28],
  ],
  dragRotate: false,
  pitchWithRotate: false,
  touchPitch: false,
  renderWorldCopies: false,
  attributionControl: false,
} as const satisfies Partial<MapOptions>;
/** How much more than the screen is subscribed to on each side, so that nobody pops up at its edge. */
const margin = 0.12;
/** The map tells where it is on each frame of a movement; the server need not be told so often. */
const windowMs = 120;

const earthMetres = 40_075_017;
/** A smaller step than this nobody sees. */
const stepPixels = 0.2;
const ridesMetresPerSecond = 8;

setWorkerUrl('/fleet/worker.js');

export class FleetMap {
  /** Whom the map keeps in its middle. */
  following: string | null = null;
  selected: string | null = null;
  trail: readonly Spot[] = [];
  readonly #map: CityMap;
  readonly #markers = new Markers();
  readonly #couriers: Couriers;
  readonly #told: Told;
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  readonly #leaving = new AbortController();
  /** One courier whose fixes alone are wanted. */
  #only: string | null = null;
  #window: Window = {};
  #windowAt = 0;
  /** Whether something of the map could not be fetched. */
  #broken = false;
  #zoomGoal = 0;
  #drawnAt = 0;
  #moving = true;
  #seen = -1;
  #seenAt = 0;

  constructor(container: HTMLElement, couriers: Couriers, told: Told) {
    this.#couriers = couriers;
    this.#told = told;
    this.#map = new CityMap({ ...options, container, style: cityStyle(this.#dark.matches) });
    this.#map.touchZoomRotate.disableRotation();
    this.#map.keyboard.disableRotation();
    this.#markers.canvas.className = 'couriers';
    this.#map.getCanvasContainer().append(this.#markers.canvas);
    this.#map.on('render', () => this.#draw(performance.now()));
    this.#map.on('error', () => {
      this.#broken = true;
    });
    this.#map.once('load', () => told.onReady());
    this.#map.on('move', () => this.#look(false));
    this.#map.on('moveend', () => this.#look(true));
    this.#map.on('resize', () => this.#look(true));
    this.#map.on('click', ({ point }) => {
      if (!this.#only) told.onPick(this.#markers.hit(point.x, point.y));
    });
    this.#map.on('dragstart', () => told.onDrag());
    this.#map.on('mousemove', ({ point }) => {
      this.#map.getCanvas().style.cursor = this.#markers.hit(point.x, point.y) ? 'pointer' : '';
    });
    this.#dark.addEventListener('change', () => this.#colour(true), { signal: this.#leaving.signal });
    this.#colour(false);
    this.#look(true);
    this.#loop();
  }

  /** Looks at one courier alone, or at all on the screen again. */
  only(name: string | null): void {
    this.#only = name;
    if (name) this.#map.setZoom(Math.max(15, this.#map.getZoom()));
    this.#look(true);
  }

  zoomBy(levels: number): void {
    // Pressed twice in a row, it goes two levels.
    const from = this.#map.isMoving() ? this.#zoomGoal : this.#map.getZoom();
    this.#zoomGoal = from + levels;
    this.#map.easeTo({ zoom: this.#zoomGoal, duration: 250 });
  }

  /** Fetches the city again if it could not be fetched: the server is back. */
  mend(): void {
    if (!this.#broken) return;
    this.#broken = false;
    this.#colour(true);
  }

  /** Room that the page's own panels take, in pixels: the middle is the middle of the rest. */
  pad(padding: { readonly left: number; readonly bottom: number }): void {
    this.#map.setPadding({ top: 0, right: 0, ...padding });
  }

  /** The street that a courier is on, as far as it is drawn. */
  streetOf({ motion }: Courier): string | undefined {
    const { x, y } = this.#map.project(lngLatOf(motion.goal));
    const box: [[number, number], [number, number]] = [
      [x - 8, y - 8],
      [x + 8, y + 8],
    ];
    if (!this.#map.isStyleLoaded()) return undefined;
    const layers = ['residential', 'tertiary', 'secondary', 'primary', 'motorway'];
    const [found] = this.#map.queryRenderedFeatures(box, { layers });
    return found?.properties['name'] as string | undefined;
  }

  remove(): void {
    this.#leaving.abort();
    this.#map.remove();
  }

  #loop(): void {
    if (this.#leaving.signal.aborted) return;
    requestAnimationFrame(() => this.#loop());
    const now = performance.now();
    const followed = this.#couriers.all.get(this.following ?? '');
    // The map draws itself then, and the couriers with it: in the same frame, or they would tremble over it.
    if (followed && !this.#map.isMoving()) this.#keepInMiddle(followed, now);
    const restsMs = this.#moving || this.#couriers.changedAt > this.#drawnAt ? this.#frameMs() : 500;
    if (now - this.#drawnAt >= restsMs) this.#draw(now);
  }

  /** After how long somebody who rides is seen to have moved: from afar that is much longer than a frame lasts. */
  #frameMs(): number {
    const around = earthMetres * Math.cos((this.#map.getCenter().lat * Math.PI) / 180);
    const pixelsPerMetre = (tilePixels * 2 ** this.#map.getZoom()) / around;
    return Math.min(80, (1000 * stepPixels) / (ridesMetresPerSecond * pixelsPerMetre));
  }

  /** The whole map is drawn anew for it, so not for less than can be seen. */
  #keepInMiddle({ motion }: Courier, now: number): void {
    const spot = motion.at(now);
    const { lng, lat } = this.#map.getCenter();
    const centre = spotOf({ lng, lat, heading: 0 });
    const pixels = Math.hypot(spot.x - centre.x, spot.y - centre.y) * tilePixels * 2 ** this.#map.getZoom();
    if (pixels > 0.5) this.#map.jumpTo({ center: lngLatOf(spot) });
  }

  #draw(now: number): void {
    const map = this.#map;
    const centre = map.getCenter();
    const middle = spotOf({ lat: centre.lat, lng: centre.lng, heading: 0 });
    const { x, y } = map.project(centre);
    const zoom = map.getZoom();
    const frame = { middle, origin: [x, y] as const, world: tilePixels * 2 ** zoom, zoom };
    const { all } = this.#couriers;
    const conditionOf = (courier: Courier) => this.#couriers.conditionOf(courier);
    const { selected, trail } = this;
    const couriers = this.#only ? [...all.values()].filter(({ name }) => name === this.#only) : all.values();
    const { seen, moving } = this.#markers.draw(frame, { couriers, conditionOf, selected, trail }, now);
    this.#drawnAt = now;
    this.#moving = moving;
    if (seen === this.#seen || now - this.#seenAt < 250) return;
    this.#seen = seen;
    this.#seenAt = now;
    this.#told.onSeen(seen);
  }

  #colour(anew: boolean): void {
    const dark = this.#dark.matches;
    this.#markers.dark = dark;
    if (anew) this.#map.setStyle(cityStyle(dark), { diff: false });
  }

  /** Tells what is looked at, if that is something else than before. */
  #look(now: boolean): void {
    const at = performance.now();
    if (!now && at - this.#windowAt < windowMs) return;
    const window: Window = this.#only ? { keys: [this.#only], maxHz: 4 } : this.#onScreen();
    if (!now && !this.#only && this.#window.bbox && this.#window.maxHz === window.maxHz && this.#isCovered())
      return;
    this.#windowAt = at;
    this.#window = window;
    this.#told.onWindow(window);
  }

  #onScreen(): Window {
    const [west, south, east, north] = this.#bounds();
    const [wide, high] = [(east - west) * margin, (north - south) * margin];
    const zoom = this.#map.getZoom();
    // From afar nobody sees the difference.
    const maxHz = zoom < 12 ? 0.5 : zoom < 14 ? 1 : 4;
    return { bbox: [west - wide, south - high, east + wide, north + high], maxHz };
  }

  /** Whether what is on the screen is subscribed to, and not much more than that. */
  #isCovered(): boolean {
    const [west, south, east, north] = this.#bounds();
    const { bbox } = this.#window;
    if (!bbox) return false;
    const inside = west >= bbox[0] && south >= bbox[1] && east <= bbox[2] && north <= bbox[3];
    return inside && bbox[2] - bbox[0] < 3 * (east - west);
  }

  #bounds(): readonly [number, number, number, number] {
    const bounds = this.#map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }
}

/** Where a spot of the plane lies. */
function lngLatOf({ x, y }: Spot): { lng: number; lat: number } {
  const lat = (360 / Math.PI) * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - 90;
  return { lng: (x - 0.5) * 360, lat };
}
