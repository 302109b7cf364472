// Rules about who may import whom: between packages, along the line inside the server, and never in a circle.
// The order of the tables below is the order of the house; a new package or room gets its place there.
import { posix } from 'node:path';
import ts from 'typescript';
import {
  at,
  type Finding,
  type Import,
  importsOf,
  nodes,
  type Project,
  type Rule,
  type Source,
} from './project.ts';

/** Package → packages it may import. Folders outside packages/ may import any, by public name. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  client: ['protocol'],
  server: ['protocol'],
  react: ['client', 'protocol'],
  cli: ['server', 'client', 'protocol'],
};

/** Inside the server a file imports only names to the right of its own, plus the common ones. */
const LINE = ['server', 'transports', 'session', 'access', 'hub', 'fold', 'channel', 'cursor', 'broker'];
const COMMON = ['options', 'observe', 'clock', 'turn', 'pulse'];
/** These rooms never see a kind: they go by what a definition says of its channel, whichever kind that is. */
const BLIND = ['transports', 'session', 'access', 'channel', 'cursor', 'broker'];
/** What a package shows: they gather names and belong to no room. */
const DOORS = ['index', 'internal', 'redis'];
const SERVER = 'packages/server/src/';
/** In these rooms siblings stay apart: they share only the files listed, and only `gather` may import them all. */
const APART: Readonly<Record<string, { shared: readonly string[]; gather: readonly string[] }>> = {
  transports: {
    shared: ['transport', 'lane', 'socket', 'framing', 'frames', 'caller', 'refusal', 'secure'],
    gather: ['index', 'transports', 'doors', 'listen'],
  },
  broker: { shared: ['broker', 'head', 'producer', 'refusals', 'listeners', 'topics'], gather: ['index'] },
};

const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1];
const stem = (path: string): string => (path.split('/').pop() ?? '').replace(/\..*$/, '');

/** The file an import leads to, or undefined where it leaves the project. */
function resolve(project: Project, from: Source, to: string): string | undefined {
  if (to.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from.path), to));
  const [, name, rest] = /^@syncline\/([^/]+)(\/.*)?$/.exec(to) ?? [];
  const manifest = project.texts.get(`packages/${name}/package.json`);
  if (!name || !manifest) return undefined;
  const file = JSON.parse(manifest).exports?.[`.${rest ?? ''}`];
  return typeof file === 'string' ? posix.join('packages', name, file) : undefined;
}

export const packageDirection: Rule = function* (project) {
  for (const source of project.sources) {
    const home = packageOf(source.path);
    for (const item of importsOf(source)) yield* packageImport(source, home, item);
  }
};

function* packageImport(source: Source, home: string | undefined, item: Import): Generator<Finding> {
  const rule = 'package-direction';
  if (item.to.startsWith('.')) {
    const target = posix.join(posix.dirname(source.path), item.to);
    const other = packageOf(target);
    if (other && other !== home) {
      yield at(
        source,
        item.node,
        rule,
        `reaches into packages/${other} by path: import '@syncline/${other}'`,
      );
    } else if (home && !other) {
      yield at(
        source,
        item.node,
        rule,
        `leaves its package for ${target}: move what is shared into a package`,
      );
    }
    return;
  }
  const other = /^@syncline\/([^/]+)/.exec(item.to)?.[1];
  if (home && other && other !== home && !(PACKAGES[home] ?? []).includes(other)) {
    const allowed = (PACKAGES[home] ?? []).join(', ') || 'no other package';
    const mend = source.test ? 'move this test to tests/' : 'move the shared part down into protocol';
    yield at(source, item.node, rule, `${home} may import ${allowed}, not ${other}: ${mend}`);
  }
  if ((home === 'protocol' || home === 'client') && !source.test && item.to.startsWith('node:')) {
    yield at(
      source,
      item.node,
      rule,
      `${home} runs in browsers: '${item.to}' belongs in server or behind an option`,
    );
  }
}

export const serverLine: Rule = function* (project) {
  const kinds = kindNames(project);
  for (const source of project.sources) {
    if (!source.path.startsWith(SERVER) || source.test || /testing/.test(source.path)) continue;
    const own = room(source.path);
    if (DOORS.includes(own)) continue;
    if (!LINE.includes(own) && !COMMON.includes(own)) {
      const message = `'${own}' is no room of the server: put it under one of ${[...LINE, ...COMMON].join(', ')}`;
      yield { file: source.path, line: 1, rule: 'server-line', message };
      continue;
    }
    for (const item of importsOf(source)) {
      const target = resolve(project, source, item.to);
      if (target?.startsWith(SERVER)) yield* roomImport(source, own, item, target);
      else if (BLIND.includes(own)) yield* blindToNames(source, own, item, kinds);
    }
    if (BLIND.includes(own)) yield* blindToKind(source, own);
  }
};

