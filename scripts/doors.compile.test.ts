/**
 * What an application must install beside each door of a package: what the door imports is declared, so that an installation says
 * what is missing, and what is left to choose is in an `npm install` line of every page of the guide that uses the door. Bundles
 * are asked what they import, and the compiler whether what is behind the doors fits looser settings than ours.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { build } from 'esbuild';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const root = new URL('..', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const packages = readdirSync(new URL('packages', root)).map((folder) => {
  const manifest = JSON.parse(read(`packages/${folder}/package.json`)) as Manifest;
  return { folder, ...manifest };
});
/** Doors that applications use, by what they write behind `from`. */
const doors = packages.flatMap(({ name, folder, exports }) =>
  Object.entries(exports)
    .filter(([door]) => !/^\.\/(internal|testing)/.test(door))
    .map(([door, path]) => ({ door: name + door.slice(1), file: `packages/${folder}/${path}` })),
);
const guide = readdirSync(new URL('docs/guide', root))
  .filter((page) => page.endsWith('.md'))
  .map((page) => ({ page, text: read(`docs/guide/${page}`) }));

/** The package of what is imported: `y-protocols/awareness` is of `y-protocols`. */
const packageOf = (path: string): string => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;

/** Packages of others that a door brings along, each with the packages of ours that import it. */
async function needs(file: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, Set<string>>();
  const { metafile } = await build({
    entryPoints: [file],
    absWorkingDir: new URL('.', root).pathname,
    ...{ bundle: true, splitting: true, write: false, metafile: true, outdir: 'out' },
    ...{ format: 'esm', platform: 'node', logLevel: 'silent', loader: { '.lua': 'text' } },
    plugins: [
      {
        name: 'outside',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
            kind === 'entry-point' || path.startsWith('@syncline/') ? undefined : { path, external: true },
          ),
      },
    ],
  });
  for (const [input, { imports }] of Object.entries(metafile.inputs)) {
    const [, folder] = /packages\/([^/]+)\//.exec(input) ?? [];
    for (const { path, external, kind } of imports) {
      // What is imported when it is needed says by itself what is missing.
      if (
        !external ||
        kind !== 'import-statement' ||
        path.startsWith('node:') ||
        builtinModules.includes(path) ||
        !folder
      )
        continue;
      const name = packageOf(path);
      found.set(name, (found.get(name) ?? new Set()).add(folder));
    }
  }
  return found;
}

describe.each(doors)('$door', ({ door, file }) => {
  it('declares what it imports, and the guide says what to install where it is used', async () => {
    const needed = await needs(file);
    for (const [name, folders] of needed) {
      for (const folder of folders) {
        const { dependencies, peerDependencies } = packages.find((one) => one.folder === folder) ?? {};
        expect({ ...dependencies, ...peerDependencies }, `packages/${folder} imports ${name}`).toHaveProperty(
          [name],
        );
        if (dependencies?.[name]) continue;
        for (const { page, text } of guide) {
          if (!text.includes(`from '${door}'`)) continue;
          const installs = [...text.matchAll(/npm install ([^\n`#]+)/g)].flatMap(([, names = '']) =>
            names.trim().split(/\s+/),
          );
          expect(installs, `docs/guide/${page} uses ${door}, which needs ${name}`).toContain(name);
        }
      }
    }
  });
});

it('what is behind the doors compiles in applications that are less strict, or know no newer methods', {
  timeout: 120_000,
}, () => {
  const options: ts.CompilerOptions = {
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, jsx: ts.JsxEmit.ReactJSX },
    ...{ lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: ['node'], allowImportingTsExtensions: true },
    ...{ strict: true, noEmit: true, skipLibCheck: true },
  };
  const files = doors.map(({ file }) => new URL(file, root).pathname);
  const program = ts.createProgram(files, options);
  const faults = program
    .getSourceFiles()
    .filter(({ fileName }) => /\/packages\/[^/]+\/src\//.test(fileName))
    .flatMap((file) => program.getSemanticDiagnostics(file))
    .map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  expect(faults).toEqual([]);
});

it('there are doors that need what an application installs, and the guide uses them', async () => {
  const of = async (door: string) => [
    ...(await needs(doors.find((one) => one.door === door)?.file ?? '')).keys(),
  ];
  expect((await of('@syncline/client/doc')).sort()).toEqual(['y-protocols', 'yjs']);
  expect(await of('@syncline/client')).toEqual([]);
  expect(await of('@syncline/react')).toEqual(['react']);
  const pages = (door: string) =>
    guide.filter(({ text }) => text.includes(`from '${door}'`)).map(({ page }) => page);
  expect(pages('@syncline/client/doc')).toEqual(['documents.md', 'react.md']);
  expect(pages('@syncline/react')).toEqual(['react.md']);
});
