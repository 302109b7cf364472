/**
 * The fleet page: the map of all couriers, or, at `#order/…`, of the one that brings an order. index.html loads it. What moves is
 * the map's matter; here is what stands still.
 */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { connectingMs, TryNow } from '../shared/try-now.tsx';
import { CourierCard } from './card.tsx';
import { client, couriers, duty, orderInAddress, useStore, view, watch } from './client.ts';
import type { Condition } from './couriers.ts';
import { FleetMap } from './map.ts';
import { marks } from './markers.ts';
import { Order } from './order.tsx';
import { timeOf } from './words.ts';

const phone = matchMedia('(max-width: 720px)');

function App() {
  const [selected, select] = useState<string | null>(null);
  const [following, follow] = useState(false);
  const { box, map, failure, ready, seen } = useMap(select, follow);
  const order = useOrder();
  const fresh = useStore(view.freshness);
  useEffect(() => {
    if (fresh.state === 'live') map?.mend();
  }, [map, fresh]);
  const shown = order ?? selected;
  // Whoever is looked at may leave the map.
  useEffect(() => (shown === null ? undefined : watch(shown)), [shown]);
  useEffect(() => {
    if (!map) return;
    select(null);
    follow(order !== null);
    map.only(order);
    const [left, bottom] = order === null ? [0, 0] : phone.matches ? [0, 300] : [360, 0];
    map.pad({ left, bottom });
  }, [map, order]);
  if (map) {
    map.selected = shown;
    map.following = following ? shown : null;
  }
  const card = map && shown && { name: shown, map, following, follow };
  return (
    <>
      <div class="map" ref={box} role="application" aria-label="Map of the couriers" />
      <header class="panel">
        <h1>
          <a href="/" title="All examples">
            Syncline
          </a>{' '}
          {order ? <a href="#all">fleet</a> : 'fleet'}
        </h1>
        {!order && <Count seen={seen} />}
        <Status />
        {failure && <p role="alert">{failure}</p>}
        {!ready && !failure && <output class="coming">The map is coming …</output>}
      </header>
      {!order && <Legend />}
      <div class="zoom panel">
        <button type="button" aria-label="Zoom in" onClick={() => map?.zoomBy(1)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => map?.zoomBy(-1)}>
          −
        </button>
      </div>
      {card && order && <Order key={shown} {...card} />}
      {card && !order && <CourierCard key={shown} {...card} close={() => select(null)} />}
    </>
  );
}

/** The map, from when it stands in the page, and how many couriers it shows. */
function useMap(onPick: (name: string | null) => void, follow: (on: boolean) => void) {
  const box = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<FleetMap>();
  const [failure, setFailure] = useState('');
  const [ready, setReady] = useState(false);
  const [seen, setSeen] = useState(0);
  useEffect(() => {
    if (!box.current) return;
    const stop = couriers.follow(view);
    const sweep = setInterval(() => couriers.sweep(), 30_000);
    let made: FleetMap | undefined;
    try {
      made = new FleetMap(box.current, couriers, {
        onPick: (name) => {
          onPick(name);
          follow(false);
        },
        onReady: () => setReady(true),
        onSeen: setSeen,
        onDrag: () => follow(false),
        onWindow: ({ maxHz = 1, ...window }) => {
          couriers.dueMs = Math.max(1000, 1000 / maxHz);
          view.update({ ...window, maxHz });
        },
      });
      setMap(made);
    } catch {
      setFailure('The map can’t be drawn: it needs WebGL, which this browser has not, or has switched off.');
    }
    return () => {
      clearInterval(sweep);
      stop();
      made?.remove();
    };
  }, []);
  return { box, map, failure, ready, seen };
}

function useOrder(): string | null {
  const [order, setOrder] = useState(orderInAddress);
  useEffect(() => addEventListener('hashchange', () => setOrder(orderInAddress())), []);
  return order;
}

/** Those on the screen, of all there are. Who was offline for long is on no map. */
function Count({ seen }: { seen: number }) {
  const all = useStore(duty)?.value.couriers;
  return (
    <>
      <output class="count">
        You see <b>{seen}</b> {all === undefined ? '' : `of ${Math.max(all, seen)} `}couriers
      </output>
      {all !== undefined && seen < all && <small>The others are off the screen, or long offline.</small>}
    </>
  );
}

/** How fresh the view is, as the SDK tells it. */
function Status() {
  const is = useStore(view.freshness);
  const [, redraw] = useState({});
  useEffect(() => void setTimeout(redraw, connectingMs, {}), [is]);
  const words = (): string => {
    if (is.state === 'live') return 'Live';
    if (is.state === 'refused') return is.error.message;
    if (is.state !== 'stale') return 'Catching up';
    const late = Date.now() - is.since >= connectingMs;
    return late ? `Offline since ${timeOf(is.since)}: nobody moves until it is back` : 'Connecting …';
  };
  return (
    <div class="status">
      <output class={`freshness ${is.state}`}>{words()}</output>
      {is.state === 'stale' && <TryNow client={client} />}
    </div>
  );
}

const meanings: readonly (readonly [Condition, string])[] = [
  ['riding', 'riding'],
  ['waiting', 'at a stop'],
  ['stale', 'no position for 10 s'],
  ['offline', 'offline'],
];

/** The marks as the map draws them. */
function Legend() {
  return (
    <ul class="legend panel" aria-label="What the marks mean">
      {meanings.map(([condition, words]) => (
        <li key={condition} class={condition}>
          <svg viewBox="-12 -15 24 28" aria-hidden="true">
            <path d={marks[condition].outline} class={marks[condition].filled ? 'filled' : 'hollow'} />
          </svg>
          {words}
        </li>
      ))}
    </ul>
  );
}

render(<App />, document.body);
