/**
 * Tokens that attackers send, each with its exact answer; the numbers B-T… are those of the list of bad input the tests are
 * drawn from. The honest ones show that the door opens at all. None of the refused leads to a request.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type JwtOptions, jwt } from './jwt.ts';
import type { KeyOption } from './keys.ts';
import { base64url, derOf, errorOf, forge, jwkOf, pairs, pemOf, secret, signature } from './testing.ts';

const clock = fakeClock();
const now = Math.floor(clock.now() / 1000);
const claims = { sub: 'ada', exp: now + 60 };
const hs256 = { alg: 'HS256' };
const none = { issuer: null, audience: null, clock };
const shared: JwtOptions = { ...none, keys: [{ alg: 'HS256', secret }] };
const rsa: JwtOptions = { ...none, keys: [{ alg: 'RS256', pem: pemOf(pairs.rsa) }] };

const notSigned = 'The token is no signed JSON Web Token. Encrypted and unsigned ones are not taken.';
const noKey = 'No key of this server has signed the token.';
const oddHeader = "The token's header asks for what this server doesn't do.";

beforeEach(() => {
  const fetched = vi.spyOn(globalThis, 'fetch');
  return () => expect(fetched).not.toHaveBeenCalled();
});

async function refusalOf(options: JwtOptions, token: string | null): Promise<string> {
  const { code, message } = await errorOf(() => jwt(options)({ token }));
  expect(code).toBe('unauthenticated');
  return message;
}

describe('a token that holds', () => {
  it.each<[string, KeyOption, Parameters<typeof forge>[2]]>([
    ['HS256', { alg: 'HS256', secret }, secret],
    ['HS384', { alg: 'HS384', secret: Buffer.from(secret) }, secret],
    ['HS512', { alg: 'HS512', secret }, secret],
    ['RS256', { alg: 'RS256', pem: pemOf(pairs.rsa) }, pairs.rsa.privateKey],
    ['RS512', { alg: 'RS512', jwk: jwkOf(pairs.rsa) }, pairs.rsa.privateKey],
    ['PS256', { alg: 'PS256', pem: pemOf(pairs.rsa) }, pairs.rsa.privateKey],
    ['ES256', { alg: 'ES256', jwk: jwkOf(pairs.p256, { use: 'sig' }) }, pairs.p256.privateKey],
    ['ES384', { alg: 'ES384', pem: pemOf(pairs.p384) }, pairs.p384.privateKey],
    ['ES512', { alg: 'ES512', pem: pemOf(pairs.p521) }, pairs.p521.privateKey],
    ['EdDSA', { alg: 'EdDSA', pem: pemOf(pairs.ed25519) }, pairs.ed25519.privateKey],
    ['Ed25519', { alg: 'Ed25519', jwk: jwkOf(pairs.ed25519) }, pairs.ed25519.privateKey],
  ])('is taken, signed with %s', async (alg, key, signer) => {
    const token = forge({ alg }, claims, signer);
    expect(await jwt({ ...none, keys: [key] })({ token })).toEqual({
      user: 'ada',
      expiresAt: claims.exp * 1000 + 5000,
    });
  });

  it('says who, until when, what they may, and which it is', async () => {
    const capabilities = { 'chat/:room': ['subscribe', 'publish'] };
    const token = forge(hs256, { ...claims, capabilities, jti: 'token-1', iat: now, admin: true });
    expect(await jwt({ ...shared, clockToleranceMs: 0 })({ token })).toStrictEqual({
      user: 'ada',
      capabilities,
      expiresAt: claims.exp * 1000,
      tokenId: 'token-1',
    });
  });

  it('is taken with the key it names, or with one that has no name', async () => {
    const keys: KeyOption[] = [
      { alg: 'HS256', secret: `1${secret}`, kid: 'one' },
      { alg: 'HS256', secret: `2${secret}`, kid: 'two' },
      { alg: 'HS256', secret },
    ];
    const options = { ...none, keys };
    expect(
      await jwt(options)({ token: forge({ ...hs256, kid: 'two' }, claims, `2${secret}`) }),
    ).toBeDefined();
    expect(await jwt(options)({ token: forge({ ...hs256, kid: 'new' }, claims) })).toBeDefined();
    expect(await jwt(options)({ token: forge(hs256, claims) })).toBeDefined();
    expect(await refusalOf(options, forge({ ...hs256, kid: 'one' }, claims, `2${secret}`))).toBe(noKey);
    expect(await refusalOf(options, forge(hs256, claims, `1${secret}`))).toBe(noKey);
  });

  it('is needed, unless nobody in particular may come in; a bad one never makes nobody of somebody', async () => {
    expect(await refusalOf(shared, null)).toBe('There is no token. Give `getToken` to the client.');
    expect(await jwt({ ...shared, anonymous: true })({ token: null })).toEqual({ user: null });
    expect(await refusalOf({ ...shared, anonymous: true }, '')).toBe(notSigned);
    expect(await refusalOf({ ...shared, anonymous: true }, forge(hs256, claims, `x${secret}`))).toBe(noKey);
  });
});

describe('the algorithm', () => {
  it.each([['none'], ['None'], ['nOnE'], ['NONE']])('is never %s', async (alg) => {
    const unsigned = `${base64url({ alg })}.${base64url(claims)}.`;
    expect(await refusalOf(shared, unsigned)).toBe(notSigned);
    expect(await refusalOf(rsa, `${unsigned}AAAA`)).toBe(noKey);
    expect(await refusalOf(shared, forge({ alg }, claims, secret, 'HS256'))).toBe(noKey);
  });

  it.each([[undefined], [null], [['HS256']], [{ HS256: 1 }], [256], [true]])(
    'is a text, not %j',
    async (alg) => {
      expect(await refusalOf(shared, forge({ alg }, claims, secret, 'HS256'))).toBe(oddHeader);
    },
  );

  it.each(['HS384', 'hs256', 'RS256', '__proto__', 'toString'])("is the key's, not %s", async (alg) => {
    expect(await refusalOf(shared, forge({ alg }, claims, secret, 'HS256'))).toBe(noKey);
  });

  it('a public key is no secret', async () => {
    for (const form of [pemOf(pairs.rsa), pemOf(pairs.rsa).trim(), JSON.stringify(jwkOf(pairs.rsa))])
      expect(await refusalOf(rsa, forge(hs256, claims, form))).toBe(noKey);
    const der = pairs.rsa.publicKey.export({ type: 'spki', format: 'der' });
    expect(await refusalOf(rsa, forge(hs256, claims, der))).toBe(noKey);
  });

  it('a key for one is a key for no other of its family or of another', async () => {
    const es256: JwtOptions = { ...none, keys: [{ alg: 'ES256', jwk: jwkOf(pairs.p256) }] };
    expect(await refusalOf(es256, forge({ alg: 'RS256' }, claims, pairs.rsa.privateKey))).toBe(noKey);
    expect(await refusalOf(rsa, forge({ alg: 'ES256' }, claims, pairs.p256.privateKey))).toBe(noKey);
    expect(await refusalOf(rsa, forge({ alg: 'RS512' }, claims, pairs.rsa.privateKey))).toBe(noKey);
    expect(await refusalOf(rsa, forge({ alg: 'PS256' }, claims, pairs.rsa.privateKey))).toBe(noKey);
  });
});

describe('the header', () => {
  const evil = 'http://127.0.0.1:9/keys';

  it.each<[string, object]>([
    ['jku', { jku: evil }],
    ['x5u', { x5u: evil }],
    ['jwk', { jwk: jwkOf(pairs.rsa) }],
    ['x5c', { x5c: ['MIIB'] }],
  ])('brings no key along as %s, and is only not looked at', async (_, more) => {
    const header = { alg: 'RS256', ...more };
    const foreign: JwtOptions = { ...none, keys: [{ alg: 'RS256', pem: pemOf(pairs.otherRsa) }] };
    expect(await refusalOf(foreign, forge(header, claims, pairs.rsa.privateKey))).toBe(noKey);
    expect(await jwt(rsa)({ token: forge(header, claims, pairs.rsa.privateKey) })).toBeDefined();
  });

  it.each([[['b64']], [['exp']], [[]], ['b64']])('says nothing critical, such as %j', async (crit) => {
    const header = { ...hs256, crit, b64: false, exp: 1 };
    expect(await refusalOf(shared, forge(header, claims))).toBe(oddHeader);
  });

  it.each(['../../etc/passwd', "' OR 1=1 --", 'unknown', '__proto__', 'constructor', '', 'k'.repeat(4000)])(
    'names a key by a text that is compared, such as %.40s',
    async (kid) => {
      const options: JwtOptions = { ...none, keys: [{ alg: 'HS256', secret, kid: 'one' }] };
      expect(await refusalOf(options, forge({ ...hs256, kid }, claims))).toBe(noKey);
    },
  );

  it.each([[1], [null], [['one']], [{}]])('names no key as %j', async (kid) => {
    expect(await refusalOf(shared, forge({ ...hs256, kid }, claims))).toBe(oddHeader);
  });
});

describe('time', () => {
  const long = 'The token lives longer than this server allows. Its `exp` is in seconds since 1970.';
  const missing = "The token's `exp` is missing, or not what this server expects.";
  const at = (exp: unknown, more: object = {}) =>
    refusalOf(shared, forge(hs256, { sub: 'ada', exp, ...more }));

  it('ends a token within the tolerance, 5 s unless told otherwise', async () => {
    expect(await at(now - 5)).toBe('The token has expired.');
    expect(await jwt(shared)({ token: forge(hs256, { sub: 'ada', exp: now - 4 }) })).toEqual({
      user: 'ada',
      expiresAt: (now + 1) * 1000,
    });
    const strict = { ...shared, clockToleranceMs: 0 };
    expect(await refusalOf(strict, forge(hs256, { sub: 'ada', exp: now }))).toBe('The token has expired.');
    expect(await at(-1)).toBe('The token has expired.');
  });

  it('a token that has ended stays ended, however often it is sent', async () => {
    const verify = jwt(shared);
    const token = forge(hs256, { sub: 'ada', exp: now - 60 });
    for (let i = 0; i < 3; i++)
      expect((await errorOf(() => verify({ token }))).message).toBe('The token has expired.');
  });

  it("a token doesn't begin before its time", async () => {
    expect(await at(now + 60, { nbf: now + 6 })).toBe(
      "The token's `nbf` is missing, or not what this server expects.",
    );
    expect(await at(now + 60, { nbf: 'soon' })).toBe(
      "The token's `nbf` is missing, or not what this server expects.",
    );
    expect(await jwt(shared)({ token: forge(hs256, { ...claims, nbf: now + 5 }) })).toBeDefined();
  });

  it('a token has an end, as a number of seconds, within 24 hours', async () => {
    expect(await at(undefined)).toBe(missing);
    expect(await at(String(now + 60))).toBe(missing);
    expect(await at(null)).toBe(missing);
    expect(await at((now + 60) * 1000)).toBe(long);
    expect(await at(1e308)).toBe(long);
    expect(await at(now + 86_400 + 6)).toBe(long);
    expect(
      await jwt(shared)({ token: forge(hs256, { sub: 'ada', exp: now + 86_400, iat: now }) }),
    ).toBeDefined();
  });

  it('a life counts from its beginning, and no later beginning shortens it', async () => {
    expect(await at(now + 60, { iat: now - 86_400 })).toBe(long);
    expect(await at(now + 90_000, { iat: now + 80_000 })).toBe(long);
    expect(await at(now + 60, { iat: 'now' })).toBe(
      "The token's `iat` is missing, or not what this server expects.",
    );
    const patient = { ...shared, lifetimeMsMax: 7 * 86_400_000 };
    expect(await jwt(patient)({ token: forge(hs256, { ...claims, iat: now - 86_400 }) })).toBeDefined();
  });
});

describe('whom a token is for', () => {
  const options: JwtOptions = { ...shared, issuer: 'https://login.example', audience: 'sync', typ: 'at+jwt' };
  const good = { ...claims, iss: 'https://login.example', aud: 'sync' };
  const header = { ...hs256, typ: 'at+jwt' };
  const wrong = (claim: string) => `The token's \`${claim}\` is missing, or not what this server expects.`;

  it('is this server', async () => {
    expect(await jwt(options)({ token: forge(header, good) })).toBeDefined();
    expect(await jwt(options)({ token: forge(header, { ...good, aud: ['other', 'sync'] }) })).toBeDefined();
  });

  it.each<[string, object, object]>([
    ['aud', header, { aud: 'other' }],
    ['aud', header, { aud: undefined }],
    ['aud', header, { aud: ['other'] }],
    ['aud', header, { aud: { sync: 1 } }],
    ['aud', header, { aud: 'Sync' }],
    ['iss', header, { iss: 'https://login.example/' }],
    ['iss', header, { iss: 'https://login.example.evil.example' }],
    ['iss', header, { iss: ['https://login.example'] }],
    ['iss', header, { iss: undefined }],
    ['typ', { ...hs256, typ: 'JWT' }, {}],
    ['typ', { ...hs256, typ: 'id+jwt' }, {}],
    ['typ', hs256, {}],
  ])('is nobody else: a wrong %s', async (claim, head, change) => {
    expect(await refusalOf(options, forge(head, { ...good, ...change }))).toBe(wrong(claim));
  });

  it.each(['evil.com/', '@169.254.169.254', '..', '%2f', 'a\nb', 'http://127.0.0.1:9/'])(
    'is compared and leads nowhere: %j',
    async (text) => {
      expect(await refusalOf(options, forge(header, { ...good, iss: text }))).toBe(wrong('iss'));
      expect(await refusalOf(options, forge(header, { ...good, aud: text }))).toBe(wrong('aud'));
    },
  );
});

describe('who a token is', () => {
  const missing = "The token's `sub` is missing, or not what this server expects.";
  const shape = '`user` must be a text of 1 to 255 characters, none of them a control character, or null';

  it.each<[string, unknown, string]>([
    ['missing', undefined, missing],
    ['null', null, "The token's `sub` must be a text."],
    ['an object', { id: 'ada' }, "The token's `sub` must be a text."],
    ['a list', ['ada'], "The token's `sub` must be a text."],
    ['empty', '', shape],
    ['10 kB, in a token that is too long', 'u'.repeat(10_240), 'The token is longer than 8192 characters.'],
    ['256 characters', 'u'.repeat(256), shape],
    ['a text with a NUL', 'ada\0', shape],
  ])('is not %s', async (_, sub, message) => {
    expect(await refusalOf(shared, forge(hs256, { ...claims, sub }))).toContain(message);
  });

  it('is compared byte by byte', async () => {
    for (const sub of ['e\u0301', '\u00e9', 'Ada', ' ada'])
      expect((await jwt(shared)({ token: forge(hs256, { ...claims, sub }) })).user).toBe(sub);
  });

  it('is not believed beyond its shape', async () => {
    const of = (more: object) => refusalOf(shared, forge(hs256, { ...claims, ...more }));
    expect(await of({ capabilities: ['*'] })).toContain('`capabilities` must be an object');
    expect(await of({ capabilities: { 'a/*': ['*'] } })).toContain(
      "Pattern 1 of `capabilities` can't be used",
    );
    expect(await of({ jti: 7 })).toContain('`tokenId` must be a text');
    expect(await of({ capabilities: null })).toContain('`capabilities` must be an object');
  });
});

/** The next letter of base64url: where the last bits of a letter aren't used, it stands for the same bytes. */
function respelt(letter = ''): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(letter) + 1] ?? '';
}

