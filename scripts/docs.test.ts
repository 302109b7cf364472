// The reference pages, as they are generated: that each can be read by itself. That they are fresh is checked by scripts/docs.ts --check.
import { readdirSync, readFileSync } from 'node:fs';
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

/** What the tables say of a name, in ms or bytes or whatever it is counted in. */
const defaults = ['limits', 'options', 'redis-options', 'client-options'].flatMap((name) => {
  const [head = [], , ...rows] = [...page(name).matchAll(/^\|(.*)\|$/gm)].map(([, cells = '']) =>
    cells.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('`', '')),
  );
  return rows.map((row) => ({
    name: row[0],
    value: Number(row[head.indexOf('default')]?.replaceAll('_', '')),
  }));
});
const words: Readonly<Record<string, number>> = { 'an hour': 3_600_000, 'five minutes': 300_000 };
const units: Readonly<Record<string, number>> = { s: 1000, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

it('has the guide and the protocol state defaults as the tables do', () => {
  const guide = readdirSync(new URL('../docs/guide', import.meta.url)).map((file) => `guide/${file}`);
  const figure = String.raw`(?<figure>\d[\d,.]*|${Object.keys(words).join('|')})(?: (?<unit>ms|s|KiB|MiB|GiB)\b)?`;
  const forms = [
    new RegExp(String.raw`\`(?<name>\w+)\` \((?:default )?${figure}\)`, 'g'),
    new RegExp(String.raw`${figure}[\w ]{0,40} \(\`(?<name>\w+)\`\)`, 'g'),
  ];
  let stated = 0;
  for (const file of [...guide, 'PROTOCOL.md']) {
    const text = readFileSync(new URL(`../docs/${file}`, import.meta.url), 'utf8').replaceAll(/\s+/g, ' ');
    for (const { 0: said, groups: { name, figure = '', unit = '' } = {} } of forms.flatMap((form) => [
      ...text.matchAll(form),
    ])) {
      const known = defaults.filter((row) => row.name === name).map(({ value }) => value);
      if (known.length === 0) continue;
      const value = words[figure] ?? Number(figure.replaceAll(',', '')) * (units[unit] ?? 1);
      expect(known, `${file}: ${said}`).toContain(value);
      stated++;
    }
  }
  expect(stated).toBeGreaterThan(15);
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
