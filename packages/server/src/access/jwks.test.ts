/**
 * Sets of keys that are fetched: rotated, withdrawn, damaged, oversized, hanging, redirected, and what tokens can make a
 * server fetch. Real web servers on this machine answer; time passes only when a test says so.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { turns } from '../testing/meddle.ts';
import { type JwtOptions, jwt } from './jwt.ts';
import {
  credentials,
  errorOf,
  forge,
  json,
  jwkOf,
  pairs,
  pemOf,
  secret,
  type WebServer,
  webServer,
} from './testing.ts';

const rs256 = { alg: 'RS256', kid: 'rsa' };
const rsaSet = { keys: [jwkOf(pairs.rsa, { kid: 'rsa' })] };
const noKey = 'No key of this server has signed the token.';
const later = 'Who you are could not be checked just now. Try again later.';

async function issuer(answer: WebServer['answer'] = (response) => json(response, rsaSet)) {
  const web = await webServer(answer);
  const clock = fakeClock();
  const options: JwtOptions = {
    keys: [{ jwksUrl: `${web.url}/keys`, algs: ['RS256', 'ES256'] }],
    issuer: null,
    audience: null,
    clock,
  };
  const verify = jwt(options);
  const tokenOf = (header: { alg: string; kid?: string } = rs256, key = pairs.rsa.privateKey) =>
    forge(header, { sub: 'ada', exp: Math.floor(clock.now() / 1000) + 3600 }, key, header.alg);
  const user = async (token = tokenOf()) => (await verify({ token })).user;
  const fault = (token = tokenOf()) => errorOf(() => verify({ token }));
  return { web, clock, options, verify, tokenOf, user, fault };
}

describe('a set of keys', () => {
  it('is fetched when first needed, once for all who wait, and kept', async () => {
    const { web, user } = await issuer();
    expect(web.requests).toHaveLength(0);
    expect(await Promise.all([user(), user(), user()])).toEqual(['ada', 'ada', 'ada']);
    expect(await user()).toBe('ada');
    expect(web.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /keys']);
  });

  it("is not fetched for a token that can't be signed by one of it", async () => {
    const { web, fault, tokenOf } = await issuer();
    const hs = forge({ alg: 'HS256', kid: 'rsa' }, { sub: 'ada', exp: 1 });
    const others = [hs, '', 'a.b.c', tokenOf({ alg: 'RS512' }), forge({ alg: 'none' }, {}, secret, 'HS256')];
    for (const token of others) expect((await fault(token)).code).toBe('unauthenticated');
    expect(web.requests).toHaveLength(0);
  });

  it('is at the address of the options, whatever a header says', async () => {
    const { web, fault, tokenOf } = await issuer();
    const header = { ...rs256, kid: '/other', jku: `${web.url}/jku`, x5u: `${web.url}/x5u` };
    expect((await fault(tokenOf(header))).message).toBe(noKey);
    expect(web.requests.map(({ url }) => url)).toEqual(['/keys']);
  });

  it('is fetched anew for an unknown name, at most every 5 s, whatever names tokens make up', async () => {
    const { web, clock, user, fault, tokenOf } = await issuer();
    await user();
    const odd = ['../../etc/passwd', "' OR 1=1", '__proto__', 'constructor', 'x'.repeat(4000)];
    const codes = async () => {
      const said: string[] = [];
      for (const kid of odd) said.push((await fault(tokenOf({ alg: 'RS256', kid }))).code);
      return said;
    };
    await clock.advance(4999);
    expect(await codes()).toEqual(odd.map(() => 'too_many'));
    expect(web.requests).toHaveLength(1);
    await clock.advance(1);
    expect(await codes()).toEqual(['unauthenticated', ...odd.slice(1).map(() => 'too_many')]);
    expect(web.requests).toHaveLength(2);
  });

  it('has a new key 5 s after the last fetch at the latest, and until then nobody is told no for certain', async () => {
    const { web, clock, user, fault, tokenOf } = await issuer();
    await user();
    web.answer = (response) => json(response, { keys: [jwkOf(pairs.p256, { kid: 'new' })] });
    const token = tokenOf({ alg: 'ES256', kid: 'new' }, pairs.p256.privateKey);
    await clock.advance(1000);
    expect(await fault(token)).toMatchObject({ code: 'too_many', next: 'retry', detail: { retryMs: 4000 } });
    await clock.advance(4000);
    expect(await user(token)).toBe('ada');
    await clock.advance(5000);
    expect((await fault()).message).toBe(noKey);
  });

  it('has a key that was withdrawn for 10 minutes at most', async () => {
    const { web, clock, user, fault } = await issuer();
    await user();
    web.answer = (response) => json(response, { keys: [] });
    await clock.advance(599_999);
    expect(await user()).toBe('ada');
    await clock.advance(1);
    expect((await fault()).message).toBe(noKey);
  });

  it('is fetched anew after the clock was set back', async () => {
    const { web, clock, user } = await issuer();
    await user();
    clock.setNow(clock.now() - 3_600_000);
    await user();
    expect(web.requests).toHaveLength(2);
  });

  it('serves a token without a name if it has only one key', async () => {
    const { web, clock, user, fault, tokenOf } = await issuer();
    const nameless = tokenOf({ alg: 'RS256' });
    expect(await user(nameless)).toBe('ada');
    web.answer = (response) => json(response, { keys: [...rsaSet.keys, jwkOf(pairs.p256, { kid: 'b' })] });
    await clock.advance(600_000);
    expect((await fault(nameless)).message).toBe(noKey);
  });

  it('stands beside keys that are given, which need no fetch', async () => {
    const { web, options } = await issuer();
    const keys: JwtOptions['keys'] = [
      ...options.keys,
      { alg: 'RS256', pem: pemOf(pairs.otherRsa), kid: 'own' },
    ];
    const claims = { sub: 'ada', exp: Math.floor((options.clock?.now() ?? 0) / 1000) + 60 };
    const verify = jwt({ ...options, keys });
    const own = forge({ alg: 'RS256', kid: 'own' }, claims, pairs.otherRsa.privateKey);
    expect(await verify(credentials({ token: own }))).toMatchObject({ user: 'ada' });
    expect(web.requests).toHaveLength(0);
    expect(await verify({ token: forge(rs256, claims, pairs.rsa.privateKey) })).toMatchObject({
      user: 'ada',
    });
  });
});

describe('two issuers', () => {
  it('with keys of one name never pass for each other', async () => {
    const a = await issuer();
    const b = await issuer((response) => json(response, { keys: [jwkOf(pairs.otherRsa, { kid: 'rsa' })] }));
    const [verifyA, verifyB] = [a, b].map(({ options }, i) => jwt({ ...options, issuer: `tenant-${i}` }));
    const claims = { sub: 'ada', iss: 'tenant-1', exp: Math.floor(a.clock.now() / 1000) + 60 };
    const forged = forge(rs256, claims, pairs.rsa.privateKey);
    expect(
      await verifyA?.({ token: forge(rs256, { ...claims, iss: 'tenant-0' }, pairs.rsa.privateKey) }),
    ).toBeDefined();
    expect((await errorOf(() => verifyB?.({ token: forged }))).message).toBe(noKey);
    expect((await errorOf(() => verifyA?.({ token: forged }))).message).toContain('`iss`');
  });
});

describe('an issuer that fails', () => {
  const garbage: [string, WebServer['answer']][] = [
    ['answers 500', (response) => json(response, rsaSet, 500)],
    ['answers 404', (response) => json(response, {}, 404)],
    ['redirects', (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/keys' }).end()],
    [
      'redirects to where keys are',
      (response, _, { url }) => {
        if (url === '/real') return json(response, rsaSet);
        response.writeHead(307, { location: '/real' }).end();
      },
    ],
    ['answers what is no JSON', (response) => response.end('<html>')],
    ['answers nothing', (response) => response.end()],
    ['answers null', (response) => json(response, null)],
    ['answers a list', (response) => json(response, rsaSet.keys)],
    ['answers keys that are no list', (response) => json(response, { keys: { rsa: rsaSet.keys[0] } })],
    ['answers 10,000 keys', (response) => json(response, { keys: Array(10_000).fill(0) })],
    ['answers 101 keys', (response) => json(response, { keys: [...Array(100).fill(0), rsaSet.keys[0]] })],
    ['answers 10 MB', (response) => json(response, { ...rsaSet, more: 'x'.repeat(10_000_000) })],
    [
      'answers one byte too much',
      (response) => {
        const text = JSON.stringify(rsaSet);
        response.end(text + ' '.repeat(65_537 - text.length));
      },
    ],
    [
      'answers a secret under the name',
      (response) => {
        const k = Buffer.from(secret).toString('base64url');
        json(response, { keys: [{ kty: 'oct', k, kid: 'rsa', alg: 'RS256' }] });
      },
    ],
    [
      'breaks off',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"keys":[');
        setImmediate(() => response.destroy());
      },
    ],
  ];

  it.each(garbage)('and %s keeps nobody out whose key is known', async (_, answer) => {
    const { web, clock, user, fault, tokenOf } = await issuer();
    await user();
    web.answer = answer;
    await clock.advance(3_599_000);
    expect(await user(tokenOf())).toBe('ada');
    expect(web.requests.map(({ url }) => url)).toEqual(['/keys', '/keys']);
    const asSecret = forge({ alg: 'HS256', kid: 'rsa' }, { sub: 'ada', exp: 4_000_000_000 }, secret);
    expect((await fault(asSecret)).code).toBe('unauthenticated');
    expect(await fault(tokenOf({ alg: 'RS256', kid: 'new' }))).toMatchObject({
      code: 'unavailable',
      message: later,
    });
  });

  it.each(garbage)('and %s lets nobody in whose key is not known', async (_, answer) => {
    const { web, clock, user, fault } = await issuer(answer);
    expect(await fault()).toMatchObject({ code: 'unavailable', message: later });
    expect(await fault()).toMatchObject({ code: 'unavailable', message: later });
    expect(web.requests).toHaveLength(1);
    web.answer = (response) => json(response, rsaSet);
    await clock.advance(5000);
    expect(await user()).toBe('ada');
  });

  it('and hangs is given up after 5 s, and its socket is closed', async () => {
    const { web, clock, fault } = await issuer(() => {});
    const refused = fault();
    await web.asked(1);
    const closed = new Promise((resolve) => web.requests[0]?.socket.once('close', resolve));
    await clock.advance(5000);
    const { code, cause } = await refused;
    expect([code, String(cause)]).toEqual([
      'unavailable',
      `Error: ${web.url} gave no answer within 5000 ms.`,
    ]);
    await closed;
    expect(clock.timers).toBe(0);
  });

  it('and sends byte by byte is given up after 5 s', async () => {
    const { web, clock, fault } = await issuer((response) => response.writeHead(200).write('{'));
    const refused = fault();
    await web.asked(1);
    await turns(20);
    await clock.advance(5000);
    expect((await refused).code).toBe('unavailable');
  });

  it("and isn't there says so to the operator, not to the client", async () => {
    const { web, fault } = await issuer();
    await web.close();
    const error = await fault();
    expect(error.message).toBe(later);
    expect(String(error.cause)).toBe(`Error: ${web.url} could not be reached (ECONNREFUSED).`);
  });
});
