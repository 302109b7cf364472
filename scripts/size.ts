// Weighs what a browser downloads: each entry bundled, minified and gzipped, against its budget. What an entry loads later, when
// it is needed, is weighed by itself. Whoever needs more bytes raises the budget here, in plain sight.
import { basename, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** What somebody imports, and the most bytes that it may weigh, gzipped. */
type Budget = {
  readonly import: string;
  readonly bytesMax: number;
  /** Of what is loaded later, when it is needed. */
  readonly laterBytesMax?: number;
  readonly doc: string;
};

/** By entry, or several that a page has together. React, yjs and its relatives are the application's own and aren't counted. */
export const BUDGET: Readonly<Record<string, Budget>> = {
  'packages/client/src/streams.ts': {
    import: '@syncline/client/stream',
    bytesMax: 10_000,
    doc: 'streams only',
  },
  'packages/client/src/streams.ts + packages/client/src/http.ts': {
    import: '@syncline/client/stream and /http',
    bytesMax: 12_000,
    doc: 'streams, also where WebSocket can’t pass',
  },
  'packages/client/src/index.ts': {
    import: '@syncline/client',
    bytesMax: 14_750,
    doc: 'streams, keyed values and views, presence and signals',
  },
  'packages/client/src/docs.ts': {
    import: '@syncline/client/doc',
    bytesMax: 21_000,
    laterBytesMax: 2_500,
    doc: 'all of it, and documents; later: what keeps a copy of them in the browser',
  },
  'packages/client/src/text.ts': {
    import: '@syncline/client/text',
    bytesMax: 1_000,
    doc: 'a form field, beside `/doc`',
  },
  'packages/react/src/index.ts': {
    import: '@syncline/react',
    bytesMax: 2_000,
    doc: 'hooks, beside a client',
  },
  'packages/react/src/docs.ts': {
    import: '@syncline/react/doc',
    bytesMax: 2_000,
    doc: 'hooks, beside a client with documents',
  },
};

/** Bytes of what is loaded at once, and of what is loaded later, if anything. */
export async function weigh(entry: string): Promise<{ readonly now: number; readonly later: number }> {
  const files = entry.split(' + ');
  const contents = files.map((file) => `export * from ${JSON.stringify(resolve(file))};`).join('\n');
  const { outputFiles } = await build({
    ...(files.length > 1 ? { stdin: { contents, resolveDir: '.' } } : { entryPoints: files }),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['react', 'yjs', 'y-protocols', 'lib0'],
    legalComments: 'none',
    outdir: 'out',
    write: false,
  });
  const main = files.length > 1 ? 'stdin' : basename(entry).replace(/\.[jt]s$/, '');
  const parts = outputFiles.map(({ path, text, contents }) => ({
    name: basename(path, '.js'),
    text,
    contents,
  }));
  // The entry, and what it imports outright; what it only calls for with `import()` comes later.
  const names = new Set([main]);
  for (const name of names) {
    const text = parts.find((part) => part.name === name)?.text ?? '';
    for (const [, found = ''] of text.matchAll(/(?:from|import)"\.\/([^"]+)\.js"/g)) names.add(found);
  }
  const sum = (now: boolean) =>
    parts
      .filter(({ name }) => names.has(name) === now)
      .reduce((bytes, { contents }) => bytes + gzipSync(contents, { level: 9 }).length, 0);
  return { now: sum(true), later: sum(false) };
}

if (import.meta.main ?? process.argv[1]?.endsWith('size.ts')) {
  for (const [entry, { bytesMax, laterBytesMax = 0 }] of Object.entries(BUDGET)) {
    const { now, later } = await weigh(entry);
    const of = (bytes: number, most: number): string =>
      `${bytes.toLocaleString('en')} of ${most.toLocaleString('en')} bytes`;
    const rest = later > 0 ? `, and ${of(later, laterBytesMax)} when they are needed` : '';
    console.log(`${entry}: ${of(now, bytesMax)} gzipped${rest}`);
    if (now > bytesMax || later > laterBytesMax) process.exitCode = 1;
  }
}
