// Weighs what a browser downloads: each entry bundled, minified and gzipped, against its budget. What an entry loads later, when
// it is needed, is weighed by itself. Whoever needs more bytes raises the budget here, in plain sight.
import { basename, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Entry, or several that a page has together → most bytes it may weigh, gzipped. React, yjs and its relatives are the application's own and aren't counted. */
export const BUDGET: Readonly<Record<string, number>> = {
  'packages/client/src/streams.ts': 10_000,
  'packages/client/src/streams.ts + packages/client/src/http.ts': 12_000,
  'packages/client/src/index.ts': 14_750,
  'packages/client/src/docs.ts': 21_000,
  'packages/client/src/text.ts': 1_000,
  'packages/react/src/index.ts': 2_000,
  'packages/react/src/docs.ts': 2_000,
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
  for (const [entry, budget] of Object.entries(BUDGET)) {
    const { now, later } = await weigh(entry);
    const number = (value: number): string => value.toLocaleString('en');
    const rest = later > 0 ? `, and ${number(later)} when they are needed` : '';
    console.log(`${entry}: ${number(now)} of ${number(budget)} bytes gzipped${rest}`);
    if (now > budget) process.exitCode = 1;
  }
}
