// Writes docs/reference/*.md from the tables the code itself runs by; with --check it only tells which page is stale.
// A page whose module doesn't exist is left out; a module without its table is an error.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { optionGroups } from './option-groups.ts';

type Row = Readonly<Record<string, unknown>>;
type Column = { head: string; cell: (row: Row) => unknown };
type Page = {
  file: string;
  title: string;
  about: string;
  /** Paragraphs before the table. */
  more?: readonly string[];
  /** Paragraphs after it. */
  after?: readonly string[];
  module: string;
  table: string;
  columns: Column[];
  /** Headings, and the rows under each. */
  groups?: Readonly<Record<string, readonly string[]>>;
};
/** A page that a function of its module writes, but for its title. */
type Written = { file: string; title: string; about: string; module: string; write: string };

const OUT = 'docs/reference';

const field = (name: string, head = name): Column => ({ head, cell: (row) => row[name] });
const code = (name: string, head = name): Column => ({
  head,
  cell: (row) => (row[name] === undefined ? undefined : `\`${show(row[name])}\``),
});
const range: Column = {
  head: 'range',
  cell: ({ min, max }) => (min === undefined && max === undefined ? '' : `${show(min)} … ${show(max)}`),
};

const status: Column = { head: 'http', cell: ({ http }) => (http === 0 ? '–' : http) };

/** What Durable Streams has other statuses for: the status, the code of the error, and when. */
const { statuses }: { statuses: Readonly<Record<string, readonly [number, string?, string?]>> } =
  await import(pathToFileURL('packages/server/src/transports/http/streams/statuses.ts').href);
const streamStatus: Column = {
  head: 'streams',
  cell: ({ name, http }) => {
    const found = Object.values(statuses).filter(([other, error]) => error === name && other !== http);
    return [...new Set(found.map(([other]) => other))].join(', ');
  },
};
const streamRefusals = Object.values(statuses).flatMap(([other, error, message]) =>
  error === undefined ? [] : [`| ${other} | \`${error}\` | ${message} |`],
);

const OPTIONS = [code('name'), field('type'), code('default'), field('unit'), range, field('doc', 'meaning')];

const PAGES: (Page | Written)[] = [
  {
    file: 'errors.md',
    title: 'Errors',
    about: 'Every error, how it closes a socket or answers a request, and what the client does next.',
    module: 'packages/protocol/src/errors.ts',
    table: 'errors',
    more: [
      '`name` is the `code` of a `SyncError`, by which programs go; the number in `code` is one for it that no other error has. `close` is the code with which a connection is closed where the error ends it, and `http` the status of a request that is refused; with `–` it never answers one. `then` is `next` of a `SyncError`, and what the client does:',
      [
        '- `stop`: nothing is repeated. What was refused is told to who asked for it; where the connection was refused, the client closes for good.',
        '- `retry`: it may work later as it is. The client connects again, or sends again what it kept, after a wait that grows, and no sooner than the server asks for.',
        '- `reauth`: the client asks `getToken` for a new token and connects again; when it is refused three times in a row, it closes for good.',
        '- `resync`: what the client knows is out of date. Read what stands now, from the log, and decide anew.',
      ].join('\n'),
    ],
    columns: [
      code('name'),
      field('code'),
      field('close'),
      status,
      streamStatus,
      field('then'),
      field('message'),
    ],
    after: [
      '## Streams over HTTP',
      'Below `{path}/streams` the protocol is Durable Streams, which has statuses of its own for what is particular to it: these, and with them those under `streams` above. Whatever else is refused there has the status under `http`.',
      ['| status | code | when |', '| --- | --- | --- |', ...streamRefusals].join('\n'),
    ],
  },
  {
    file: 'limits.md',
    title: 'Limits',
    about: 'The bounds both ends of the protocol agree on.',
    module: 'packages/protocol/src/limits.ts',
    table: 'limits',
    columns: [code('name'), code('default'), field('unit'), field('doc', 'meaning')],
  },
  {
    file: 'options.md',
    title: 'Server options',
    about:
      'What `createServer` takes. Without `broker` it writes to the folder `syncline-data`, where the program was started.',
    module: 'packages/server/src/options.ts',
    table: 'serverOptions',
    columns: OPTIONS,
    groups: optionGroups,
  },
  {
    file: 'redis-options.md',
    title: 'Options of redis()',
    about:
      'What `redis` of `@syncline/server/redis` takes. One of `url`, `sentinel` and `cluster` must be given; it needs Redis 7.0 or newer, and the package `redis` 6.3 or newer.',
    module: 'packages/server/src/broker/redis/options.ts',
    table: 'redisOptions',
    columns: OPTIONS,
  },
  {
    file: 'client-options.md',
    title: 'Client options',
    about: 'What `createClient` takes. In a page all may be left out; Node needs a `url` with its host.',
    module: 'packages/client/src/reference.ts',
    table: 'clientOptions',
    columns: OPTIONS,
  },
  {
    file: 'frames.md',
    title: 'Frames',
    about: 'Every frame on the wire, by direction.',
    module: 'packages/protocol/src/reference.ts',
    table: 'frames',
    columns: [field('direction'), code('name'), code('shape'), field('doc', 'meaning')],
  },
  {
    file: 'http-api.md',
    title: 'The HTTP API',
    about: 'What backends may ask for by plain HTTP.',
    module: 'packages/server/src/transports/http/api/reference.ts',
    write: 'httpApi',
  },
  {
    file: 'metrics.md',
    title: 'Metrics',
    about: 'What a server counts and measures.',
    more: [
      '`server.metrics` is an object with a number for each, of this node and since it began; read it whenever you like, and hand it to whatever you watch servers with. A counter only grows; a gauge is what there is now.',
    ],
    module: 'packages/server/src/observe.ts',
    table: 'metricsTable',
    columns: [code('name'), field('type'), field('unit'), field('doc', 'meaning')],
  },
  {
    file: 'sizes.md',
    title: 'Sizes',
    about:
      'What a page loads of each import at the most, minified and gzipped, with nothing of it left out; `npm run check` weighs them.',
    more: [
      'React, `yjs`, `y-protocols` and `lib0` are the application’s own and aren’t counted. What an entry holds of `@syncline/protocol` is.',
    ],
    module: 'scripts/size.ts',
    table: 'BUDGET',
    columns: [
      code('import'),
      field('bytesMax', 'bytes'),
      field('laterBytesMax', 'bytes loaded later'),
      field('doc', 'for'),
    ],
  },
  {
    file: 'cli.md',
    title: 'The `syncline` command',
    about: 'Its subcommands with their arguments and options, as `syncline <command> --help` shows them.',
    module: 'packages/cli/src/commands.ts',
    table: 'optionRows',
    columns: [code('command'), code('name', 'argument or option'), code('default'), field('doc', 'meaning')],
  },
];

