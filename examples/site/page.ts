/**
 * How the files of one page come about: its `main.tsx` and its style sheets are bundled, its index.html and icon are taken as
 * they are, and what it needs besides it makes itself. site.ts asks for them; it must not know who asks it, nor for what.
 */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface File {
  readonly type: string;
  readonly body: Uint8Array;
}

export interface Page {
  /** Where it is served, with a slash at the end. */
  readonly path: string;
  /** Its folder beside site.ts. */
  readonly folder: string;
  /** Whether it is text and style alone, without a script. */
  readonly text?: boolean;
  /** Files that are neither in its folder nor bundled, by name; each is made when it is asked for. */
  readonly more?: ReadonlyMap<string, () => Promise<File>>;
}

export const types = {
  css: 'text/css',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  svg: 'image/svg+xml',
} as const;

const examples = fileURLToPath(new URL('..', import.meta.url));

/** The files of a page by the path that they are served at, but for `more`. Takes a fraction of a second. */
export async function buildPage(page: Page): Promise<ReadonlyMap<string, File>> {
  const names = await readdir(`${examples}${page.folder}`);
  const sheets = names.filter((name) => name.endsWith('.css'));
  const icons = names.filter((name) => name.endsWith('.svg'));
  const [index, bundled, ...drawn] = await Promise.all([
    read(page, 'index.html'),
    bundle(page, page.text ? sheets : ['main.tsx', ...sheets]),
    ...icons.map(
      async (name): Promise<[string, File]> => [name, { type: types.svg, body: await read(page, name) }],
    ),
  ]);
  const files: [string, File][] = [['', { type: types.html, body: index }], ...drawn, ...bundled];
  return new Map(files.map(([name, file]) => [page.path + name, file]));
}

async function bundle({ folder }: Page, entryPoints: readonly string[]): Promise<[string, File][]> {
  const { outputFiles } = await build({
    absWorkingDir: `${examples}${folder}`,
    entryPoints: [...entryPoints],
    outbase: '.',
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // What is made for React runs on Preact here.
    alias: { react: 'preact/compat' },
    legalComments: 'eof',
    logLevel: 'silent',
  });
  return outputFiles.map(({ path, contents }) => {
    const name = path.replaceAll('\\', '/').split('/').at(-1) ?? '';
    return [name, { type: name.endsWith('.css') ? types.css : types.js, body: contents }];
  });
}

function read({ folder }: Page, name: string): Promise<Uint8Array> {
  return readFile(`${examples}${folder}/${name}`);
}
