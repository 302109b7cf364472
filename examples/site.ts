/**
 * The pages of the examples: answers GET requests from memory, and builds a page when it is first asked for. start.ts hands it
 * requests; as only what is in a table is ever answered, no path reaches the disk. It must not know what the pages talk about.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { townFiles } from './fleet/town.ts';
import { buildPage, type File, type Page } from './site/page.ts';

/** Every page there is. What is under none of their paths belongs to the first. */
const pages: readonly Page[] = [
  { path: '/', folder: 'home', text: true },
  { path: '/chat/', folder: 'chat' },
  { path: '/board/', folder: 'whiteboard' },
  { path: '/fleet/', folder: 'fleet', more: townFiles },
  { path: '/board/', folder: 'whiteboard' },
];

/** A file as it is sent: made smaller once, for all who take it so. */
interface Sent extends File {
  readonly zipped?: Uint8Array;
}
type Files = ReadonlyMap<string, Sent>;

const zip = promisify(gzip);
/** Below this nothing is won. */
const zippedBytesMin = 1400;
const built = new Map<Page, Promise<Files>>();

/** The files of a page by path; built once. A build that failed is tried again when it is asked for again. */
function filesOf(page: Page): Promise<Files> {
  const files = built.get(page) ?? buildPage(page).then(zipAll);
  built.set(page, files);
  files.catch(() => built.delete(page));
  return files;
}

async function zipAll(files: ReadonlyMap<string, File>): Promise<Files> {
  const all = [...files].map(async ([path, file]): Promise<[string, Sent]> => {
    if (file.body.length < zippedBytesMin) return [path, file];
    return [path, { ...file, zipped: await zip(file.body) }];
  });
  return new Map(await Promise.all(all));
}

/** Answers one request; Node itself leaves the body of an answer to HEAD out. */
export async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request;
  const path = url.split('?', 1)[0] ?? '';
  const common = { ...securityHeaders(headers.host), 'Cache-Control': 'no-cache' };
  const say = (status: number, text: string, more: Record<string, string> = {}): unknown =>
    response.writeHead(status, { ...common, 'Content-Type': 'text/plain; charset=utf-8', ...more }).end(text);
  if (method !== 'GET' && method !== 'HEAD') return void say(405, '', { Allow: 'GET, HEAD' });
  if (pages.some((page) => page.path === `${path}/`)) return void say(307, '', { Location: `${path}/` });
  const page = pages.findLast((one) => path.startsWith(one.path));
  const files = page && (await filesOf(page));
  const file = files?.get(path);
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
function securityHeaders(host = ''): Record<string, string> {
  const sockets = /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : '';
  return {
    'Content-Security-Policy': `default-src 'self'; connect-src 'self'${sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'`,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}