function show(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number' && value >= 10_000) return value.toLocaleString('en').replaceAll(',', '_');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const cellText = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const line = (cells: string[]): string => `| ${cells.map(cellText).join(' | ')} |`;

function head({ title, about, module }: Page | Written): string[] {
  return [`# ${title}`, '', `${about} Generated from \`${module}\` by \`npm run docs\`; edit it there.`, ''];
}

function render(page: Page, table: Row | readonly Row[]): string {
  const rows = Array.isArray(table)
    ? (table as readonly Row[])
    : Object.entries(table).map(([name, row]): Row => ({ name, ...(row as Row) }));
  const used = page.columns.filter((column) => rows.some((row) => show(column.cell(row)) !== ''));
  const tableOf = (some: readonly Row[]): string[] => [
    line(used.map((column) => column.head)),
    line(used.map(() => '---')),
    ...some.map((row) => line(used.map((column) => show(column.cell(row))))),
    '',
  ];
  const before = [...head(page), ...(page.more ?? []).flatMap((text) => [text, ''])];
  const after = (page.after ?? []).flatMap((text) => [text, '']);
  if (!page.groups) return [...before, ...tableOf(rows), ...after].join('\n');
  const parts = grouped(page, page.groups, rows);
  return [...before, ...parts.flatMap(([title, some]) => [`## ${title}`, '', ...tableOf(some)])].join('\n');
}

/** The rows under each heading. @throws Error for a row that is under none or under two, and for one that there isn't */
function grouped({ file }: Page, groups: Required<Page>['groups'], rows: readonly Row[]): [string, Row[]][] {
  const left = new Map(rows.map((row) => [String(row['name']), row]));
  const parts = Object.entries(groups).map(([title, names]): [string, Row[]] => {
    const some = names.map((name) => {
      const row = left.get(name);
      if (!row)
        throw new Error(`${OUT}/${file}: '${title}' names '${name}', which is no row, or one elsewhere`);
      left.delete(name);
      return row;
    });
    return [title, some];
  });
  if (left.size === 0) return parts;
  throw new Error(
    `${OUT}/${file}: ${[...left.keys()].join(', ')} stand under no heading: add them to the groups`,
  );
}

async function build(page: Page | Written): Promise<string> {
  const module: Record<string, unknown> = await import(pathToFileURL(page.module).href);
  if ('write' in page) {
    const write = module[page.write];
    if (typeof write !== 'function') throw new Error(`${page.module} exports no function '${page.write}'`);
    return [...head(page), String(write()), ''].join('\n');
  }
  const table = module[page.table];
  if (typeof table !== 'object' || table === null) {
    throw new Error(`${page.module} exports no table '${page.table}', which ${OUT}/${page.file} is made of`);
  }
  return render(page, table as Row | readonly Row[]);
}

const check = process.argv.includes('--check');
const notes: string[] = [];
if (!check) mkdirSync(OUT, { recursive: true });
for (const page of PAGES) {
  const path = `${OUT}/${page.file}`;
  if (!existsSync(page.module)) continue;
  try {
    const text = await build(page);
    const current = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    if (current === text) continue;
    if (check) notes.push(`${path} is ${current === undefined ? 'missing' : 'stale'}: run 'npm run docs'`);
    else writeFileSync(path, text);
  } catch (error) {
    notes.push(error instanceof Error ? error.message : String(error));
  }
}
for (const note of notes) console.log(note);
console.log(`docs: ${PAGES.length} pages, ${notes.length} to mend`);
process.exitCode = notes.length > 0 ? 1 : 0;
