// An application's folder outside the project, with the packages installed in it from their tarballs as they would come from a
// registry, or laid there for a compiler. What others wrote is copied from the project's own node_modules, so that npm finds all it
// needs without a network.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildPackages, npm, packFolders } from '../../scripts/build.ts';

export const root = join(import.meta.dirname, '..', '..');

type Names = Readonly<Record<string, string>>;
interface Manifest {
  readonly version: string;
  readonly dependencies?: Names;
  readonly peerDependencies?: Names;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** What this application uses besides Syncline. */
const others = ['@types/node', '@types/react', 'react', 'redis', 'y-protocols', 'yjs'];

/** What those have installed who have documents, a page or several nodes. */
const optional = /[\\/]node_modules[\\/](yjs|y-protocols|lib0|redis|@redis|react|\.bin)$/;

export interface Installed {
  /** What is to be removed in the end. */
  readonly home: string;
  /** The application's folder. */
  readonly app: string;
  /** Where it was laid out: a copy of it without anything that is optional. */
  readonly lean: string;
  /** Where its packages are. */
  readonly modules: string;
  /** Names of our packages. */
  readonly names: readonly string[];
}

/** Builds, packs and installs all packages, in a new folder that is the caller's to remove. Their types aren't judged. */
export function install(): Promise<Installed> {
  return inFolder(async (home) => {
    const packages = await buildPackages(join(home, 'dist'), { checked: false });
    const made = prepare(home, packages);
    const tarballs = packFolders(packages.values(), join(home, 'dist'));
    npm(['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs], made.app);
    return made;
  });
}

/** Builds all packages with their types judged, and lays them where a compiler looks for them, without npm. */
export function layOut(): Promise<Installed> {
  return inFolder(async (home) => {
    const packages = await buildPackages(join(home, 'dist'));
    const made = prepare(home, packages);
    for (const [name, folder] of packages) cpSync(folder, join(made.modules, name), { recursive: true });
    cpSync(made.app, made.lean, { recursive: true, filter: (path) => !optional.test(path) });
    return made;
  });
}

async function inFolder(make: (home: string) => Promise<Installed>): Promise<Installed> {
  // The real path: tools tell files by it, and the folder of some systems is a link.
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'syncline-package-')));
  try {
    return await make(home);
  } catch (thrown) {
    rmSync(home, { recursive: true, force: true });
    throw thrown;
  }
}

/** The application, with all that others wrote. */
function prepare(home: string, packages: ReadonlyMap<string, string>): Installed {
  const app = join(home, 'app');
  const modules = join(app, 'node_modules');
  const names = [...packages.keys()];
  const needed = [...packages.values()].flatMap((folder) =>
    Object.keys(manifestOf(folder).dependencies ?? {}),
  );
  for (const name of [...others, ...needed]) if (!names.includes(name)) bring(name, root, modules);
  cpSync(join(import.meta.dirname, 'app'), app, { recursive: true });
  const dependencies = Object.fromEntries(
    others.map((name) => [name, manifestOf(join(modules, name)).version]),
  );
  writeFileSync(join(app, 'package.json'), JSON.stringify({ type: 'module', private: true, dependencies }));
  return { home, app, lean: join(home, 'lean'), modules, names };
}

/** Copies a package of others, and those that it needs, from where `from` would find it. */
function bring(name: string, from: string, modules: string): void {
  const to = join(modules, name);
  if (existsSync(to)) return;
  const source = locate(name, from);
  mkdirSync(dirname(to), { recursive: true });
  cpSync(source, to, { recursive: true });
  for (const needed of Object.keys(manifestOf(source).dependencies ?? {}))
    if (!existsSync(join(source, 'node_modules', needed))) bring(needed, source, modules);
}

function locate(name: string, from: string): string {
  const place = join(from, 'node_modules', name);
  if (existsSync(place)) return realpathSync(place);
  if (from === dirname(from)) throw new Error(`${name} isn't installed in this project.`);
  return locate(name, dirname(from));
}

/** Starts a program of the application where Node takes JavaScript only. */
export function start(app: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
  // What is compiled in a folder that goes needn't be kept.
  const env = { ...process.env, NODE_OPTIONS: '', NODE_DISABLE_COMPILE_CACHE: '1' };
  return spawn(process.execPath, ['--no-experimental-strip-types', ...args], { cwd: app, env });
}
