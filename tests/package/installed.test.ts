// The packages as people get them: built, packed, installed in a folder of their own, and used there by a small application, which
// runs on JavaScript alone and is bundled for a browser. What a compiler says of both is told beside this file.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BUDGET, weigh } from '../../scripts/size.ts';
import { type Installed, install, manifestOf, root, start } from './install.ts';

let installed: Installed;

beforeAll(async () => {
  installed = await install();
  translate('channels.ts', 'server.ts', 'client.ts');
}, 240_000);
afterAll(() => {
  if (installed) rmSync(installed.home, { recursive: true, force: true });
});

/** Writes the JavaScript of the application's programs into the folder `out`. */
function translate(...files: readonly string[]): void {
  const { ES2022: target } = ts.ScriptTarget;
  const compilerOptions = { target, module: ts.ModuleKind.ESNext, rewriteRelativeImportExtensions: true };
  mkdirSync(join(installed.app, 'out'));
  for (const file of files) {
    const { outputText } = ts.transpileModule(readFileSync(join(installed.app, file), 'utf8'), {
      compilerOptions,
    });
    writeFileSync(join(installed.app, out(file.replace(/ts$/, 'js'))), outputText);
  }
}

interface Ended {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

async function finished(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...output, code };
}

/** A program of the application that goes on, its lines, and how it ends. */
function running(...args: readonly string[]) {
  const child = start(installed.app, ...args);
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = finished(child);
  const line = async (): Promise<string> => {
    const { value } = await lines.next();
    return value ?? `It ended: ${(await ended).err}`;
  };
  return { child, line, ended };
}

const out = (file: string): string => join('out', file);

describe('the packages, installed', { timeout: 120_000 }, () => {
  it('hold plain JavaScript, declarations and the sources that maps lead to, and nothing of the tests', () => {
    for (const name of installed.names) {
      const home = join(installed.modules, name);
      const files = globSync('**/*.*', { cwd: home });
      expect(files.filter((path) => /\.(test|suite|fixture)\.|testing|internal/.test(path))).toEqual([]);
      expect(existsSync(join(home, 'LICENSE'))).toBe(true);
      expect(readFileSync(join(home, 'README.md'), 'utf8')).not.toMatch(/\]\((?!https:)/);
      for (const map of files.filter((path) => path.endsWith('.map'))) {
        const { sources } = JSON.parse(readFileSync(join(home, map), 'utf8')) as { sources: string[] };
        for (const source of sources) expect(files).toContain(join(dirname(map), source));
      }
      for (const code of files.filter((path) => /^lib.*\.(js|d\.ts)$/.test(path)))
        expect(readFileSync(join(home, code), 'utf8'), code).not.toMatch(
          /^(im|ex)port .*['"]\.[^'"]*\.ts['"]/m,
        );
    }
  });

  it('bring what they read at run time', () => {
    const scripts = globSync('**/*.lua', { cwd: join(root, 'packages/server/src') });
    const there = globSync('**/*.lua', { cwd: join(installed.modules, '@syncline/server/lib') });
    expect(scripts.length).toBeGreaterThan(0);
    expect(there.sort()).toEqual(scripts.sort());
  });

  it('belong together by version, and each is there once', () => {
    for (const name of installed.names) {
      const { dependencies, peerDependencies, version } = manifestOf(join(installed.modules, name));
      for (const [other, range] of Object.entries({ ...dependencies, ...peerDependencies }))
        if (installed.names.includes(other)) expect(`${other}@${range}`).toBe(`${other}@${version}`);
    }
    expect(globSync('**/node_modules/@syncline/*', { cwd: installed.modules })).toEqual([]);
  });
});

describe('an application on JavaScript alone', { timeout: 120_000 }, () => {
  it('serves, publishes, stores on disk and folds documents', async () => {
    const server = running(out('server.js'), 'logs');
    const { port, token } = JSON.parse(await server.line()) as { port: number; token: string };
    const client = await finished(
      start(installed.app, out('client.js'), `ws://localhost:${port}/live`, token),
    );
    expect(client).toMatchObject({ err: '', code: 0 });
    expect(JSON.parse(client.out)).toEqual({
      texts: ['from the server', 'from the client'],
      offset: 2,
      refused: 'bad_option',
      status: 'idle',
    });
    server.child.stdin.write('7\n');
    expect(JSON.parse(await server.line())).toEqual({ shapes: { a: { x: 1 } } });
    server.child.stdin.end();
    expect(await server.ended).toMatchObject({ err: '', code: 0 });
  });

  it('finds the Redis broker, and the scripts that it sends', async () => {
    const code = "import { redis } from '@syncline/server/redis'; console.log(typeof redis)";
    expect(await finished(start(installed.app, '--input-type=module', '-e', code))).toEqual({
      out: 'function\n',
      err: '',
      code: 0,
    });
  });

  it('is served by the command', async () => {
    const command = join(installed.modules, '.bin', 'syncline');
    const { child, line, ended } = running(
      ...[command, 'serve', '--channels', out('channels.js'), '--port', '0', '--data', 'served'],
    );
    expect(await line()).toMatch(/^Syncline serves ws:\/\/localhost:\d+\/sync /);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ err: '', code: 0 });
  });
});

describe('a page', () => {
  it('has one copy of each library in its bundle', async () => {
    const { metafile } = await build({
      entryPoints: ['page.ts'],
      absWorkingDir: installed.app,
      ...{ bundle: true, write: false, metafile: true, format: 'esm', platform: 'browser' },
      tsconfigRaw: {},
    });
    const folders = Object.keys(metafile.inputs).map(
      (path) => /^(.*node_modules\/(@[^/]+\/)?[^/]+)\//.exec(path)?.[1],
    );
    const copies = [...new Set(folders)].filter((folder) => folder !== undefined).sort();
    const ours = ['client', 'protocol', 'react'].map((name) => `@syncline/${name}`);
    expect(copies).toEqual(
      [...ours, 'lib0', 'react', 'y-protocols', 'yjs'].map((name) => `node_modules/${name}`),
    );
  });

  it('weighs what it weighs from source', async () => {
    for (const source of Object.keys(BUDGET)) {
      const files = source.split(' + ');
      const here = await weigh(files.map((file) => join(root, file)).join(' + '));
      const installedAs = (path: string) => {
        const [, name = '', file = ''] = /^packages\/(\w+)\/src\/(.+)\.ts$/.exec(path) ?? [];
        return join(installed.modules, '@syncline', name, 'lib', `${file}.js`);
      };
      const there = await weigh(files.map(installedAs).join(' + '));
      expect(Math.abs(there.now / here.now - 1), `${source}: ${here.now}, ${there.now}`).toBeLessThan(0.02);
      expect(Math.abs(there.later - here.later), source).toBeLessThan(200);
    }
  });
});
