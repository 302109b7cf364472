/**
 * The race's page: four lanes, one for each way to read the same news. A lane's runner stands at the right as long as what it shows is
 * new, and falls behind as it ages. index.html loads it; it knows nothing of how news travel.
 */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Cost, type LaneName, lanes } from './channels.ts';
import { arrived, costs, cut, pace, pollMs, setRate, start, useStore } from './client.ts';

const rates = [0.1, 0.5, 1, 2, 5, 10, 20, 50];
const cutMs = 5000;

/** Each way, in a sentence. */
const words: Readonly<Record<LaneName, string>> = {
  polling: `asks each ${pollMs / 1000} s`,
  'long polling': 'asks, and is answered when there is something',
  SSE: 'one answer that goes on',
  WebSocket: 'one connection, both ways',
};

function App() {
  const cost = useStore(costs);
  const windows = useStore(pace).get('windows')?.value ?? 1;
  const [beginning, setBeginning] = useState<ReadonlyMap<LaneName, Cost>>();
  useEffect(() => {
    if (beginning || lanes.some((lane) => !cost.has(lane))) return;
    const all = new Map(lanes.map((lane) => [lane, cost.get(lane)?.value as Cost]));
    for (const [lane, { port }] of all) start(lane, port);
    setBeginning(all);
  }, [cost, beginning]);
  return (
    <main>
      <header>
        <h1>Syncline race</h1>
        <p>The same news over four transports. Each runner stands as far back as what it shows is old.</p>
      </header>
      <Controls />
      {windows > 1 && (
        <p role="note">
          {windows} windows are open: bytes, requests and connections are those of all of them together.
        </p>
      )}
      <section aria-label="Lanes">
        <p class="axis" aria-hidden="true">
          <span>10 s old</span>
          <span>1 s</span>
          <span>0.1 s</span>
          <span>new</span>
        </p>
        {lanes.map((lane) => (
          <Lane key={lane} name={lane} cost={spent(cost.get(lane)?.value, beginning?.get(lane))} />
        ))}
      </section>
      <footer>
        <p>
          Bytes are counted at a door of each lane's own, header fields included, both ways. All four read one
          log: whichever way a reader comes back, it goes on where it was.
        </p>
      </footer>
    </main>
  );
}

function Controls() {
  const perSecond = useStore(pace).get('perSecond')?.value ?? 1;
  const [away, setAway] = useState(false);
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>
          News per second: <output>{perSecond}</output>
        </span>
        <input
          type="range"
          min={0}
          max={rates.length - 1}
          value={rates.indexOf(perSecond)}
          onInput={({ currentTarget }) => setRate(rates[currentTarget.valueAsNumber] ?? 1)}
        />
      </label>
      <button
        type="button"
        disabled={away}
        onClick={() => {
          cut();
          setAway(true);
          setTimeout(() => setAway(false), cutMs);
        }}
      >
        {away ? 'The network is cut …' : 'Cut the network for 5 s'}
      </button>
    </form>
  );
}

function Lane({ name, cost }: { name: LaneName; cost: Cost | undefined }) {
  const { news, missing, doubled, last, delayMs, connected } = useStore(arrived[name]);
  const bytes = (cost?.bytesUp ?? 0) + (cost?.bytesDown ?? 0);
  return (
    <article
      class={connected ? '' : 'down'}
      aria-label={name}
      data-news={news}
      data-missing={missing + doubled}
    >
      <h2>
        {name} <small>{connected ? words[name] : 'no connection'}</small>
      </h2>
      <Track at={last?.at} n={last?.n} />
      <dl>
        <Figure label="late by" value={delayMs === undefined ? '–' : time(delayMs)} />
        <Figure label="bytes" value={size(bytes)} />
        <Figure label="bytes per news" value={news ? size(bytes / news) : '–'} />
        <Figure label="requests" value={String(cost?.requests ?? 0)} />
        <Figure label="connections" value={String(cost?.connections ?? 0)} />
        <Figure label="missing" value={String(missing + doubled)} bad={missing + doubled > 0} />
      </dl>
    </article>
  );
}

/** The runner: moved by the screen's own clock, since what it shows ages without anybody telling. */
function Track({ at, n }: { at: number | undefined; n: number | undefined }) {
  const runner = useRef<HTMLSpanElement>(null);
  const newest = useRef(at);
  newest.current = at;
  useEffect(() => {
    let frame = 0;
    const move = (): void => {
      const ageMs = newest.current === undefined ? Number.POSITIVE_INFINITY : Date.now() - newest.current;
      runner.current?.style.setProperty('--place', String(place(ageMs)));
      frame = requestAnimationFrame(move);
    };
    move();
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <div class="track">
      <span ref={runner}>{n ?? '–'}</span>
    </div>
  );
}

/** Where a runner stands whose news are so old: 1 for new, 0 for ten seconds and more, each tenfold a third. */
function place(ageMs: number): number {
  return 1 - Math.min(1, Math.max(0, Math.log10(Math.max(10, ageMs) / 10) / 3));
}

function Figure({ label, value, bad = false }: { label: string; value: string; bad?: boolean }) {
  return (
    <div class={bad ? 'bad' : ''}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What a lane has cost since this page began. */
function spent(now: Cost | undefined, then: Cost | undefined): Cost | undefined {
  if (!now || !then) return undefined;
  return {
    port: now.port,
    bytesUp: now.bytesUp - then.bytesUp,
    bytesDown: now.bytesDown - then.bytesDown,
    requests: now.requests - then.requests,
    connections: now.connections - then.connections,
  };
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${Math.round(bytes)} B` : `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`;
}

function time(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

render(<App />, document.body);
