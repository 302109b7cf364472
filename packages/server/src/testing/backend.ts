/**
 * A backend for tests: calls the API of a server with a key, and holds each answer to the description that the server itself gives.
 * It is no part of what the package exports.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { ApiKey } from '../access/apikeys.ts';

/** A key and its hash, as `openssl` makes them. */
export function makeKey(): { readonly key: string; readonly hash: string } {
  const key = randomBytes(32).toString('base64');
  return { key, hash: createHash('sha256').update(key).digest('hex') };
}

/** A key with everything that one may have. */
export function ableKey(): { readonly key: string; readonly apiKey: ApiKey } {
  const { key, hash } = makeKey();
  return { key, apiKey: { hash, capabilities: { '*': ['*'] }, may: ['disconnect', 'revoke'] } };
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

interface Content {
  readonly content: { readonly 'application/json': { readonly schema: object } };
}

/** What a test reads of a description. */
export interface Described {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Content>> }>>>
  >;
  readonly components: object;
}

export class Backend {
  readonly #api: string;
  readonly #headers: Readonly<Record<string, string>>;
  #described: Promise<Described> | undefined;
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, keywords: ['components'] });

  constructor(port: number, key?: string) {
    this.#api = `http://localhost:${port}/sync/api`;
    this.#headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  }

  /** Asks for something with these parameters. */
  async get(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<Answered> {
    const pairs = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    const search = new URLSearchParams(pairs);
    return await this.#call('get', path, `${path}${search.size > 0 ? `?${search}` : ''}`, {});
  }

  /** Sends JSON: a text as it is. */
  async post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    return await this.#call('post', path, path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  describe(): Promise<Described> {
    this.#described ??= fetch(`${this.#api}/openapi.json`).then(
      async (response) => (await response.json()) as Described,
    );
    return this.#described;
  }

  async #call(method: string, path: string, url: string, init: RequestInit): Promise<Answered> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(`${this.#api}/${url}`, { ...init, headers });
    const text = await response.text();
    const body: unknown = JSON.parse(text);
    await this.#judge(method, path, response.status, body);
    return { status: response.status, text, body: body as Answered['body'], headers: response.headers };
  }

  /** Throws unless the description has an answer of this status for the operation, and it looks like this one. */
  async #judge(method: string, path: string, status: number, body: unknown): Promise<void> {
    const name = `${method} ${path} ${status}`;
    const { paths, components } = await this.describe();
    const schema = paths[`/${path}`]?.[method]?.responses[status]?.content['application/json'].schema;
    if (!schema) throw new Error(`The description knows no answer ${name}: ${JSON.stringify(body)}`);
    const validate = this.#validators.get(name) ?? this.#ajv.compile({ ...schema, components });
    this.#validators.set(name, validate);
    if (validate(body)) return;
    throw new Error(`${name} is not as described: ${this.#ajv.errorsText(validate.errors)}`);
  }
}
