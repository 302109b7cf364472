// Rules about the shape of a file: its size, its opening comment, its exports and the words TypeScript lends it.
// The limits stand at the top and are the house's numbers.
import { posix } from 'node:path';
import ts from 'typescript';
import { at, type Finding, isTypeTest, nodes, type Project, type Rule, type Source } from './project.ts';

const FILE_LINES = 400;
const TEST_FILE_LINES = 600;
const FUNCTION_LINES = 70;
const PUBLIC_NAMES = 25;
/** Doors that may show more names than others, and why. */
const WIDE_DOORS: Readonly<Record<string, { names: number; why: string }>> = {
  'packages/client/src/docs.ts': { names: 40, why: 'it gives all of index.ts, and what documents need' },
  'packages/protocol/src/wire.ts': {
    names: 130,
    why: 'what client and server share goes through it; applications need none of it',
  },
  'packages/server/src/internal.ts': {
    names: 30,
    why: 'the simulator and the tests of faults put the parts together by it; applications need none of it',
  },
};
const RUNNER = /^(describe|suite|it|test|bench|before|after|beforeEach|afterEach|beforeAll|afterAll)$/;

export const fileSize: Rule = function* ({ sources }) {
  for (const { path, text, test } of sources) {
    const most = test ? TEST_FILE_LINES : FILE_LINES;
    const lines = text.split('\n').length - 1;
    if (lines <= most) continue;
    yield {
      file: path,
      line: 1,
      rule: 'file-size',
      message: `${lines} lines, at most ${most}: split it by subject`,
    };
  }
};

