// Shows each of tidy's rules failing on a small synthetic project, and passing where it should.
// Forbidden words are put together from halves, so that this file itself stays tidy.
import { expect, test } from 'vitest';
import { buildProject } from './tidy/project.ts';
import { tidy } from './tidy.ts';

const HEAD = '// What this file is for. What it relies on.\n';
const timeout = `set${'Timeout'}`;
const clean = { 'packages/protocol/package.json': '{ "exports": { ".": "./src/index.ts" } }' };

/** The findings for some files, as `path:line rule`; code files get a good opening comment on line 1. */
function findings(files: Record<string, string>): string[] {
  const texts = Object.entries({ ...clean, ...files }).map(([path, text]): [string, string] => {
    return [path, /\.tsx?$/.test(path) ? `${HEAD}${text}\n` : text];
  });
  return tidy(buildProject(texts)).map(({ file, line, rule }) => `${file}:${line} ${rule}`);
}

test('a clean project has no findings', () => {
  expect(
    findings({
      'packages/protocol/src/index.ts': "export { a } from './a.ts';",
      'packages/protocol/src/a.ts': 'export const a: unknown = 1;',
      'packages/client/src/b.ts': "import { a } from '@syncline/protocol';\nexport const b = a;",
      'packages/server/src/hub.ts': "import { channel } from './channel.ts';\nexport const hub = channel;",
      'packages/server/src/channel.ts': "import { clock } from './clock.ts';\nexport const channel = clock;",
      'packages/server/src/clock.ts': `export const clock = () => ${timeout};`,
      'README.md': 'See [the house](packages/protocol/src/a.ts) and `packages/client/src/`.',
    }),
  ).toEqual([]);
});

test.each([
  ['protocol imports the client', 'packages/protocol/src/a.ts', "import '@syncline/client';"],
  ['the client imports the server', 'packages/client/src/a.ts', "import type { S } from '@syncline/server';"],
  ['a test of the client imports the server', 'packages/client/src/a.test.ts', "import '@syncline/server';"],
  ['a package is reached by path', 'examples/a.ts', "import '../packages/client/src/a.ts';"],
  ['a package leaves its folder', 'packages/client/src/a.ts', "export { x } from '../../../scripts/x.ts';"],
  ['the client imports node', 'packages/client/src/a.ts', "const fs = import('node:fs');"],
])('package-direction: %s', (_, path, text) => {
  expect(findings({ [path]: text })).toEqual([`${path}:2 package-direction`]);
});

test.each([
  ['channel imports session', 'channel.ts', "import type { S } from './session.ts';"],
  ['transports imports channel', 'transports/ws.ts', "import type { C } from '../channel.ts';"],
  ['a broker imports its sibling', 'broker/redis.ts', "import { m } from './memory.ts';"],
  ['a broker sees a kind', 'broker/disk.ts', "import type { Kind } from '@syncline/protocol';"],
  ['a session asks for a kind', 'session/a.ts', "export const a = (d: D) => d.kind === 'doc';"],
  ['a channel asks for a kind', 'channel.ts', 'export const a = ({ kind }: D) => kind;'],
  ['common ground imports a value', 'options.ts', "import { hub } from './hub.ts';"],
])('server-line: %s', (_, name, text) => {
  const path = `packages/server/src/${name}`;
  expect(findings({ [path]: text })).toEqual([`${path}:2 server-line`]);
});

test('server-line: what a kind exports is for hub and fold', () => {
  const text = "import { setEntry } from '@syncline/protocol';\nexport const a = setEntry;";
  expect(
    findings({
      'packages/protocol/src/index.ts': "export { setEntry } from './kinds/state.ts';",
      'packages/protocol/src/kinds/state.ts': "export const setEntry = 'set';",
      'packages/server/src/hub/leases.ts': text,
      'packages/server/src/transports/http.ts': text,
    }),
  ).toEqual(['packages/server/src/transports/http.ts:2 server-line']);
});

