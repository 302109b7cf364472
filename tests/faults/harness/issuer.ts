/**
 * Who hands out tokens, and shows the keys by which they are judged: a set of public keys that can be changed for another. Clients
 * always get a token; how the key set's address does is its server's mood.
 */
import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import type { Beside } from './beside.ts';
import { LocalServer } from './local.ts';
import type { Quirks } from './quirks.ts';

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const lifeSeconds = 600;

export class Issuer implements Beside {
  /** What nodes ask for keys. */
  readonly keys: LocalServer;
  readonly quirks: Quirks;
  readonly tokenUrl: string;
  readonly #tokens: LocalServer;
  #pair: KeyPairKeyObjectResult = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #generation = 1;

  constructor(keys: LocalServer, tokens: LocalServer) {
    this.keys = keys;
    this.#tokens = tokens;
    this.quirks = { keysUrl: `${keys.url}/keys` };
    this.tokenUrl = `${tokens.url}/`;
  }

  static async open(): Promise<Issuer> {
    const keys = await LocalServer.open((_request, _body, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(issuer.#set()));
    });
    const tokens = await LocalServer.open(({ url = '/' }, _body, response) => {
      response.end(issuer.#token(decodeURIComponent(url.slice(1))));
    });
    const issuer = new Issuer(keys, tokens);
    return issuer;
  }

  /** From now on it signs with another key, and shows that one only. */
  rotate(): void {
    this.#pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#generation++;
  }

  async close(): Promise<void> {
    await Promise.all([this.keys.close(), this.#tokens.close()]);
  }

  get #kid(): string {
    return `key${this.#generation}`;
  }

  #set(): object {
    return {
      keys: [{ ...this.#pair.publicKey.export({ format: 'jwk' }), kid: this.#kid, alg: 'ES256', use: 'sig' }],
    };
  }

  #token(user: string): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: user, iat: now, exp: now + lifeSeconds, capabilities: { '*': ['*'] } };
    const text = `${base64url({ alg: 'ES256', kid: this.#kid })}.${base64url(claims)}`;
    const options = { key: this.#pair.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${text}.${sign('sha256', Buffer.from(text), options).toString('base64url')}`;
  }
}

/** Who hands out names as tokens, for nodes whose hooks believe them. */
export class Names implements Beside {
  readonly quirks: Quirks = { hooks: true };
  readonly tokenUrl: string;
  readonly #tokens: LocalServer;

  constructor(tokens: LocalServer) {
    this.#tokens = tokens;
    this.tokenUrl = `${tokens.url}/`;
  }

  static async open(): Promise<Names> {
    return new Names(
      await LocalServer.open(({ url = '/' }, _body, response) => {
        response.end(decodeURIComponent(url.slice(1)));
      }),
    );
  }

  close(): Promise<void> {
    return this.#tokens.close();
  }
}