/** The first name below packages/server/src, a file's without its extension. */
const room = (path: string): string => (path.slice(SERVER.length).split('/')[0] ?? '').replace(/\.tsx?$/, '');

function* roomImport(source: Source, own: string, item: Import, target: string): Generator<Finding> {
  const other = room(target);
  const rule = 'server-line';
  if (other === own) {
    const apart = APART[own];
    if (apart && !related(source.path, target, apart)) {
      const shared = apart.shared.join(', ');
      const message = `siblings in ${own}/ stay apart: move what is shared with ${stem(target)} to one of ${shared}`;
      yield at(source, item.node, rule, message);
    }
    return;
  }
  const homeless = !DOORS.includes(other) && !LINE.includes(other) && !COMMON.includes(other);
  if (COMMON.includes(other) || homeless) return;
  if (COMMON.includes(own)) {
    if (item.typeOnly) return;
    yield at(
      source,
      item.node,
      rule,
      `${own} is common ground and may import only types from ${other}: pass it in`,
    );
  } else if (LINE.indexOf(other) <= LINE.indexOf(own)) {
    const message = `${own} may import only what is right of it in ${LINE.join(' > ')}, not ${other}: pass it in`;
    yield at(source, item.node, rule, message);
  } else if (own === 'transports' && other === 'channel') {
    yield at(source, item.node, rule, 'a transport never sees a channel: ask the session');
  }
}

/** Whether both files are of one family (`disk.ts`, `disk-log.ts`, `disk/log.ts`), or one is meant to be shared. */
function related(
  from: string,
  to: string,
  apart: { shared: readonly string[]; gather: readonly string[] },
): boolean {
  const child = (path: string): string => path.slice(SERVER.length).split('/')[1] ?? path;
  const family = (path: string): string => stem(child(path)).split('-')[0] ?? '';
  if (apart.gather.includes(stem(child(from))) || apart.shared.includes(stem(child(to)))) return true;
  return family(from) === family(to);
}

/** What the protocol's kinds export: nobody needs it who doesn't know which kind a channel is of. */
function kindNames({ sources }: Project): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { path, ast, test } of sources) {
    if (test || !path.startsWith('packages/protocol/src/kinds/')) continue;
    for (const statement of ast.statements) {
      if (!ts.canHaveModifiers(statement)) continue;
      if (!ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
      const declared = ts.isVariableStatement(statement)
        ? statement.declarationList.declarations
        : [statement as ts.DeclarationStatement];
      for (const { name } of declared) if (name) names.add(name.getText(ast));
    }
  }
  return names;
}

function* blindToNames(
  source: Source,
  own: string,
  item: Import,
  kinds: ReadonlySet<string>,
): Generator<Finding> {
  if (!item.to.startsWith('@syncline/protocol')) return;
  const seen = item.names.find((name) => kinds.has(name) || /^kinds?($|[A-Z])|Kind/.test(name));
  if (!seen && !item.to.endsWith('/doc')) return;
  const message = `${own} never sees a kind ('${seen ?? item.to}'): ${own === 'broker' ? 'let the channel fold' : 'let hub or fold know it'}`;
  yield at(source, item.node, 'server-line', message);
}

/** Asking a definition for its kind, as `definition.kind` or `{ kind }`. */
function* blindToKind(source: Source, own: string): Generator<Finding> {
  for (const node of nodes(source)) {
    const asked =
      (ts.isPropertyAccessExpression(node) && node.name.text === 'kind') ||
      (ts.isBindingElement(node) && (node.propertyName ?? node.name).getText() === 'kind');
    if (!asked) continue;
    const message = `${own} never asks for a kind: give definitions a word for what it wants to know`;
    yield at(source, node, 'server-line', message);
  }
}

/** Circles of files, `import type` included; each is reported once, at its first file. */
export const importCycles: Rule = function* (project) {
  const paths = new Set(project.sources.map((source) => source.path));
  const edges = new Map<string, string[]>();
  for (const source of project.sources) {
    const targets = importsOf(source).map((item) => resolve(project, source, item.to));
    edges.set(
      source.path,
      targets.filter((path): path is string => path !== undefined && paths.has(path)),
    );
  }
  const done = new Set<string>();
  for (const start of [...paths].sort()) {
    const circle = findCircle(start, edges, done);
    if (!circle) continue;
    for (const path of circle) done.add(path);
    const message = `${[...circle, start].map(stem).join(' → ')} is a circle: move what both need into a file of its own`;
    yield { file: start, line: 1, rule: 'import-cycle', message };
  }
};

/** The shortest way from a file back to itself, over files that no reported circle holds. */
function findCircle(start: string, edges: Map<string, string[]>, done: Set<string>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const next of edges.get(path) ?? []) {
      if (next === start) {
        const way = [path];
        for (let step = cameFrom.get(path); step !== undefined; step = cameFrom.get(step)) way.unshift(step);
        return way;
      }
      if (done.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, path);
      queue.push(next);
    }
  }
  return undefined;
}
