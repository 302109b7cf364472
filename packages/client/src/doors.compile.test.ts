/**
 * What the doors of this package let out: every type that stands in what they export can be imported from one of them too, so that
 * whoever wraps the client can name it, and a compiler can write declarations of that. The compiler is asked for both.
 */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const doors = ['index', 'streams', 'docs', 'http', 'text', 'types'].map(
  (name) => `${root}packages/client/src/${name}.ts`,
);
const options: ts.CompilerOptions = {
  ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true, skipLibCheck: true },
  ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [] },
  ...{ declaration: true, noEmit: true, allowImportingTsExtensions: true },
};
const patience = { timeout: 120_000 };

/** What a name stands for, wherever it was exported anew. */
const origin = (checker: ts.TypeChecker, symbol: ts.Symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

test('what stands in a public type is public', patience, () => {
  const program = ts.createProgram(doors, options);
  const checker = program.getTypeChecker();
  const exports = doors.flatMap((door) => {
    const file = program.getSourceFile(door);
    const symbol = file && checker.getSymbolAtLocation(file);
    return symbol ? checker.getExportsOfModule(symbol) : [];
  });
  const open = new Set(exports.map((symbol) => origin(checker, symbol)));
  const reached = new Set(open);
  const shut = new Set<string>();
  const look = (node: ts.Node): void => {
    // What a function does is nobody's business, and what an interface extends is written out where it is used.
    if (ts.isBlock(node)) return;
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
      const found = checker.getSymbolAtLocation(name);
      const symbol = found && origin(checker, found);
      const file = symbol?.declarations?.[0]?.getSourceFile().fileName ?? '';
      const ours = file.includes('/packages/client/src/');
      if (symbol && ours && !(symbol.flags & ts.SymbolFlags.TypeParameter)) {
        // A compiler writes an alias out that its file keeps to itself.
        const kept = symbol.flags & ts.SymbolFlags.TypeAlias && !isExported(symbol);
        if (ts.isTypeReferenceNode(node) && !open.has(symbol) && !kept) shut.add(symbol.name);
        reached.add(symbol);
      }
    }
    ts.forEachChild(node, look);
  };
  for (const symbol of reached) {
    for (const declaration of symbol.declarations ?? []) {
      if (declaration.getSourceFile().fileName.includes('/packages/client/src/')) look(declaration);
    }
  }
  expect([...shut]).toEqual([]);
  expect(reached.size).toBeGreaterThan(open.size);
});

function isExported(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (one) => ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Export,
  );
}

test.each([
  [
    '@syncline/client',
    `import { createClient, type StateChange } from '@syncline/client';
    const client = createClient();
    export const page = () => client.stream('a').history({ limit: 9 });
    export const shown = () => client.stream('a').timeline().get();
    export const connections = () => client.stream('a').presence.members.get()[0]!.connections;
    export const set = client.state('b').set;
    export const view = client.state('b').view;
    export const watch = client.state('b').view({ maxHz: 2 }).on;
    export const came = (change: StateChange<number>) => (change.type === 'set' ? change : undefined);
    export const parts = (of: NonNullable<Parameters<typeof createClient>[0]>) => [of.getToken!, of.onError!] as const;`,
  ],
  [
    '@syncline/client/stream',
    `import { createClient } from '@syncline/client/stream';
    export const client = createClient();
    export const room = client.stream('a');
    export const list = () => room.timeline();
    export const page = () => room.history({ limit: 9 });`,
  ],
  [
    '@syncline/client/http',
    `import { createClient } from '@syncline/client';
    import { longPoll, sse, type Transport, websocket } from '@syncline/client/http';
    export const ways: readonly Transport[] = [websocket, sse, longPoll];
    export const each = { websocket, sse, longPoll };
    export const client = createClient({ transports: ways });`,
  ],
  [
    '@syncline/client/doc',
    `import { createClient, type DocStorage } from '@syncline/client/doc';
    export const client = createClient();
    export const board = client.doc('a', { persist: 'indexeddb' });
    export const read = async (storage: DocStorage) => (await (await storage.open('a', 'b')).read()).edits;
    export const page = () => client.stream('b').history({ limit: 9 });`,
  ],
])('a compiler can write declarations of what wraps %s', patience, (_, text) => {
  const wrapper = `${root}wrapper.ts`;
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (name, version) =>
    name === wrapper ? ts.createSourceFile(name, text, version) : read(name, version);
  const exists = host.fileExists;
  host.fileExists = (name) => name === wrapper || exists(name);
  const program = ts.createProgram([wrapper], options, host);
  const file = program.getSourceFile(wrapper);
  const faults = [...program.getSemanticDiagnostics(file), ...program.getDeclarationDiagnostics(file)];
  expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});
