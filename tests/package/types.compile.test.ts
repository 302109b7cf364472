/**
 * What a compiler says of the packages as people get them, and of a small application that uses them: as strict as it goes, with each
 * way to resolve modules, and where nothing is installed that is optional. That the application runs is told beside this file.
 */
import { rmSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Installed, layOut } from './install.ts';

let installed: Installed;

beforeAll(async () => {
  installed = await layOut();
}, 240_000);
afterAll(() => {
  if (installed) rmSync(installed.home, { recursive: true, force: true });
});

/** The compiler's own declarations, which are the same whatever is asked of it: it reads each once. */
const libraries = new Map<string, ts.SourceFile | undefined>();

/** The compiler's complaints, none if all is well. */
function compile(
  moduleResolution: 'bundler' | 'nodenext',
  exactOptionalPropertyTypes: boolean,
  files: readonly string[],
  types: readonly string[],
  folder = installed.app,
): string {
  const compilerOptions = {
    ...{ strict: true, target: 'es2022', lib: ['es2022', 'dom'], types, skipLibCheck: false },
    ...{ moduleResolution, module: moduleResolution === 'bundler' ? 'esnext' : moduleResolution },
    ...{ exactOptionalPropertyTypes, rewriteRelativeImportExtensions: true },
    noEmit: true,
    // The compiler's own declarations are the compiler's business.
    skipDefaultLibCheck: true,
  };
  const config = ts.parseJsonConfigFileContent({ compilerOptions, files }, ts.sys, folder);
  const host = ts.createCompilerHost(config.options);
  const read = host.getSourceFile.bind(host);
  host.getCurrentDirectory = () => folder;
  host.getSourceFile = (name, ...how) => {
    if (!/[\\/]lib\.[^\\/]*d\.ts$/.test(name)) return read(name, ...how);
    if (!libraries.has(name)) libraries.set(name, read(name, ...how));
    return libraries.get(name);
  };
  const program = ts.createProgram({ rootNames: config.fileNames, options: config.options, host });
  const found = [...config.errors, ...ts.getPreEmitDiagnostics(program)];
  return ts.formatDiagnostics(found, host);
}

describe('the packages, installed', { timeout: 120_000 }, () => {
  it('a strict server and client compile: nodenext, exact optional properties', () => {
    expect(compile('nodenext', true, ['server.ts', 'client.ts'], ['node'])).toBe('');
  });

  it('a strict server without documents compiles where yjs is missing: bundler, no exact optional properties', () => {
    expect(compile('bundler', false, ['lean.ts'], ['node'], installed.lean)).toBe('');
  });

  it.each(['bundler', 'nodenext'] as const)(
    'a strict page compiles without the types of Node: %s',
    (resolution) => {
      expect(compile(resolution, resolution === 'bundler', ['page.ts'], [])).toBe('');
    },
  );
});
