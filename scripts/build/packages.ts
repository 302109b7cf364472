// What is published of each package: its doors, the sources they lead to, and the manifest that goes with them. The manifests in
// packages/ are for the clone, where doors are TypeScript and nothing is built; this is the one place that knows both.
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { importsOf, nodes, parse, type Source } from '../tidy/project.ts';

type Names = Readonly<Record<string, string>>;

/** A package.json, as far as it is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Names;
  readonly bin?: Names;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [field: string]: unknown;
}

export interface Package {
  /** Its folder in packages/. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Door → file below the package, such as `./stream` → `src/streams.ts`. */
  readonly doors: ReadonlyMap<string, string>;
  /** TypeScript files below the package that are published, in order. */
  readonly sources: readonly string[];
  /** Those of them that the door `.` leads to: they are used where optional peers aren't installed. */
  readonly main: ReadonlySet<string>;
  /** Packages of others that not everybody who installs this one has. */
  readonly optional: readonly string[];
  /** Files below the package that are read at run time as they are. */
  readonly assets: readonly string[];
}

/** Doors for this project's own tests and simulator: nobody is promised anything about them, so they aren't published. */
const ours = /^\.\/(internal|testing)(\/|$)/;

/** `src/hub.ts` → `lib/hub` and what it becomes: `.js`, `.d.ts`. */
export const built = (source: string, extension: string): string =>
  source.replace(/^src\//, 'lib/').replace(/\.ts$/, extension);

/**
 * All packages of the project in `root`.
 *
 * @throws an Error that says what to mend, when versions differ or a published file needs one that isn't
 */
export function readPackages(root: string): Package[] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const manifests = globSync('packages/*/package.json', { cwd: root })
    .sort()
    .map((path) => ({
      folder: path.split(/[\\/]/)[1] ?? '',
      manifest: JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest,
    }));
  const published = new Set<string>();
  for (const { manifest } of manifests)
    for (const door of Object.keys(manifest.exports))
      if (!ours.test(door)) published.add(posix.join(manifest.name, door));
  return manifests.map(({ folder, manifest }) => {
    if (manifest.version !== version)
      throw new Error(
        `packages/${folder} has version ${manifest.version}, the project ${version}: make them one.`,
      );
    const doors = new Map(Object.entries(manifest.exports).filter(([door]) => !ours.test(door)));
    const home = join(root, 'packages', folder);
    const sources = reach(home, [...doors.values(), ...Object.values(manifest.bin ?? {})], published);
    const assets = globSync('src/**/*.*', { cwd: home }).filter((path) => !/\.tsx?$/.test(path));
    const main = new Set(reach(home, [doors.get('.') ?? []].flat(), published));
    const peers = Object.entries(manifest.peerDependenciesMeta ?? {});
    const optional = peers.filter(([, peer]) => peer.optional).map(([name]) => name);
    return { folder, manifest, doors, sources, main, optional, assets: assets.sort() };
  });
}

/** The TypeScript files that some files of a package lead to, by imports and as scripts that they start. */
function reach(home: string, from: readonly string[], published: ReadonlySet<string>): string[] {
  const found = new Set(from.map((path) => posix.normalize(path)));
  for (const path of found) {
    const source = parse([path, readFileSync(join(home, path), 'utf8')]);
    for (const to of [...importsOf(source).map((one) => one.to), ...scriptsOf(source)]) {
      if (to.startsWith('.')) found.add(posix.join(posix.dirname(path), to));
      else if (to.startsWith('@syncline/') && !published.has(to))
        throw new Error(`${join(home, path)} imports '${to}', which isn't published: move what it needs.`);
    }
  }
  return [...found].filter((path) => path.endsWith('.ts')).sort();
}

/** Files that a source names without importing them, such as the thread or the process that it starts. */
function scriptsOf(source: Source): string[] {
  if (!source.text.includes('import.meta.url')) return [];
  return [...nodes(source)]
    .filter((node) => ts.isStringLiteral(node))
    .map(({ text }) => text)
    .filter((text) => /^\.\.?\/.+\.ts$/.test(text));
}

/** The package.json that is published: doors are JavaScript with declarations, and packages of one version belong together. */
export function publishedManifest({ manifest, doors }: Package, all: readonly Package[]): Manifest {
  const { private: _, devDependencies: __, ...rest } = manifest;
  const pin = (dependencies: unknown): unknown =>
    dependencies &&
    Object.fromEntries(
      Object.entries(dependencies).map(([name, range]) => [
        name,
        all.some((one) => one.manifest.name === name) ? manifest.version : range,
      ]),
    );
  const doorOf = (source: string) => ({
    types: `./${built(posix.normalize(source), '.d.ts')}`,
    default: `./${built(posix.normalize(source), '.js')}`,
  });
  const fields = {
    ...rest,
    exports: {
      ...Object.fromEntries([...doors].map(([door, source]) => [door, doorOf(source)])),
      './package.json': './package.json',
    },
    dependencies: pin(manifest['dependencies']),
    peerDependencies: pin(manifest['peerDependencies']),
    files: [...(manifest.bin ? ['bin'] : []), 'lib', 'src'],
    publishConfig: { access: 'public' },
  };
  // Fields that are undefined are gone once it is written.
  return fields as unknown as Manifest;
}
