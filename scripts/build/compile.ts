// TypeScript in, plain JavaScript and declarations out, one file for each source. All packages are one program, so what one takes
// from another is checked as it stands in the clone; what is written holds no path of the clone and no `.ts` import.
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';
import { nodes, parse } from '../tidy/project.ts';
import { built, type Package } from './packages.ts';

/** In two parts, since no source of this project may say it. */
const suppression = `// @ts-${'ignore'}: this package is optional`;

/**
 * Path → text of everything that the sources of `packages` become, paths relative to where the packages are put.
 *
 * @param checked whether the types are judged too, which takes nearly half of the time
 * @throws an Error with what the compiler finds
 */
export function compile(root: string, packages: readonly Package[], checked: boolean): Map<string, string> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const { tsBuildInfoFile: _, ...rest } = options;
  const files = packages.flatMap(({ folder, sources }) =>
    sources.map((path) => join(root, 'packages', folder, path)),
  );
  const program = ts.createProgram(files, {
    ...rest,
    noEmit: false,
    incremental: false,
    noEmitOnError: true,
    noCheck: !checked,
    declaration: true,
    declarationMap: true,
    sourceMap: true,
    rewriteRelativeImportExtensions: true,
    newLine: ts.NewLineKind.LineFeed,
    rootDir: join(root, 'packages'),
    outDir: join(root, 'packages'),
  });
  const written = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (file, text) => {
    const [folder = '', ...rest] = relative(join(root, 'packages'), file).split(sep);
    const path = posix.join(folder, built(rest.join('/'), '.ts'));
    written.set(path, finish(path, text));
  });
  if (diagnostics.length > 0) throw new Error(explain(root, diagnostics));
  for (const one of packages) spare(written, one);
  return written;
}

function finish(path: string, text: string): string {
  if (path.endsWith('.map')) return mapped(path, text);
  return path.endsWith('.d.ts') ? renamed(path, text) : text;
}

/** Sources lie beside `lib` in a folder `src`. */
function mapped(path: string, text: string): string {
  const map = JSON.parse(text) as { sources: string[] };
  const source = path.replace('/lib/', '/src/').replace(/(\.d\.ts|\.js)\.map$/, '.ts');
  return JSON.stringify({ ...map, sources: [posix.relative(posix.dirname(path), source)] });
}

/** The compiler leaves import paths in declarations as they were written. */
function renamed(path: string, text: string): string {
  const paths = [...nodes(parse([path, text]))].filter(
    (node): node is ts.StringLiteral =>
      ts.isStringLiteral(node) && /^\.\.?\/.*\.ts$/.test(node.text) && leads(node.parent),
  );
  let whole = text;
  for (const node of paths.sort((a, b) => b.end - a.end))
    whole = `${whole.slice(0, node.end - ".ts'".length)}.js${whole.slice(node.end - 1)}`;
  return whole;
}

/** Whether what stands in here is the path of a file. */
const leads = (node: ts.Node): boolean =>
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node) ||
  (ts.isLiteralTypeNode(node) && ts.isImportTypeNode(node.parent));

/**
 * Whoever has no documents needs no types of them: in what the door `.` leads to, an import from an optional peer that isn't installed
 * is `any`, and no error.
 */
function spare(written: Map<string, string>, { folder, main, optional }: Package): void {
  const peer = new RegExp(`^import .* from '(?:${optional.join('|')})(?:/[^']*)?';$`);
  for (const source of main) {
    const path = posix.join(folder, built(source, '.d.ts'));
    const lines = (written.get(path) ?? '').split('\n');
    const map = JSON.parse(written.get(`${path}.map`) ?? '{}') as { mappings: string };
    // A map has a part for each line.
    const parts = map.mappings.split(';');
    for (let at = lines.length - 1; at >= 0; at--) {
      if (optional.length === 0 || !peer.test(lines[at] ?? '')) continue;
      lines.splice(at, 0, suppression);
      parts.splice(at, 0, '');
    }
    written.set(path, lines.join('\n'));
    written.set(`${path}.map`, JSON.stringify({ ...map, mappings: parts.join(';') }));
  }
}

function explain(root: string, diagnostics: readonly ts.Diagnostic[]): string {
  const host = {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (name: string) => name,
    getNewLine: () => '\n',
  };
  return ts.formatDiagnostics(diagnostics, host);
}
