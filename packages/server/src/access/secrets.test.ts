/**
 * Every credential is a secret. Each way in is given one that says CANARY, and then all that it throws, says or shows when
 * it is looked at is searched for it; so are the console and the warnings of the process.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { cookieSession } from './cookies.ts';
import { jwt } from './jwt.ts';
import { base64url, credentials, everythingIn, forge, json, pairs, pemOf, webServer } from './testing.ts';
import { Tickets } from './tickets.ts';
import { mintToken, Revoked } from './tokens.ts';

const canary = 'CANARY-7f3a';
const secret = `${canary}-${'s'.repeat(32)}`;
const clock = fakeClock();
const exp = Math.floor(clock.now() / 1000) + 60;
const said: unknown[] = [];
const listen = (warning: unknown) => said.push(warning);

beforeEach(() => {
  said.length = 0;
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, level).mockImplementation((...words) => void said.push(words));
  process.on('warning', listen);
});

afterEach(() => {
  process.off('warning', listen);
  expectSilence(said);
});

/** Whether a value is free of the canary, in clear and as tokens and logs would encode it. */
function expectSilence(value: unknown): void {
  const text = everythingIn(value);
  for (const form of [
    canary,
    base64url(canary),
    Buffer.from(canary).toString('hex'),
    encodeURIComponent(canary),
  ])
    expect(text).not.toContain(form);
}

/** Runs what must be refused. */
async function refused(run: () => unknown): Promise<void> {
  const outcome = await Promise.resolve()
    .then(run)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(outcome).toBeInstanceOf(Error);
  expectSilence(outcome);
  expectSilence(JSON.stringify(outcome));
}

it('are told by no token that is refused', async () => {
  const verify = jwt({ keys: [{ alg: 'HS256', secret }], issuer: 'me', audience: null, clock });
  expectSilence(verify);
  const good = { sub: 'ada', iss: 'me', exp };
  const bad = [
    canary,
    `${canary}.${canary}.${canary}`,
    base64url(canary),
    `${base64url(canary)}.${base64url(canary)}.${base64url(canary)}`,
    canary.repeat(1000),
    forge({ alg: canary }, good, secret, 'HS256'),
    forge({ alg: 'HS256', kid: canary, crit: [canary] }, good, secret),
    forge({ alg: 'HS256' }, good, `${secret}!`),
    forge({ alg: 'HS256' }, canary, secret),
    forge({ alg: 'HS256' }, { ...good, sub: `${canary}\0` }, secret),
    forge({ alg: 'HS256' }, { ...good, sub: { [canary]: 1 } }, secret),
    forge({ alg: 'HS256' }, { ...good, iss: canary }, secret),
    forge({ alg: 'HS256' }, { ...good, jti: [canary] }, secret),
    forge({ alg: 'HS256' }, { ...good, exp: canary }, secret),
    forge({ alg: 'HS256' }, { ...good, secret: canary, exp: exp - 600 }, secret),
    forge({ alg: 'HS256' }, { ...good, capabilities: { [`${canary}/*`]: ['*'] } }, secret),
    forge({ alg: 'HS256' }, { ...good, capabilities: { a: [canary] } }, secret),
  ];
  for (const token of bad) await refused(() => verify({ token }));
});

it('are told by no option that is refused', async () => {
  const options = { issuer: null, audience: null };
  const privatePem = pairs.rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const bad: object[] = [
    { alg: 'HS256', secret: canary },
    { alg: canary, secret },
    { alg: 'RS256', pem: secret },
    { alg: 'RS256', pem: `-----BEGIN PUBLIC KEY-----\n${canary}\n-----END PUBLIC KEY-----` },
    { alg: 'RS256', jwk: { kty: 'oct', k: canary } },
    { alg: 'ES256', pem: pemOf(pairs.rsa), kid: canary },
    { jwksUrl: `http://login.example/${canary}`, algs: ['RS256'] },
    { jwksUrl: `https://ada:${canary}@login.example/`, algs: ['RS256'] },
  ];
  for (const key of bad) await refused(() => jwt({ ...options, keys: [key as never] }));
  await refused(() => jwt({ ...options, keys: [{ alg: 'RS256', pem: privatePem + canary }] }));
  await refused(() => cookieSession({ url: `http://app.example/?key=${canary}` }));
  await refused(() => cookieSession({ url: 'https://app.example/', secret: canary }));
  await refused(() => mintToken({ secret: canary, user: 'ada', capabilities: {}, lifetimeMs: 1000 }));
  await refused(() => mintToken({ secret, user: `${canary}\0`, capabilities: {}, lifetimeMs: 1000 }));
});

it('are told by no web server that is asked, whatever it answers', async () => {
  const answers = [
    { status: 500, body: canary },
    { status: 302, body: canary },
    { status: 401, body: canary },
    { status: 200, body: canary },
    { status: 200, body: JSON.stringify({ user: [canary] }) },
    { status: 200, body: JSON.stringify({ user: 'ada', tokenId: `${canary}\n` }) },
    { status: 200, body: canary.repeat(10_000) },
    { status: 200, body: JSON.stringify({ keys: [{ kty: 'oct', k: canary }] }) },
  ];
  for (const { status, body } of answers) {
    const web = await webServer((response) =>
      response.writeHead(status, { location: `/${canary}`, 'x-secret': canary }).end(body),
    );
    const session = cookieSession({ url: `${web.url}/?key=${canary}`, secret, clock });
    const headers = { cookie: `sid=${canary}`, origin: 'https://app.example' };
    expectSilence(session);
    await refused(() => session(credentials({ headers })));
    const keys = [{ jwksUrl: `${web.url}/?key=${canary}`, algs: ['RS256' as const] }];
    const verify = jwt({ keys, issuer: null, audience: null, clock });
    await refused(() => verify({ token: forge({ alg: 'RS256' }, { sub: canary }, pairs.rsa.privateKey) }));
    await web.close();
    await refused(() => session(credentials({ headers })));
  }
});

it('are told by no function of yours that fails', async () => {
  const headers = { cookie: `sid=${canary}; a=%${canary}`, origin: 'https://app.example' };
  const answers = [
    canary,
    { user: `${canary}\0` },
    { user: 'a', capabilities: { [`${canary} `]: [] } },
    null,
  ];
  for (const answer of answers)
    await refused(() => cookieSession({ verify: () => answer as never })(credentials({ headers })));
  const failing = cookieSession({
    verify: (cookies) => {
      throw Object.assign(new Error(`no ${cookies.get('sid')}`), { cause: cookies });
    },
  });
  await refused(() => failing(credentials({ headers })));
});

it('are shown by nothing that keeps them', async () => {
  const web = await webServer((response) => json(response, { user: 'ada' }));
  const session = cookieSession({ url: web.url, secret, clock });
  await session(credentials({ headers: { cookie: `sid=${canary}`, origin: 'https://app.example' } }));
  const tickets = new Tickets({ clock: { ...clock, randomBytes: () => Buffer.from(canary.padEnd(32)) } });
  const { ticket } = tickets.issue({ user: 'ada' });
  const revoked = new Revoked({ clock });
  revoked.add(canary, clock.now() + 1000);
  for (const value of [session, tickets, revoked]) expectSilence(value);
  expect(everythingIn(tickets)).not.toContain(ticket);
});
