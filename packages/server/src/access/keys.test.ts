/**
 * Keys and options that can't be used are refused when they are given, before anybody is let in; and no message repeats
 * a key. A set's keys are another matter: those that can't be used are left out.
 */
import { generateKeyPairSync } from 'node:crypto';
import { SyncError } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { type JwtOptions, jwt } from './jwt.ts';
import { readKeySet } from './keys.ts';
import { everythingIn, jwkOf, pairs, pemOf, secret } from './testing.ts';

const good = { keys: [{ alg: 'HS256', secret }], issuer: null, audience: null };

/** What construction says to options that no type would let through. */
function faultOf(change: object): string {
  try {
    jwt({ ...good, ...change } as unknown as JwtOptions);
  } catch (thrown) {
    if (!(thrown instanceof SyncError && thrown.code === 'bad_option')) throw thrown;
    expect(everythingIn(thrown)).not.toContain('CANARY');
    return thrown.message;
  }
  throw new Error('It was not refused.');
}

const keyFault = (key: unknown) => faultOf({ keys: [key] });
const short =
  'Expected `secret` to be a text or bytes, at least 32 bytes long. A good one: openssl rand -base64 32';

describe('a secret', () => {
  it.each<[string, unknown]>([
    ['empty', ''],
    ['"secret"', 'secret'],
    ['31 bytes', 'CANARY'.padEnd(31, '!')],
    ['31 bytes, as bytes', new Uint8Array(31)],
    ['missing', undefined],
    ['null', null],
    ['a number', 1e40],
  ])('has 32 bytes or more: %s', (_, given) => {
    expect(keyFault({ alg: 'HS256', secret: given })).toBe(short);
  });

  it('is measured in bytes, not in characters', () => {
    expect(() => jwt({ ...good, keys: [{ alg: 'HS256', secret: 'é'.repeat(16) }] })).not.toThrow();
    expect(keyFault({ alg: 'HS256', secret: 'é'.repeat(15) })).toBe(short);
  });
});

describe('a key', () => {
  const rsaNeeded =
    'A key for RS256 needs `pem` or `jwk` with a public RSA key of 2048 bits or more. What was given is none.';
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const privatePem = pairs.rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  it.each<[string, object]>([
    ['of another family', { pem: pemOf(pairs.p256) }],
    ['too small', { pem: pemOf(small) }],
    ['private', { pem: privatePem }],
    ['private, as JWK', { jwk: pairs.rsa.privateKey.export({ format: 'jwk' }) }],
    ['a secret', { secret }],
    ['a secret, as JWK', { jwk: { kty: 'oct', k: 'CANARY' } }],
    ['for encryption', { jwk: jwkOf(pairs.rsa, { use: 'enc' }) }],
    ['for signing', { jwk: jwkOf(pairs.rsa, { key_ops: ['sign'] }) }],
    ['for another algorithm', { jwk: jwkOf(pairs.rsa, { alg: 'PS256' }) }],
    ['damaged', { pem: '-----BEGIN PUBLIC KEY-----\nCANARY\n-----END PUBLIC KEY-----' }],
    ['damaged, as JWK', { jwk: { kty: 'RSA', n: 'CANARY' } }],
    ['no text', { pem: Buffer.from(pemOf(pairs.rsa)) }],
    ['missing', {}],
    ['null', { jwk: null }],
  ])('for RS256 is not %s', (_, key) => {
    expect(keyFault({ alg: 'RS256', ...key })).toBe(rsaNeeded);
  });

  it('for HS256 is never a public one', () => {
    expect(keyFault({ alg: 'HS256', pem: pemOf(pairs.rsa) })).toBe(
      'A key for HS256 needs `secret`. What was given is none.',
    );
    expect(keyFault({ alg: 'HS256', jwk: jwkOf(pairs.rsa) })).toContain('needs `secret`');
  });

  it.each([['none'], ['__proto__'], ['rs256'], [undefined], [['HS256']]])('is not for %j', (alg) => {
    const known =
      'HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519';
    expect(keyFault({ alg, secret })).toBe(`Expected \`alg\` of a key to be one of ${known}.`);
  });

  it('has a name that is a text', () => {
    expect(keyFault({ alg: 'HS256', secret, kid: 1 })).toBe('Expected `kid` of a key to be a text.');
    for (const key of [null, secret])
      expect(keyFault(key)).toBe(
        'Expected `keys` of jwt() to be a list of objects such as { alg: "HS256", secret }.',
      );
  });
});

