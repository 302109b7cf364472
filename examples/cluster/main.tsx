/**
 * The cluster's page: the three nodes, the windows on each, a button that kills one, and what this window was sent meanwhile.
 * index.html loads it; it knows nothing of how nodes are started.
 */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { client, kill, nodes, self, tally, useStore, windows } from './client.ts';

/** What is remembered of what happened. */
const storyMax = 6;

function App() {
  const all = useStore(nodes.entries);
  const placed = useStore(windows.entries);
  const here = placed.get(self)?.value;
  const status = useStore(client.status);
  const names = [...all.keys()].sort();
  return (
    <main>
      <header>
        <h1>
          <a href="/" title="All examples">
            Syncline
          </a>{' '}
          cluster
        </h1>
        <p role="status" data-node={here ?? ''}>
          {status.state === 'open' && here ? (
            <>
              This window is on <b>{here}</b>
            </>
          ) : (
            'This window is on its way to another node …'
          )}
        </p>
      </header>
      <section class="nodes" aria-label="Nodes">
        {names.map((name) => (
          <Node
            key={name}
            name={name}
            pid={status.state === 'open' ? (all.get(name)?.value.pid ?? null) : undefined}
            windows={[...placed].flatMap(([id, { value }]) => (value === name ? [id] : []))}
          />
        ))}
      </section>
      <Tally />
      <Story here={here} running={names.filter((name) => all.get(name)?.value.pid).join(' ')} />
      <footer>
        <p>
          Ten numbered messages come each second. The nodes share one Redis, and a load balancer gives each
          connection to the next. The examples run on all three: <a href="/chat/">chat</a>,{' '}
          <a href="/fleet/">fleet</a>, <a href="/board/">whiteboard</a>. A node that was killed is started
          again after four seconds.
        </p>
        <p class="legend">
          <i /> A window at that node; <i class="own" /> this one.
        </p>
      </footer>
    </main>
  );
}

interface NodeProps {
  readonly name: string;
  /** Null: it was killed. Undefined: nobody knows, since this window has no connection. */
  readonly pid: number | null | undefined;
  readonly windows: readonly string[];
}

function Node({ name, pid, windows: ids }: NodeProps) {
  const words = pid ? `process ${pid}` : 'killed; it comes back';
  return (
    <article class={`${name} ${pid ? '' : 'down'}`}>
      <h2>{name}</h2>
      <p class="pid">{pid === undefined ? 'not known without a connection' : words}</p>
      <ul aria-label={`Windows on ${name}`}>
        {ids.map((id) => (
          <li
            key={id}
            class={id === self ? 'own' : ''}
            title={id === self ? 'This window' : 'Another window'}
          />
        ))}
      </ul>
      <button type="button" aria-label={`kill −9 ${name}`} disabled={!pid} onClick={() => void kill(name)}>
        kill −9
      </button>
    </article>
  );
}

function Tally() {
  const { received, missing, doubled, pauseMs } = useStore(tally);
  return (
    <dl aria-label="What this window was sent">
      <Figure label="messages" value={received} />
      <Figure label="missing" value={missing} bad={missing > 0} />
      <Figure label="doubled" value={doubled} bad={doubled > 0} />
      <Figure label="longest pause" value={`${Math.round(pauseMs)} ms`} />
    </dl>
  );
}

function Figure({ label, value, bad = false }: { label: string; value: number | string; bad?: boolean }) {
  return (
    <div class={bad ? 'bad' : ''}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What happened, the newest first. */
function Story({ here, running }: { here: string | undefined; running: string }) {
  const [lines, setLines] = useState<readonly string[]>([]);
  const before = useRef({ here, running, leftAt: 0 });
  useEffect(() => {
    const { here: was, running: ran, leftAt } = before.current;
    const now = performance.now();
    const told: string[] = [];
    for (const name of ran.split(' ')) if (name && !running.includes(name)) told.push(`${name} is gone`);
    for (const name of running.split(' '))
      if (name && ran && !ran.includes(name)) told.push(`${name} is back`);
    if (here && was && here !== was) told.push(`this window moved from ${was} to ${here}`);
    if (here && !was && leftAt > 0) told.push(`this window is on ${here}`);
    before.current = { here, running, leftAt: here ? 0 : leftAt || now };
    const time = new Date().toLocaleTimeString();
    if (told.length > 0)
      setLines((old) => [...told.map((line) => `${time} ${line}`), ...old].slice(0, storyMax));
  }, [here, running]);
  return (
    <ol aria-label="What happened">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ol>
  );
}

render(<App />, document.body);
