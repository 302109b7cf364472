// Weighs what a browser downloads: each entry bundled, minified and gzipped, against its budget.
// Whoever needs more bytes raises the budget here, in plain sight.
import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Entry → most bytes it may weigh, gzipped. yjs and its relatives are the application's own and aren't counted. */
const BUDGET: Readonly<Record<string, number>> = {
  'packages/client/src/streams.ts': 10_000,
  'packages/client/src/index.ts': 12_000,
  'packages/client/src/docs.ts': 17_500,
};

async function weigh(entry: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['yjs', 'y-protocols', 'lib0'],
    legalComments: 'none',
    write: false,
  });
  return outputFiles.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0);
}

for (const [entry, budget] of Object.entries(BUDGET)) {
  if (!existsSync(entry)) {
    console.log(`${entry}: isn't here, nothing to weigh`);
    continue;
  }
  const bytes = await weigh(entry);
  const number = (value: number): string => value.toLocaleString('en');
  console.log(`${entry}: ${number(bytes)} of ${number(budget)} bytes gzipped`);
  if (bytes > budget) process.exitCode = 1;
}