test('server-line: a file without a room; files of a family and the contract are no siblings', () => {
  expect(
    findings({
      'packages/server/src/helpers.ts': '',
      'packages/server/src/broker/disk.ts': "import './disk-log.ts';\nimport './broker.ts';",
      'packages/server/src/broker/disk-log.ts': "import './disk/file.ts';",
      'packages/server/src/broker/disk/file.ts': '',
      'packages/server/src/broker/broker.ts': '',
    }),
  ).toEqual(['packages/server/src/helpers.ts:1 server-line']);
});

test('import-cycle: a circle of types through a public name', () => {
  expect(
    findings({
      'packages/protocol/src/index.ts': "export type { A } from './a.ts';",
      'packages/protocol/src/a.ts': "import type { A } from '@syncline/protocol';\nexport type { A };",
    }),
  ).toEqual(['packages/protocol/src/a.ts:1 import-cycle']);
});

test('file-size and function-size', () => {
  const long = (lines: number): string => 'x();\n'.repeat(lines);
  expect(
    findings({
      'scripts/a.ts': long(400),
      'scripts/a.test.ts': long(598),
      'examples/b.ts': `function f() {\n${long(69)}}`,
      'examples/b.test.ts': `describe('x', () => {\n${long(90)}});`,
      'examples/b.suite.ts': `export function suite() {\ntest('x', () => {\n${long(90)}});\n}`,
    }),
  ).toEqual(['examples/b.ts:2 function-size', 'scripts/a.ts:1 file-size']);
});

test('opening-comment', () => {
  const project = buildProject([
    ['scripts/none.ts', 'export const a = 1;\n'],
    ['scripts/one.ts', '// One sentence only.\n'],
    ['scripts/two.ts', '#!/usr/bin/env node\n/** One sentence.\n * And another. */\n'],
  ]);
  expect(tidy(project).map((finding) => finding.file)).toEqual(['scripts/none.ts', 'scripts/one.ts']);
});

test.each([
  ['default-export', 'export default 1;'],
  ['default-export', 'export default function f() {}'],
  ['default-export', 'const a = 1;export { a as default };'],
  ['enum', 'enum E { A }'],
  ['any', 'let a: any;'],
  ['suppression', `// @${'ts'}-ignore`],
  ['suppression', `/* @${'ts'}-expect-error it is so */`],
])('%s: %s', (rule, text) => {
  expect(findings({ 'scripts/a.ts': text })).toEqual([`scripts/a.ts:2 ${rule}`]);
});

test('config files may export by default, type tests may expect errors', () => {
  expect(
    findings({
      'x.config.ts': 'export default 1;',
      'scripts/a.types.test.ts': `// @${'ts'}-expect-error\nlet a: any;`,
    }),
  ).toEqual([]);
});

