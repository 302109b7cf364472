// The reference pages, as they are generated: that each can be read by itself. That they are fresh is checked by scripts/docs.ts --check.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BUDGET } from './size.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../docs/reference/${name}.md`, import.meta.url), 'utf8');

/** Rows of a page by the name that stands first. */
const rowsOf = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^\| `(\w+)` \|.*$/gm)].map(([row, name = '']) => [name, row]));

it('groups the server’s options under headings, and names every broker', () => {
  const text = page('options');
  const sections = text.split(/^## /m).slice(1);
  expect(sections.length).toBeGreaterThan(5);
  for (const section of sections) expect(rowsOf(section).size, section.slice(0, 40)).toBeLessThan(15);
  expect(rowsOf(text).get('broker')).toContain('redis(');
});

it('says of each option what it is, without the row above', () => {
  for (const [name, row] of rowsOf(page('options')))
    expect(row, name).not.toMatch(/likewise|after which it is[;,]| the same way|that it may take/);
});

it('says how metrics are read', () => {
  expect(page('metrics')).toContain('server.metrics');
});

it('explains what a client does next, and gives no status to errors that answer no request', () => {
  const text = page('errors');
  for (const then of ['stop', 'retry', 'reauth', 'resync'])
    expect(text).toMatch(new RegExp(`^- \`${then}\`: `, 'm'));
  expect(rowsOf(text).get('offline')).toContain('| – |');
  expect(text).not.toMatch(/\| 0 \|/);
});

it('has the READMEs name what the client may weigh', () => {
  const most = ['streams', 'index', 'docs'].map(
    (name) => BUDGET[`packages/client/src/${name}.ts`]?.bytesMax ?? 0,
  );
  const figures = most.map((bytes) => `${bytes.toLocaleString('en')}`);
  for (const readme of ['../README.md', '../packages/client/README.md']) {
    const text = readFileSync(new URL(readme, import.meta.url), 'utf8');
    const [said = ''] = /[^.]*\bgzipped\b[^.]*/.exec(text) ?? [];
    expect(said.match(/\d+,\d+/g), readme).toEqual(figures);
  }
});
