/**
 * The pages of the examples: answers GET requests from memory, and builds a page when it is first asked for. start.ts hands it
 * requests; as only what is in a table is ever answered, no path reaches the disk. It must not know what the pages talk about.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fleetFiles } from './fleet/town.ts';
import { buildPage, type File, type Page } from './site/page.ts';

/** The pages of `npm start`. What is under none of their paths belongs to the first. */
export const pages: readonly Page[] = [
  { path: '/', folder: 'home', text: true },
  { path: '/chat/', folder: 'chat' },
  { path: '/fleet/', folder: 'fleet', more: fleetFiles },
  { path: '/board/', folder: 'whiteboard' },
];

/** A file as it is sent: made smaller once, for all who take it so. */
interface Sent extends File {
  readonly zipped?: Uint8Array;
}

const zip = promisify(gzip);
/** Below this nothing is won. */
const zippedBytesMin = 1400;
/** What was built, by page or by path. */
const built = new Map<Page | string, Promise<ReadonlyMap<string, Sent>>>();

/** The file at a path, if there is one. */
async function fileAt(path: string, from: readonly Page[]): Promise<Sent | undefined> {
  const page = from.findLast((one) => path.startsWith(one.path));
  const make = page?.more?.get(path.slice(page.path.length));
  if (make) return (await once(path, async () => new Map([[path, await make()]]))).get(path);
  return page && (await once(page, () => buildPage(page))).get(path);
}

/** Builds something once. What failed is tried again when it is asked for again. */
function once(
  key: Page | string,
  build: () => Promise<ReadonlyMap<string, File>>,
): Promise<ReadonlyMap<string, Sent>> {
  const files = built.get(key) ?? build().then(zipAll);
  built.set(key, files);
  files.catch(() => built.delete(key));
  return files;
}

async function zipAll(files: ReadonlyMap<string, File>): Promise<ReadonlyMap<string, Sent>> {
  const all = [...files].map(async ([path, file]): Promise<[string, Sent]> => {
    if (file.body.length < zippedBytesMin) return [path, file];
    return [path, { ...file, zipped: await zip(file.body) }];
  });
  return new Map(await Promise.all(all));
}

/**
 * Answers one request; Node itself leaves the body of an answer to HEAD out.
 *
 * @param from the pages that are served
 * @param elsewhere origins, besides the page's own, that it may talk to
 */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  from = pages,
  elsewhere: readonly string[] = [],
): Promise<void> {
  const { method = '', url = '', headers } = request;
  const path = url.split('?', 1)[0] ?? '';
  const common = { ...securityHeaders(headers.host, elsewhere), 'Cache-Control': 'no-cache' };
  const say = (status: number, text: string, more: Record<string, string> = {}): unknown =>
    response.writeHead(status, { ...common, 'Content-Type': 'text/plain; charset=utf-8', ...more }).end(text);
  if (method !== 'GET' && method !== 'HEAD') return void say(405, '', { Allow: 'GET, HEAD' });
  if (path === '/whiteboard' || path === '/whiteboard/') return void say(307, '', { Location: '/board/' });
  if (from.some((page) => page.path === `${path}/`)) return void say(307, '', { Location: `${path}/` });
  const file = await fileAt(path, from);
  if (!file) return void say(404, 'There is nothing here; try /.\n');
  const zipped = /\bgzip\b/.test(String(headers['accept-encoding'])) ? file.zipped : undefined;
  const body = zipped ?? file.body;
  response.writeHead(200, {
    ...common,
    ...(file.zipped && { Vary: 'Accept-Encoding' }),
    ...(zipped && { 'Content-Encoding': 'gzip' }),
    'Content-Length': body.length,
    'Content-Type': `${file.type}; charset=utf-8`,
  });
  response.end(body);
}

/** A page may load and talk to its own server only. Older Safari doesn't count WebSockets as 'self'. */
function securityHeaders(host = '', elsewhere: readonly string[] = []): Record<string, string> {
  const own = /^[\w.:[\]-]+$/.test(host) ? [`ws://${host}`, `wss://${host}`] : [];
  const sockets = [...own, ...elsewhere].map((origin) => ` ${origin}`).join('');
  return {
    'Content-Security-Policy': `default-src 'self'; connect-src 'self'${sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'`,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}