describe('options', () => {
  it.each<[object, string]>([
    [{ keys: [] }, 'Expected `keys` of jwt() to be a list of 1 to 16 keys'],
    [{ keys: undefined }, 'Expected `keys` of jwt() to be a list of 1 to 16 keys'],
    [{ keys: Array(17).fill(good.keys[0]) }, 'Expected `keys` of jwt() to be a list of 1 to 16 keys'],
    [
      { issuer: undefined },
      'Expected `issuer` of jwt() to be a text, such as "https://login.example", or null',
    ],
    [{ issuer: '' }, 'Expected `issuer`'],
    [{ issuer: ['a', 'b'] }, 'Expected `issuer`'],
    [{ audience: undefined }, 'Expected `audience` of jwt() to be a text, such as "sync", or null for any'],
    [{ audience: [] }, 'Expected `audience`'],
    [{ typ: '' }, 'Expected `typ` of jwt() to be a text.'],
    [
      { clockToleranceMs: -1 },
      'Expected `clockToleranceMs` to be a whole number from 0 to 300000, got -1 (number).',
    ],
    [{ clockToleranceMs: 400_000 }, 'Expected `clockToleranceMs`'],
    [{ lifetimeMsMax: Number.NaN }, 'Expected `lifetimeMsMax` to be a whole number from 1000 to'],
    [{ lifetimeMsMax: '1h' }, 'Expected `lifetimeMsMax`'],
  ])("are refused when they can't be: %j", (change, message) => {
    expect(faultOf(change)).toContain(message);
  });

  it.each([
    'http://login.example/keys',
    'http://127.0.0.1.login.example/keys',
    'http://localhost.login.example/keys',
    'http://169.254.169.254/latest',
    'http://[::ffff:10.0.0.1]/keys',
    'https://ada:CANARY@login.example/keys',
    'file:///etc/passwd',
    'gopher://login.example/',
    'login.example/keys?CANARY',
    '',
    undefined,
  ])('take no set of keys from %s', (jwksUrl) => {
    expect(keyFault({ jwksUrl, algs: ['RS256'] })).toBe(
      'Expected `jwksUrl` to be an address that begins with https://, without a user or a password. http:// is for this machine only.',
    );
  });

  it.each([
    'https://login.example/keys',
    'http://localhost:1/',
    'http://[::1]/',
    'http://0x7f.1/',
    'http://127.0.0.2/',
  ])('take a set of keys from %s', (jwksUrl) => {
    expect(() => jwt({ ...good, keys: [{ jwksUrl, algs: ['RS256'] }] })).not.toThrow();
  });

  it.each([[[]], [['HS256']], [['RS256', 'none']], ['RS256'], [undefined]])(
    'take no set of keys for the algorithms %j',
    (algs) => {
      expect(keyFault({ jwksUrl: 'https://login.example/', algs })).toBe(
        'Expected `algs` of jwt() to be a list of algorithms with public keys, such as ["RS256"].',
      );
    },
  );

  it('are those of one issuer', () => {
    const set = { jwksUrl: 'https://login.example/', algs: ['RS256'] };
    expect(faultOf({ keys: [set, set] })).toBe(
      'Expected `keys` of jwt() to be those of one issuer, with one `jwksUrl`; for another issuer call jwt() again.',
    );
  });
});

describe('a set of keys', () => {
  it("is read key by key, and what can't verify is left out", () => {
    const set = [
      jwkOf(pairs.rsa, { kid: 'rsa' }),
      jwkOf(pairs.p256, { kid: 'p256', alg: 'ES256', use: 'sig', key_ops: ['verify'] }),
      jwkOf(pairs.p384, { kid: 'p384' }),
      jwkOf(pairs.rsa, { kid: 1 }),
      { kty: 'oct', k: base64(secret), kid: 'rsa' },
      { kty: 'oct', k: base64(secret), kid: 'oct', alg: 'RS256' },
      null,
      'key',
      [],
      { kty: 'RSA' },
      { kty: '__proto__' },
      pairs.rsa.privateKey.export({ format: 'jwk' }),
    ];
    const read = readKeySet(set, ['RS256', 'ES256']);
    expect(read.map(({ kid, alg }) => [kid, alg])).toEqual([
      ['rsa', 'RS256'],
      ['p256', 'ES256'],
    ]);
  });

  it('has a key without `alg` count only where one algorithm fits it', () => {
    const set = [jwkOf(pairs.rsa, { kid: 'any' }), jwkOf(pairs.rsa, { kid: 'pss', alg: 'PS256' })];
    const of = (...algs: Parameters<typeof readKeySet>[1]) =>
      readKeySet(set, algs).map(({ kid, alg }) => `${kid} ${alg}`);
    expect(of('RS256')).toEqual(['any RS256']);
    expect(of('RS256', 'ES256')).toEqual(['any RS256']);
    expect(of('RS256', 'PS256')).toEqual(['pss PS256']);
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64url');
}
