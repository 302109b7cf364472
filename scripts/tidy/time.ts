// Rules about time and chance: packages take both from a clock that is handed in, and tests wait for events.
// They keep the simulation deterministic and the tests quick.
import ts from 'typescript';
import { at, type Finding, importsOf, nodes, type Rule, type Source } from './project.ts';

const TIMERS = ['setTimeout', 'setInterval'];
const MEMBERS = ['Date.now', 'Math.random', 'performance.now'];
const GLOBALS = ['globalThis', 'window', 'self'];

export const injectedClock: Rule = function* ({ sources }) {
  for (const source of sources) {
    if (!/^packages\/[^/]+\/src\//.test(source.path) || source.test || /(^|\/)clock\.ts$/.test(source.path))
      continue;
    for (const node of nodes(source)) {
      const used = directUse(node);
      if (used)
        yield at(source, node, 'clock', `${used} used directly: take it from the clock that is passed in`);
    }
  }
};

function directUse(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const [object, name] = [node.expression.getText(), node.name.text];
    if (MEMBERS.includes(`${object.replace(/^(globalThis|window|self)\./, '')}.${name}`))
      return `${object}.${name}`;
    return GLOBALS.includes(object) && TIMERS.includes(name) ? `${object}.${name}` : undefined;
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
    return 'new Date()';
  return ts.isIdentifier(node) && TIMERS.includes(node.text) && isReference(node) ? node.text : undefined;
}

/** A use of the global of that name, not a member, a key, a declaration or a `typeof` in a type. */
function isReference({ parent, ...node }: ts.Identifier & { parent: ts.Node }): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.expression.pos === node.pos;
  if (ts.isPropertyAssignment(parent)) return parent.initializer.pos === node.pos;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent)) return parent.initializer?.pos === node.pos;
  const names = [
    ts.isTypeQueryNode,
    ts.isBindingElement,
    ts.isQualifiedName,
    ts.isTypeElement,
    ts.isClassElement,
  ];
  return (
    !names.some((is) => is(parent)) && !ts.isFunctionDeclaration(parent) && !ts.isImportSpecifier(parent)
  );
}

export const testsWait: Rule = function* ({ sources }) {
  for (const source of sources) {
    if (!source.test) continue;
    for (const item of importsOf(source)) {
      if (!/^(node:)?timers\/promises$/.test(item.to)) continue;
      yield at(
        source,
        item.node,
        'test-wait',
        'a test waits for time: wait for the event, or step a virtual clock',
      );
    }
    for (const node of nodes(source)) if (ts.isCallExpression(node)) yield* waitOrPort(source, node);
  }
};

function* waitOrPort(source: Source, call: ts.CallExpression): Generator<Finding> {
  const name = call.expression.getText().split('.').pop() ?? '';
  if (name === 'sleep' || name === 'setTimeout') {
    const message = `${name} in a test: wait for the event, or step a virtual clock`;
    yield at(source, call, 'test-wait', message);
  }
  if (name !== 'listen') return;
  const [first] = call.arguments;
  const port = first && ts.isObjectLiteralExpression(first) ? portOf(first) : first;
  if (port && ts.isNumericLiteral(port) && port.text !== '0') {
    yield at(
      source,
      call,
      'test-port',
      `fixed port ${port.text}: listen on 0 and ask the server which port it got`,
    );
  }
}

function portOf(options: ts.ObjectLiteralExpression): ts.Expression | undefined {
  const property = options.properties.find((item) => item.name?.getText() === 'port');
  return property && ts.isPropertyAssignment(property) ? property.initializer : undefined;
}