export const functionSize: Rule = function* ({ sources }) {
  for (const source of sources) {
    if (!/^(packages|examples)\//.test(source.path)) continue;
    for (const node of nodes(source)) {
      if (!ts.isFunctionLike(node) || (source.test && isRunnerCode(node))) continue;
      const lines =
        source.ast.getLineAndCharacterOfPosition(node.getEnd()).line + 2 - startLine(source, node);
      if (lines <= FUNCTION_LINES) continue;
      const message = `${lines} lines, at most ${FUNCTION_LINES}: give its parts names of their own`;
      yield at(source, node, 'function-size', message);
    }
  }
};

const startLine = (source: Source, node: ts.Node): number =>
  source.ast.getLineAndCharacterOfPosition(node.getStart(source.ast)).line + 1;

/** A callback handed to the test runner, or a suite: a function that itself declares tests. */
function isRunnerCode(node: ts.Node): boolean {
  if (ts.isCallExpression(node.parent) && isRunnerCall(node.parent)) return true;
  let declares = false;
  const look = (child: ts.Node): void => {
    if (ts.isCallExpression(child) && isRunnerCall(child)) declares = true;
    else if (!declares) ts.forEachChild(child, look);
  };
  ts.forEachChild(node, look);
  return declares;
}

/** `it(…)`, and also `it.each(…)(…)`, `describe.skip(…)`. */
export function isRunnerCall(node: ts.CallExpression): boolean {
  let callee: ts.Node = node.expression;
  while (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && RUNNER.test(callee.text);
}

export const openingComment: Rule = function* ({ sources }) {
  for (const { path, text } of sources) {
    const body = text.replace(/^#!.*\n/, '').trimStart();
    const comment = /^\/\*[\s\S]*?\*\//.exec(body)?.[0] ?? /^(\/\/.*\n)+/.exec(body)?.[0] ?? '';
    const sentences = comment.match(/[.!?:](?=[\s)*`"']|$)/gm)?.length ?? 0;
    if (sentences >= 2) continue;
    const message =
      'no opening comment: begin with two sentences on what this file is for and what it relies on';
    yield { file: path, line: 1, rule: 'opening-comment', message };
  }
};

export const language: Rule = function* ({ sources }) {
  for (const source of sources) {
    for (const node of nodes(source)) yield* wordsOf(source, node);
    yield* suppressions(source);
  }
};

function* wordsOf(source: Source, node: ts.Node): Generator<Finding> {
  const config = /\.config\.ts$/.test(source.path);
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
  const isDefault =
    (ts.isExportAssignment(node) && !node.isExportEquals) ||
    (ts.isExportSpecifier(node) && node.name.text === 'default') ||
    modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword);
  if (isDefault && !config) yield at(source, node, 'default-export', 'default export: export it by its name');
  if (ts.isEnumDeclaration(node))
    yield at(source, node, 'enum', "enum: write a union of literals or an 'as const' table");
  if (node.kind === ts.SyntaxKind.AnyKeyword && !isTypeTest(source.path)) {
    yield at(source, node, 'any', "any: write 'unknown' and narrow it, or name the type");
  }
}

function* suppressions(source: Source): Generator<Finding> {
  if (isTypeTest(source.path)) return;
  const pattern = /(?:\/\/|\/?\*)\s*@ts-(ignore|expect-error|nocheck)\b/g;
  for (const match of source.text.matchAll(pattern)) {
    const line = source.ast.getLineAndCharacterOfPosition(match.index).line + 1;
    const message = `@ts-${match[1]}: mend the type; only *.types.test.ts files may expect errors`;
    yield { file: source.path, line, rule: 'suppression', message };
  }
}

type Doors = ReadonlyMap<string, Source>;

/** The files that stand under `exports` in the packages' manifests: all that others can import. */
function doorsOf({ texts, sources }: Project): Doors {
  const paths = new Set<string>();
  for (const [path, text] of texts) {
    if (!/^packages\/[^/]+\/package\.json$/.test(path)) continue;
    const { exports = {} } = JSON.parse(text) as { exports?: Record<string, string> };
    for (const file of Object.values(exports)) paths.add(posix.join(posix.dirname(path), file));
  }
  return new Map(sources.filter(({ path }) => paths.has(path)).map((source) => [source.path, source]));
}

const isStar = (statement: ts.Statement): statement is ts.ExportDeclaration =>
  ts.isExportDeclaration(statement) && !statement.exportClause;

/** The door of the same package that `export *` gives on whole; undefined when it leads to anything else. */
function doorBehind(source: Source, star: ts.ExportDeclaration, doors: Doors): Source | undefined {
  const to = star.moduleSpecifier;
  if (!to || !ts.isStringLiteral(to) || !to.text.startsWith('.')) return undefined;
  return doors.get(posix.join(posix.dirname(source.path), to.text));
}

export const publicNames: Rule = function* (project) {
  const doors = doorsOf(project);
  for (const source of doors.values()) {
    for (const star of source.ast.statements.filter(isStar)) {
      if (doorBehind(source, star, doors)) continue;
      const message =
        "'export *': list the names by hand; only another door of the package, whose names are listed, may be given on whole";
      yield at(source, star, 'public-names', message);
    }
    const { size } = namesOf(source, doors);
    const wide = WIDE_DOORS[source.path];
    const most = wide?.names ?? PUBLIC_NAMES;
    if (size <= most) continue;
    const reason = wide ? ` although ${wide.why}` : '';
    const message = `${size} public names, at most ${most}${reason}: keep helpers private or give them a sub-path`;
    yield { file: source.path, line: 1, rule: 'public-names', message };
  }
};

/** The names that a door shows, those of doors that it gives on whole included; a name of its own takes the place of theirs. */
function namesOf(door: Source, doors: Doors, names = new Set<string>(), seen = new Set([door])): Set<string> {
  for (const statement of door.ast.statements) {
    const behind = isStar(statement) ? doorBehind(door, statement, doors) : undefined;
    if (behind && !seen.has(behind)) namesOf(behind, doors, names, seen.add(behind));
    for (const name of ownNames(statement)) names.add(name);
  }
  return names;
}

function ownNames(statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    if (!clause) return [];
    return ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : [clause.name.text];
  }
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  if (!modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.DeclarationStatement;
  return name ? [name.getText()] : [];
}
