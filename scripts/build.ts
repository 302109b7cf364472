// `npm run build` makes of each package a folder that can be published, in dist/<name>: plain JavaScript, declarations, maps, the
// sources that maps lead to. `npm run pack` (`--pack`) makes tarballs of them too; `--out <folder>` puts everything elsewhere.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { compile } from './build/compile.ts';
import { built, type Package, publishedManifest, readPackages } from './build/packages.ts';

const root = resolve(import.meta.dirname, '..');

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** What a command for the shell imports in the clone is TypeScript; where it is installed, it isn't. */
function writeCommand(from: string, to: string): void {
  const text = readFileSync(from, 'utf8').replaceAll(/'\.\.\/src\/[^']+\.ts'/g, (path) =>
    path.replace('../src/', '../lib/').replace(/\.ts'$/, ".js'"),
  );
  write(to, text);
  chmodSync(to, 0o755);
}

function writePackage(one: Package, all: readonly Package[], out: string): void {
  const home = join(root, 'packages', one.folder);
  const folder = join(out, one.folder);
  write(join(folder, 'package.json'), `${JSON.stringify(publishedManifest(one, all), null, 2)}\n`);
  for (const path of one.sources) cpSync(join(home, path), join(folder, path));
  for (const path of one.assets) cpSync(join(home, path), join(folder, built(path, '')));
  for (const path of Object.values(one.manifest.bin ?? {}))
    writeCommand(join(home, path), join(folder, path));
  cpSync(join(home, 'README.md'), join(folder, 'README.md'));
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

/** What would trouble those who install the packages, a line each. */
async function complaints(packages: readonly Package[], out: string): Promise<string[]> {
  const found = packages.map(async ({ folder, manifest }) => {
    const { messages, pkg } = await publint({ pkgDir: join(out, folder), strict: true, pack: false });
    return messages.map((message) => `${manifest.name}: ${formatMessage(message, pkg, { color: false })}`);
  });
  return (await Promise.all(found)).flat();
}

/** Runs npm in `cwd`: the one that called us, or that of the PATH. @returns what it prints @throws an Error with its complaint */
export function npm(args: readonly string[], cwd: string): string {
  const cli = process.env['npm_execpath'];
  const own = cli !== undefined && /npm-cli\.c?js$/.test(cli) && existsSync(cli);
  const { stdout, stderr, status, error } = own
    ? spawnSync(process.execPath, [cli, ...args], { cwd, encoding: 'utf8' })
    : spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * Makes the packages anew in the folder `out`, one folder each; other things there stay.
 *
 * @param checked whether types are judged too. Default: yes
 * @returns their names, such as `@syncline/client`, with their folders
 * @throws an Error with all there is to mend: types, versions, what publint finds
 */
export async function buildPackages(
  out: string,
  { checked = true }: { readonly checked?: boolean } = {},
): Promise<ReadonlyMap<string, string>> {
  const packages = readPackages(root);
  const files = compile(root, packages, checked);
  for (const { folder } of packages) rmSync(join(out, folder), { recursive: true, force: true });
  for (const [path, text] of files) write(join(out, path), text);
  for (const one of packages) writePackage(one, packages, out);
  const found = await complaints(packages, out);
  if (found.length > 0) throw new Error(found.join('\n'));
  return new Map(packages.map(({ folder, manifest }) => [manifest.name, join(out, folder)]));
}

/** Makes a tarball of each folder, beside them in `out`. @returns the paths of the tarballs, in the order of the folders */
export function packFolders(folders: Iterable<string>, out: string): string[] {
  const args = ['pack', ...folders, '--pack-destination', out, '--json', '--ignore-scripts'];
  const packed = JSON.parse(npm(args, root)) as { readonly filename: string }[];
  return packed.map(({ filename }) => join(out, filename));
}

if (import.meta.main ?? process.argv[1]?.endsWith('build.ts')) {
  const { values } = parseArgs({
    options: { pack: { type: 'boolean' }, out: { type: 'string', default: 'dist' } },
  });
  const out = resolve(values.out);
  try {
    const packages = await buildPackages(out);
    const made = values.pack ? packFolders(packages.values(), out) : packages.values();
    for (const path of made) console.log(path);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    process.exitCode = 1;
  }
}