describe('the form', () => {
  const good = forge(hs256, claims);
  const [head = '', body = '', mac = ''] = good.split('.');

  it.each<[string, string]>([
    ['empty', ''],
    ['one part', head],
    ['two parts', `${head}.${body}`],
    ['four parts', `${good}.${mac}`],
    ['five parts, encrypted', `${head}.${body}.${mac}.${body}.${mac}`],
    ['padding', `${head}.${body}.${mac}=`],
    ['the other base64', `${head}.${body}.${mac.slice(0, -2)}+/`],
    ['a space', `${head}.${body}.${mac} `],
    ['a line feed', `${good}\n`],
    ['a length that no bytes have', `${head}.${body}A.${mac}AA`],
    ['another spelling of the same bytes', `${good.slice(0, -1)}${respelt(good.at(-1))}`],
  ])('is three parts, each spelled in one way: %s', async (_, token) => {
    expect(await refusalOf(shared, token)).toBe(notSigned);
  });

  it('is refused by its length before anything is read', async () => {
    const parse = vi.spyOn(JSON, 'parse');
    const from = vi.spyOn(Buffer, 'from');
    for (const length of [8193, 1_048_576])
      expect(await refusalOf(shared, 'a.'.padEnd(length, 'a'))).toBe(
        'The token is longer than 8192 characters.',
      );
    expect(parse).not.toHaveBeenCalled();
    expect(from.mock.calls.filter(([given]) => given !== secret)).toEqual([]);
  });

  it.each<[string, string, string]>([
    ['no JSON', 'no json', "The token's header can't be read."],
    ['a list', '["HS256"]', "The token's header can't be read."],
    ['null', 'null', "The token's header can't be read."],
    ['nested 3,000 deep', `${'['.repeat(3000)}${']'.repeat(3000)}`, "The token's header can't be read."],
    ['nested within an object', `{"alg":${'['.repeat(2900)}${']'.repeat(2900)}}`, oddHeader],
  ])('has a header that is an object, not %s', async (_, text, message) => {
    expect(await refusalOf(shared, `${base64url(text)}.${body}.${mac}`)).toBe(message);
  });

  it.each([
    ['no JSON', 'no json'],
    ['a text', '"ada"'],
    ['a list', '[{"sub":"ada"}]'],
    ['null', 'null'],
    ['nested 3,000 deep', `${'['.repeat(3000)}${']'.repeat(3000)}`],
    ['broken UTF-8', '\xff'],
  ])('has claims that are an object, not %s', async (_, text) => {
    const bytes = text === '\xff' ? Buffer.from([0x22, 0xff, 0x22]) : text;
    expect(await refusalOf(shared, forge(hs256, bytes))).toBe("The token's claims can't be read.");
  });

  it.each([
    ['many rounds', { alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 2 ** 31, p2s: 'AAAA' }],
    ['a bomb', { alg: 'dir', enc: 'A256GCM', zip: 'DEF' }],
  ])('is never encrypted, with %s', async (_, header) => {
    expect(await refusalOf(shared, `${base64url(header)}.AAAA.AAAA.AAAA.AAAA`)).toBe(notSigned);
    expect(await refusalOf(shared, forge(header, claims, secret, 'HS256'))).toBe(noKey);
  });
});

