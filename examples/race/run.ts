/**
 * `npm run race`: one stream of news, and a page that reads it four ways at once. Each way has a door of its own, whose meter says what
 * it costs. PORT changes where the page is; how fast the news come, and when the cable is cut, the page says.
 */
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, memory } from '@syncline/server';
import { answer } from '../site.ts';
import { channels, lanes } from './channels.ts';
import { type Meter, startMeter } from './meter.ts';

const pages = [{ path: '/race/', folder: 'race' }];
/** How often the page is told what the lanes cost. */
const tellMs = 500;
const cutMs = 5000;
const perSecondMax = 50;

async function run(): Promise<void> {
  /** What the page asks for besides its files, by path. */
  const orders = new Map<string, (value: number) => boolean>();
  let doors: readonly string[] = [];
  const http = createHttpServer((request, response) => {
    if (order(request, response, orders)) return;
    answer(request, response, pages, doors).catch(() => response.destroy());
  });
  http.listen(portOf(process.env), 'localhost');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const url = `http://localhost:${port}`;
  const server = createServer({ channels, broker: memory(), originsAllowed: [url] });
  server.attach(http);
  const meters = new Map<string, Meter>();
  for (const lane of lanes) meters.set(lane, await startMeter(port));
  doors = [...meters.values()].flatMap(({ cost }) =>
    ['http', 'ws'].map((scheme) => `${scheme}://localhost:${cost.port}`),
  );
  let n = 0;
  let feed: NodeJS.Timeout | undefined;
  const setRate = (perSecond: number): boolean => {
    if (!(perSecond > 0 && perSecond <= perSecondMax)) return false;
    clearInterval(feed);
    feed = setInterval(() => void server.publish('news', { n: ++n, at: Date.now() }), 1000 / perSecond);
    void server.set('pace', 'perSecond', perSecond);
    return true;
  };
  setRate(1);
  countWindows(http, (count) => void server.set('pace', 'windows', count));
  orders.set('rate', setRate).set('cut', () => {
    for (const meter of meters.values()) meter.cut(cutMs);
    return true;
  });
  const tell = setInterval(() => {
    for (const [lane, { cost }] of meters) void server.set('lanes', lane, cost);
  }, tellMs);
  console.log(`Syncline race: ${url}/race/ (the same news over four transports).`);
  const stop = (): void => {
    clearInterval(feed);
    clearInterval(tell);
    for (const meter of meters.values()) meter.close();
    void server.close({ drainMs: 0 }).finally(() => process.exit());
  };
  process.once('SIGINT', stop).once('SIGTERM', stop).once('disconnect', stop);
}

/** Tells how many pages are connected: the address of a page's own connection says what it is. */
function countWindows(http: HttpServer, tell: (count: number) => void): void {
  let count = 0;
  http.on('upgrade', ({ url }, socket) => {
    if (url !== '/sync?page') return;
    tell(++count);
    socket.once('close', () => tell(--count));
  });
}

/** `POST /race/<order>/<number>`, from the page. False: it is something else. */
function order(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  orders: ReadonlyMap<string, (value: number) => boolean>,
): boolean {
  const [, name = '', value] = /^\/race\/(\w+)\/([\d.]+)$/.exec(url) ?? [];
  const run = orders.get(name);
  if (method !== 'POST' || !run) return false;
  response.writeHead(run(Number(value)) ? 204 : 400).end();
  return true;
}

function portOf({ PORT = '8080' }: NodeJS.ProcessEnv): number {
  const port = Number(PORT);
  if (/^\d+$/.test(PORT) && port <= 65535) return port;
  throw new Error(`Expected PORT to be a number from 0 to 65535, got ${JSON.stringify(PORT)}.`);
}

await run().catch((thrown: unknown) => {
  console.error(`syncline: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  process.exit(1);
});
