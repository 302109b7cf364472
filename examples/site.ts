/**
 * The pages of the examples: bundles them once, then answers GET requests from memory. start.ts hands it requests; as
 * only what is in the table is ever answered, no path reaches the disk. It must not know what the pages talk about.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

interface File {
  readonly type: string;
  readonly body: Uint8Array;
}
/** Every path there is, and what it answers. */
export type Site = ReadonlyMap<string, File>;

const types = { css: 'text/css', html: 'text/html', js: 'text/javascript', svg: 'image/svg+xml' } as const;
const folder = fileURLToPath(new URL('.', import.meta.url));

/** Bundles the pages. Takes a fraction of a second. */
export async function buildSite(): Promise<Site> {
  const [bundled, page, icon] = await Promise.all([bundle(), read('chat/index.html'), read('chat/icon.svg')]);
  return new Map<string, File>([
    ['/', { type: types.html, body: page }],
    ['/chat/icon.svg', { type: types.svg, body: icon }],
    ...bundled,
  ]);
}

async function bundle(): Promise<[string, File][]> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ['chat/main.tsx', 'chat/chat.css'],
    outbase: '.',
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'silent',
  });
  return outputFiles.map(({ path, contents }) => {
    const type = path.endsWith('.css') ? types.css : types.js;
    return [`/${relative(`${folder}out`, path).replaceAll('\\', '/')}`, { type, body: contents }];
  });
}

function read(path: string): Promise<Uint8Array> {
  return readFile(new URL(path, import.meta.url));
}

/** Answers one request; Node itself leaves the body of an answer to HEAD out. */
export function answer(site: Site, request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const file = site.get(url.split('?', 1)[0] ?? '');
  const { type, body } = file ?? { type: 'text/plain', body: Buffer.from('There is nothing here; try /.\n') };
  const allowed = method === 'GET' || method === 'HEAD';
  response.writeHead(allowed ? (file ? 200 : 404) : 405, {
    ...securityHeaders(headers.host),
    ...(!allowed && { Allow: 'GET, HEAD' }),
    'Cache-Control': 'no-cache',
    'Content-Length': body.length,
    'Content-Type': `${type}; charset=utf-8`,
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