describe('the signature', () => {
  it('holds for these bytes and no others', async () => {
    const data = `${base64url({ alg: 'RS256' })}.${base64url(claims)}`;
    const signed = signature('RS256', data, pairs.rsa.privateKey);
    for (const at of [0, 1000, signed.length * 8 - 1]) {
      const flipped = Buffer.from(signed);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      expect(await refusalOf(rsa, `${data}.${base64url(flipped)}`)).toBe(noKey);
    }
    const other = `${base64url({ alg: 'RS256' })}.${base64url({ ...claims, sub: 'eve' })}`;
    expect(await refusalOf(rsa, `${other}.${base64url(signed)}`)).toBe(noKey);
    expect(await refusalOf(rsa, `${data}.`)).toBe(notSigned);
    expect(await refusalOf(rsa, data)).toBe(notSigned);
    expect(await refusalOf(rsa, `${data}.${base64url(signed.subarray(1))}`)).toBe(noKey);
  });

  const es256: JwtOptions = { ...none, keys: [{ alg: 'ES256', jwk: jwkOf(pairs.p256) }] };
  const data = `${base64url({ alg: 'ES256' })}.${base64url(claims)}`;
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const raw = signature('ES256', data, pairs.p256.privateKey);
  const bytes = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

  it.each<[string, Buffer]>([
    ['DER', derOf(raw)],
    ['zero r and s', Buffer.alloc(64)],
    ['zero s', Buffer.concat([raw.subarray(0, 32), Buffer.alloc(32)])],
    ['the order as r and s', Buffer.concat([bytes(order), bytes(order)])],
    ['r and s swapped', Buffer.concat([raw.subarray(32), raw.subarray(0, 32)])],
    ['a byte more', Buffer.concat([raw, Buffer.alloc(1)])],
  ])('on a curve is no %s', async (_, signed) => {
    expect(await refusalOf(es256, `${data}.${base64url(signed)}`)).toBe(noKey);
  });

  // The list proposes to refuse a high s. Half of all honest signatures have one (RFC 7518 asks for no other), and
  // nothing here takes a signature for the name of a token.
  it('on a curve may have the lower or the higher s', async () => {
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([raw.subarray(0, 32), bytes(order - s)]);
    for (const signed of [raw, twin])
      expect(await jwt(es256)({ token: `${data}.${base64url(signed)}` })).toMatchObject({ user: 'ada' });
  });
});
