/**
 * The programs that tests start again and again, each as one file: a node that lives for seconds spends a third of its time on finding and
 * reading hundreds of modules. scripts/setup.ts has them made, and whoever starts one asks here where it is. It must not know what they do.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const programs = [
  'examples/start.ts',
  'tests/faults/harness/node.fixture.ts',
  'tests/faults/harness/crowd.fixture.ts',
];
/** Where they are; without it, as outside of a test run, programs are started as they are written. */
const variable = 'SYNCLINE_CHILDREN';

/** Makes them in the folder `out`, which is there once all of them are, and has tests start them. */
export async function makeChildren(out: string): Promise<void> {
  process.env[variable] = out;
  await build({
    ...{
      entryPoints: programs,
      outdir: `${out}.draft`,
      absWorkingDir: root,
      outExtension: { '.js': '.mjs' },
    },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node22', logLevel: 'silent' },
    // What has programs of its own, and what is looked for in vain.
    external: ['esbuild', 'bufferutil', 'utf-8-validate'],
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
    plugins: [inPlace, builtins],
  });
  renameSync(`${out}.draft`, out);
}

/** The file to start for a program of this project: the one that was made of it, or the program itself. */
export function childOf(program: string): string {
  const out = process.env[variable];
  const made = out && join(out, relative(root, program).replace(/\.ts$/, '.mjs'));
  return made && existsSync(made) ? made : program;
}

/** Each module finds what lies beside it, as if it were still there. */
const inPlace: Plugin = {
  name: 'in place',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
    })),
};

/** An `import` of Node's own modules loads all that they could ever need, `fetch` too. */
const builtins: Plugin = {
  name: 'builtins',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
