// The project as tidy's rules see it: every text file by its path, and every TypeScript file parsed once.
// It is built from plain texts, so that the tests can hand in a synthetic project.
import { posix } from 'node:path';
import ts from 'typescript';

export type Finding = { file: string; line: number; rule: string; message: string };

export type Source = {
  path: string;
  text: string;
  ast: ts.SourceFile;
  /** `*.test.ts` and `*.suite.ts`: files whose code runs only under the test runner. */
  test: boolean;
};

export type Project = {
  texts: ReadonlyMap<string, string>;
  sources: readonly Source[];
  has(path: string): boolean;
};

export type Rule = (project: Project) => Iterable<Finding>;

const isTest = (path: string): boolean => /\.(test|suite)\.tsx?$/.test(path);
export const isTypeTest = (path: string): boolean => /\.types\.test\.tsx?$/.test(path);

export function buildProject(files: Iterable<readonly [string, string]>): Project {
  const texts = new Map(files);
  const known = new Set<string>();
  for (const path of texts.keys()) {
    for (let at = path; at !== '.' && !known.has(at); at = posix.dirname(at)) known.add(at);
  }
  const sources = [...texts].filter(([path]) => /\.(ts|tsx|mjs)$/.test(path)).map(parse);
  return { texts, sources, has: (path) => known.has(path.replace(/\/$/, '')) };
}

export function parse([path, text]: readonly [string, string]): Source {
  const kind = path.endsWith('x')
    ? ts.ScriptKind.TSX
    : path.endsWith('.ts')
      ? ts.ScriptKind.TS
      : ts.ScriptKind.JS;
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, kind);
  return { path, text, ast, test: isTest(path) };
}

/** Every node of a file, parents before children. */
export function* nodes(source: Source): Generator<ts.Node> {
  const waiting: ts.Node[] = [source.ast];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node;
    const children: ts.Node[] = [];
    ts.forEachChild(node, (child) => void children.push(child));
    waiting.push(...children.reverse());
  }
}

function lineOf(source: Source, node: ts.Node): number {
  return source.ast.getLineAndCharacterOfPosition(node.getStart(source.ast)).line + 1;
}

export function at(source: Source, node: ts.Node, rule: string, message: string): Finding {
  return { file: source.path, line: lineOf(source, node), rule, message };
}

export type Import = { to: string; node: ts.Node; typeOnly: boolean; names: string[] };

/** Everything a file imports or re-exports by a literal name, `import('…')` and `import('…').Type` included. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (
    literal: ts.Node | undefined,
    node: ts.Node,
    typeOnly: boolean,
    names: string[] = [],
  ): void => {
    if (literal && ts.isStringLiteralLike(literal)) found.push({ to: literal.text, node, typeOnly, names });
  };
  for (const node of nodes(source)) {
    if (ts.isImportDeclaration(node)) {
      const phase = node.importClause?.phaseModifier;
      add(node.moduleSpecifier, node, phase === ts.SyntaxKind.TypeKeyword, importedNames(node.importClause));
    } else if (ts.isExportDeclaration(node))
      add(node.moduleSpecifier, node, node.isTypeOnly, exportedNames(node));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, node, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], node, false);
  }
  return found;
}

function importedNames(clause: ts.ImportClause | undefined): string[] {
  const bindings = clause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text);
}

function exportedNames(node: ts.ExportDeclaration): string[] {
  if (!node.exportClause || !ts.isNamedExports(node.exportClause)) return [];
  return node.exportClause.elements.map((element) => (element.propertyName ?? element.name).text);
}
