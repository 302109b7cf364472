/**
 * The reference page of the API, made from the table of operations; `npm run docs` writes it. Nothing at run time reads this.
 */
import { errors } from '@syncline/protocol';
import { events } from './events.ts';
import type { Fields, Schema } from './shape.ts';
import { always, type Operation, operations } from './table.ts';

/** What stands below the title and the origin of the page, as Markdown. */
export function httpApi(): string {
  const all: readonly Operation[] = Object.values(operations);
  const rows = all.map(({ method, path, summary, needs }) => [
    `\`${method} {path}/api/${path}\``,
    summary,
    needs,
  ]);
  return [
    'All requests are sent to `{path}/api/…`, where `{path}` is `/sync` unless the server says otherwise, with',
    '`Authorization: Bearer …`: an [API key](../guide/backends.md), or a token as clients have it. Bodies are JSON, as',
    '`Content-Type: application/json`; what isn’t known of a body or a query is refused. A body may be as large as a frame (`frameBytesMax`).',
    '',
    table(['request', 'what it does', 'needs'], rows),
    '',
    ...all.flatMap(section),
    '## What webhooks are told',
    '',
    'Each event is a `POST` to your address, signed, and told again until it is taken: [the guide](../guide/backends.md#webhooks).',
    '',
    ...Object.entries(events).flatMap(([name, { summary, body }]) => [
      `### ${name}`,
      '',
      `${summary}.`,
      '',
      table(heads, members(body.schema)),
      '',
    ]),
    '## What any request may be refused with',
    '',
    'An answer other than 200 is `{"error":{"code":…,"message":…,"detail":…}}`; `detail` may be missing. Every code is explained in [errors](errors.md).',
    '',
    table(['status', 'codes'], refusals(always)),
  ].join('\n');
}

function section(operation: Operation): string[] {
  const { method, path, summary, doc, needs, query, body, answer, errors: own, idempotent } = operation;
  const more = own.filter((code) => !always.includes(code));
  return [
    `## ${method} ${path}`,
    '',
    `${summary}. ${doc} Needs ${needs}.`,
    '',
    ...(idempotent ? ['`Idempotency-Key` is heeded: with it the request may be repeated.', ''] : []),
    ...(query ? ['In the query:', '', fields(query), ''] : []),
    ...(body ? ['The body:', '', table(heads, members(body.schema)), ''] : []),
    'The answer:',
    '',
    answered(answer.schema),
    '',
    ...(more.length > 0
      ? ['It may also be refused with:', '', table(['status', 'codes'], refusals(more)), '']
      : []),
  ];
}

function answered(schema: Schema): string {
  const rows = members(schema);
  return rows.length > 0 ? table(heads, rows) : `${(schema as Shown).description}.`;
}

const heads = ['member', 'type', 'meaning'];

function fields(query: Fields): string {
  const rows = Object.entries(query).map(([name, shape]) => row(name, shape.schema, !('optional' in shape)));
  return table(['parameter', 'type', 'meaning'], rows);
}

/** The members of an object, and behind each that holds some, theirs. */
function members(schema: Schema, before = ''): string[][] {
  const { properties, required, items, oneOf } = schema as Shown;
  if (items) return members(items, `${before}[].`);
  if (oneOf) return oneOf.flatMap((one) => members(one, before));
  return Object.entries(properties ?? {}).flatMap(([name, one]) => {
    const path = `${before}${name}`;
    const inner = members(one, (one as Shown).items ? path : `${path}.`);
    return [row(path, one, required?.includes(name) ?? false), ...inner];
  });
}

/** What is shown of a schema. */
interface Shown {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

function row(name: string, schema: Schema, required: boolean): string[] {
  const { description = '' } = schema as Shown;
  return [`\`${name}\``, typeOf(schema), required ? description : `${description} (may be left out)`];
}

function typeOf(schema: Schema): string {
  const { type = 'any JSON', minimum, maximum, maxLength, maxItems } = schema as Shown;
  const name = typeof type === 'string' ? type : type.join(' or ');
  if (maxLength !== undefined) return `${name}, up to ${maxLength} characters`;
  if (maxItems !== undefined) return `list, up to ${maxItems}`;
  if (minimum === undefined) return name;
  return maximum === undefined || maximum >= 2 ** 32 - 1
    ? `${name} from ${minimum}`
    : `${name}, ${minimum} to ${maximum}`;
}

function refusals(codes: readonly (keyof typeof errors)[]): string[][] {
  const statuses = [...new Set(codes.map((code) => errors[code].http))].sort((a, b) => a - b);
  return statuses.map((status) => {
    const same = codes.filter((code) => errors[code].http === status);
    return [String(status), same.map((code) => `\`${code}\``).join(', ')];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
