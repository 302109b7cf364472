/**
 * The API as OpenAPI 3.1, made from the table of operations: what generators of clients and tools that try an API read. It is the same
 * for every deployment, but for the path; it tells of no channel and of nobody.
 */
import { type ErrorCode, errors } from '@syncline/protocol';
import { events } from './events.ts';
import { always, type Operation, operations, refused } from './table.ts';

type Json = Readonly<Record<string, unknown>>;

const refusedRef = { $ref: '#/components/schemas/Refused' };

/**
 * The description.
 *
 * @param base where the server is found, such as `/sync`
 * @example
 * openapi('/sync').paths['/publish']
 */
export function openapi(base: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Syncline',
      version: '1',
      license: { name: 'MIT', identifier: 'MIT' },
      summary: 'Channels for backends, by plain HTTP.',
      description:
        'Payloads are any JSON, and travel as the text that was sent. What is refused is told with a status and the code of an error.',
    },
    servers: [{ url: `${base}/api` }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(Object.entries(operations).map(([name, one]) => pathOf(name, one))),
    webhooks: Object.fromEntries(Object.entries(events).map(([name, one]) => [name, { post: hookOf(one) }])),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token as clients have it.' },
      },
      schemas: { Refused: refused.schema },
    },
  };
}

function pathOf(name: string, operation: Operation): [string, Json] {
  const { method, path, summary, doc, needs, body, answer } = operation;
  const parameters = [...queryOf(operation), ...headersOf(operation)];
  const described = {
    operationId: name,
    summary,
    description: `${doc} Needs ${needs}.`,
    ...(needs === 'nothing' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: jsonOf(body.schema) } }),
    responses: {
      '200': { description: summary, content: jsonOf(answer.schema) },
      ...refusalsOf(operation),
    },
  };
  return [`/${path}`, { [method.toLowerCase()]: described }];
}

function hookOf({ summary, body }: (typeof events)[keyof typeof events]): Json {
  const header = (name: string, description: string): Json => {
    return { name, in: 'header', required: true, description, schema: { type: 'string' } };
  };
  return {
    summary,
    description: 'Signed as Standard Webhooks has it.',
    security: [],
    parameters: [
      header('webhook-id', 'The same whenever the same event is told.'),
      header('webhook-timestamp', 'When it was sent, in seconds since 1970.'),
      header(
        'webhook-signature',
        '`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64; several with spaces between.',
      ),
    ],
    requestBody: { required: true, content: jsonOf(body.schema) },
    responses: { '2XX': { description: 'It was taken. Anything else is told again.' } },
  };
}

function queryOf({ query = {} }: Operation): Json[] {
  return Object.entries(query).map(([name, shape]) => {
    const { description, ...schema } = shape.schema;
    return { name, in: 'query', required: !('optional' in shape), description, schema };
  });
}

function headersOf({ idempotent }: Operation): Json[] {
  if (!idempotent) return [];
  const description =
    'Whoever repeats the request with the same key has nothing stored again, whichever node answers: a random UUID for each request, kept until it is answered.';
  const schema = { type: 'string', minLength: 1, maxLength: 255 };
  return [{ name: 'Idempotency-Key', in: 'header', required: false, description, schema }];
}

/** The refusals of an operation by status: several errors may have one. */
function refusalsOf({ needs, errors: own }: Operation): Json {
  const codes = new Set<ErrorCode>(needs === 'nothing' ? [] : [...always, ...own]);
  const byStatus = new Map<string, ErrorCode[]>();
  for (const code of codes) {
    const status = String(errors[code].http);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const answers = [...byStatus]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([status, list]) => [
      status,
      {
        description: list.map((code) => `\`${code}\`: ${errors[code].message}`).join(' '),
        ...(status === '429' && { headers: retryAfter }),
        content: jsonOf(refusedRef),
      },
    ]);
  return Object.fromEntries(answers);
}

const retryAfter = {
  'Retry-After': { description: 'after how many seconds to come again', schema: { type: 'integer' } },
};

function jsonOf(schema: unknown): Json {
  return { 'application/json': { schema } };
}