test('public-names: a star, and too many', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`).join(', ');
  const all = (count: number) => `export { ${many(count)} } from './a.ts';`;
  expect(
    findings({
      'packages/protocol/package.json': JSON.stringify({
        exports: { '.': './src/index.ts', './wire': './src/wire.ts', './more': './src/kinds/more.ts' },
      }),
      'packages/protocol/src/index.ts': `export * from './a.ts';\n${all(26)}`,
      'packages/protocol/src/wire.ts': all(131),
      'packages/protocol/src/kinds/more.ts': all(25).replace('./a', '../a'),
      'packages/protocol/src/private.ts': `${all(26)}\nexport * from './a.ts';`,
      'packages/protocol/src/a.ts': '',
    }),
  ).toEqual([
    'packages/protocol/src/index.ts:1 public-names',
    'packages/protocol/src/index.ts:2 public-names',
    'packages/protocol/src/wire.ts:1 public-names',
  ]);
});

test('public-names: a door may give on another of its package whole, whose names count, each once', () => {
  const doors = (extra: string) =>
    findings({
      'packages/protocol/package.json': JSON.stringify({
        exports: { '.': './src/index.ts', './doc': './src/docs.ts' },
      }),
      'packages/protocol/src/index.ts': 'export const a = 1, b = 2;\nexport function f() {}',
      'packages/protocol/src/docs.ts': `export * from './index.ts';\nexport function f() {}\n${extra}`,
    });
  const types = (count: number) =>
    Array.from({ length: count }, (_, index) => `export type T${index} = 1;`).join('\n');
  expect(doors(types(22))).toEqual([]);
  expect(doors(types(23))).toEqual(['packages/protocol/src/docs.ts:1 public-names']);
  expect(doors("export * from '@syncline/client';")).toContain(
    'packages/protocol/src/docs.ts:4 public-names',
  );
});

test.each([`${timeout}(f, 1);`, `globalThis.${timeout}(f);`, 'Date.now();', 'new Date();', 'Math.random();'])(
  'clock: %s',
  (text) => {
    const path = 'packages/client/src/a.ts';
    expect(findings({ [path]: text })).toEqual([`${path}:2 clock`]);
    expect(findings({ 'examples/a.ts': text, 'packages/client/src/clock.ts': text })).toEqual([]);
  },
);

test('clock: members, types and keys of the same name are fine', () => {
  const text = `clock.${timeout}(f); let t: ReturnType<typeof ${timeout}>; const o = { ${timeout}: f };`;
  expect(findings({ 'packages/client/src/a.ts': text })).toEqual([]);
});

test.each([
  ['test-wait', `${timeout}(f, 100);`],
  ['test-wait', `await ${'sleep'}(5);`],
  ['test-wait', "import { x } from 'node:timers/promises';"],
  ['test-port', 'server.listen(8080);'],
  ['test-port', "server.listen({ host: 'a', port: 8080 });"],
])('%s: %s', (rule, text) => {
  expect(findings({ 'scripts/a.test.ts': text })).toEqual([`scripts/a.test.ts:2 ${rule}`]);
  expect(findings({ 'scripts/a.test.ts': 'server.listen(0);' })).toEqual([]);
});

test('loose-end, machine-path, lock-host', () => {
  expect(
    findings({
      'a.css': `/* ${'TO'}DO */\n/* ${'not '}implemented */`,
      'b.sh': `cat ${'/tm'}p/x\ncurl https://example.org${'/wor'}k/x`,
      'package-lock.json': `{ "resolved": "${'http'}s://registry.example/x.tgz" }`,
    }),
  ).toEqual([
    'a.css:1 loose-end',
    'a.css:2 loose-end',
    'b.sh:1 machine-path',
    'package-lock.json:1 lock-host',
  ]);
});

test('dead-path', () => {
  const text = [
    '[x](gone.md) [y](./README.md#part) [z](https://example.org) `docs/none.md` `docs/a.md:12` `packages/*/src`',
    '```',
    '`docs/in-a-fence.md` [x](gone.md)',
    '```',
    '`../README.md`',
  ];
  expect(findings({ 'docs/a.md': text.join('\n'), 'docs/README.md': '# Part' })).toEqual([
    'docs/a.md:1 dead-path',
    'docs/a.md:1 dead-path',
    'docs/a.md:5 dead-path',
  ]);
});

test('dead-heading', () => {
  const text = [
    '[a](#what-it-costs) [b](#what-it-costs-1) [c](b.md#parts--wholes) [e](../a.ts#L5)',
    '## What *it* costs?',
    '### [What](b.md) it costs',
    '```',
    '# In a fence',
    '```',
    '[f](#in-a-fence) [g](b.md#gone)',
  ];
  const b = '# Parts & wholes';
  expect(
    findings({ 'docs/a.md': text.join('\n'), 'docs/b.md': b, 'a.ts': '// It is the one file that is here.' }),
  ).toEqual(['docs/a.md:7 dead-heading', 'docs/a.md:7 dead-heading']);
});

test('protocol-rule: an unproved rule, an unknown one, a skipped test', () => {
  const quote = (id: string): string => `'does it [${id}]'`;
  expect(
    findings({
      'docs/PROTOCOL.md': '**P1** One.\n\nAs [P2] says.\n\n### P3 Three\n\n- **[P4]** Four.',
      'tests/a.test.ts': `it(${quote('P1')}, f);\nit.skip(${quote('P2')}, f);\nit(\`[P3] \${x}\`, f);\nit(${quote('Q9')}, f);`,
    }),
  ).toEqual([
    'docs/PROTOCOL.md:3 protocol-rule',
    'docs/PROTOCOL.md:7 protocol-rule',
    'tests/a.test.ts:5 protocol-rule',
  ]);
});
