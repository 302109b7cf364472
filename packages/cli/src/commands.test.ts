/**
 * The table of commands against the pages about them: what the guide and the README write parses, no command is missing there, and
 * what the reference is made of says of each option what it is.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createProgram, optionRows } from './commands.ts';

const page = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const pages = ['docs/guide/cli.md', 'docs/guide/deploy.md', 'packages/cli/README.md'];
const names = ['serve', 'dev', 'token', 'publish', 'tail', 'bench', 'doctor'];

/** What a page lets people type, as the words of a shell. */
const typed = pages.flatMap((path) =>
  [...page(path).matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = '']) => block.split('\n'))
    .flatMap((line) => /(?:^|\| )(?:npx )?syncline (.*)$/.exec(line)?.[1] ?? [])
    .map((line) => ({ path, line, words: wordsOf(line) })),
);

/** The words of a command line, up to what the shell takes for itself. */
function wordsOf(line: string): string[] {
  const words = line.matchAll(/"((?:\$\([^)]*\)|[^"])*)"|'([^']*)'|(\S+)/g);
  const all = [...words].map(([, double, single, bare]) => ({ bare, text: double ?? single ?? bare ?? '' }));
  const end = all.findIndex(({ bare }) => bare !== undefined && /^([|#]|>>?)$/.test(bare));
  return all.slice(0, end < 0 ? all.length : end).map(({ text }) => text);
}

/** Which command these words are for. @throws what its parser says */
function parsed(words: readonly string[]): string {
  const program = createProgram();
  let found = '';
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command === program) continue;
    command.action(() => {
      found = command.name();
    });
  }
  try {
    program.parse(words, { from: 'user' });
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === 'commander.helpDisplayed') return 'help';
    throw thrown;
  }
  return found;
}

describe('what the pages let people type', () => {
  it.each(typed)('$path: syncline $line', ({ words }) => {
    expect(['help', words[0]]).toContain(parsed(words));
  });

  it('is something of each command, and a command line that is wrong is found', () => {
    for (const name of names)
      expect(typed.some(({ path, words }) => path.endsWith('cli.md') && words[0] === name)).toBe(true);
    expect(() => parsed(wordsOf('tail chat/lobby --sinc 10m'))).toThrow(/unknown option '--sinc'/);
    expect(() => parsed(wordsOf('publish'))).toThrow(/missing required argument 'channel'/);
  });
});

it('the reference says of each command and option what it is', () => {
  expect(new Set(optionRows.map(({ command }) => command))).toEqual(new Set(names));
  for (const { doc } of optionRows) expect(doc).toMatch(/^\S.{5,}/);
  const helps = createProgram().commands.map((command) => command.helpInformation().replaceAll(/\s+/g, ' '));
  for (const { command, name, doc } of optionRows) {
    const help = helps[names.indexOf(command)] ?? '';
    for (const part of [name?.replace(/^<|>$/g, ''), doc.replace(/; must be given$/, '')])
      if (part !== undefined && !part.startsWith('[')) expect(help).toContain(part);
  }
});

it('an address of the environment is the default of all clients, and the pages don’t show it', () => {
  const shown = optionRows.filter(({ name }) => name === '--url <address>' || name === '[url]');
  expect(shown.map((row) => row.default)).toEqual(shown.map(() => 'ws://localhost:8080/sync'));
  expect(shown.length).toBe(3);
});
