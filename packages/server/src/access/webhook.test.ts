/**
 * Cookie sessions that a web server knows: what it is asked, how often, and that nobody comes in by what it fails to
 * answer. Real web servers on this machine answer; time passes only when a test says so.
 */
import { createHmac } from 'node:crypto';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { turns } from '../testing/meddle.ts';
import { type CookieSessionOptions, cookieSession } from './cookies.ts';
import { credentials, errorOf, everythingIn, json, secret, type WebServer, webServer } from './testing.ts';

const later = 'Who you are could not be checked just now. Try again later.';

async function application(
  answer: WebServer['answer'] = (response) => json(response, { user: 'ada' }),
  options: Partial<CookieSessionOptions> = {},
) {
  const bodies: string[] = [];
  const web = await webServer((response, body, request) => {
    bodies.push(body);
    application.answer(response, body, request);
  });
  const application = { answer };
  const clock = fakeClock();
  const session = cookieSession({ url: `${web.url}/whoami`, clock, ...options } as CookieSessionOptions);
  const visit = (cookie: string) =>
    session(credentials({ headers: { cookie, origin: 'https://app.example' } }));
  const fault = (cookie = 'sid=abc') => errorOf(() => visit(cookie));
  return { application, web, clock, bodies, visit, fault };
}

describe('the question', () => {
  it('is the cookies as JSON, by POST', async () => {
    const { web, bodies, visit } = await application();
    expect(await visit('sid=a%20b; sid=c; __proto__=d')).toEqual({ user: 'ada' });
    expect(bodies).toEqual(['{"cookies":{"sid":"a b","__proto__":"d"}}']);
    const [request] = web.requests;
    expect([request?.method, request?.url, request?.headers['content-type']]).toEqual([
      'POST',
      '/whoami',
      'application/json',
    ]);
    expect(request?.headers).not.toHaveProperty('cookie');
    expect(request?.headers).not.toHaveProperty('syncline-signature');
  });

  it('is signed where there is a secret, over the bytes that are sent', async () => {
    const { web, clock, bodies, visit } = await application(undefined, { secret });
    await visit('sid=é');
    const seconds = clock.now() / 1000;
    const mac = createHmac('sha256', secret).update(`${seconds}.${bodies[0]}`).digest('hex');
    expect(web.requests[0]?.headers['syncline-signature']).toBe(`t=${seconds},v1=${mac}`);
  });

  it("isn't asked when there is no cookie", async () => {
    const { web, fault } = await application();
    expect((await fault('')).code).toBe('unauthenticated');
    expect(web.requests).toHaveLength(0);
  });
});

describe('the answer', () => {
  it('is an identity', async () => {
    const ada = { user: 'ada', capabilities: { a: ['*'] }, expiresAt: 4_000_000_000_000, tokenId: 't' };
    const { visit } = await application((response) => json(response, { ...ada, admin: true }));
    expect(await visit('sid=abc')).toStrictEqual(ada);
  });

  it.each<[string, WebServer['answer']]>([
    ['401', (response) => json(response, { user: 'ada' }, 401)],
    ['403', (response) => json(response, { user: 'ada' }, 403)],
    ['null', (response) => json(response, null)],
  ])('is nobody when it is %s', async (_, answer) => {
    const { fault } = await application(answer);
    const error = await fault();
    expect([error.code, error.message]).toEqual([
      'unauthenticated',
      "There is no cookie, or it is nobody's. Sign in first.",
    ]);
  });

  it.each<[string, unknown, string]>([
    ['a text', 'ada', 'An identity must be an object'],
    ['no user', {}, '`user` must be a text'],
    ["a user that can't be", { user: 'CANARY\n' }, '`user` must be a text'],
    ["what can't be allowed", { user: 'ada', capabilities: 'CANARY' }, '`capabilities` must be an object'],
    ['an end that is a text', { user: 'ada', expiresAt: '2030' }, '`expiresAt` must be a number'],
  ])('lets nobody in when it is %s', async (_, value, message) => {
    const { fault } = await application((response) => json(response, value));
    const error = await fault();
    expect(error.code).toBe('unauthenticated');
    expect(error.message).toContain(message);
    expect(everythingIn(error)).not.toContain('CANARY');
  });

  it.each<[string, WebServer['answer']]>([
    ['500', (response) => json(response, { user: 'ada' }, 500)],
    ['404', (response) => json(response, { user: 'ada' }, 404)],
    ['201', (response) => json(response, { user: 'ada' }, 201)],
    ['a redirect', (response) => response.writeHead(302, { location: '/other' }).end('{"user":"ada"}')],
    ['a redirect that keeps the method', (response) => response.writeHead(307, { location: '/other' }).end()],
    ['no JSON', (response) => response.end('<html>')],
    ['empty', (response) => response.end()],
    ['64 KiB and a byte', (response) => response.end(`{"user":"ada"}${' '.repeat(65_536 - 13)}`)],
    ['broken off', (response) => response.destroy()],
  ])('lets nobody in when it is %s', async (_, answer) => {
    const { web, fault } = await application(answer);
    expect(await fault()).toMatchObject({ code: 'unavailable', message: later });
    expect(web.requests.map(({ url }) => url)).toEqual(['/whoami']);
  });

  it('may be 64 KiB', async () => {
    const { visit } = await application((response) =>
      response.end(`{"user":"ada"}${' '.repeat(65_536 - 14)}`),
    );
    expect(await visit('sid=abc')).toEqual({ user: 'ada' });
  });

  it("lets nobody in when it doesn't come within 5 s", async () => {
    const { web, clock, fault } = await application(() => {});
    const refused = fault();
    await web.asked(1);
    await clock.advance(5000);
    const { code, message, cause } = await refused;
    expect([code, message]).toEqual(['unavailable', later]);
    expect(String(cause)).toBe(`Error: ${web.url} gave no answer within 5000 ms.`);
    expect(clock.timers).toBe(0);
  });

  it('lets nobody in when nobody is there', async () => {
    const { web, fault } = await application();
    await web.close();
    expect(await fault()).toMatchObject({ code: 'unavailable', message: later });
  });
});

describe('what was answered', () => {
  it('is kept for 10 s, for just these cookies', async () => {
    const { web, clock, visit } = await application();
    await visit('sid=abc');
    await clock.advance(9999);
    expect(await visit('sid=abc')).toEqual({ user: 'ada' });
    expect(web.requests).toHaveLength(1);
    await visit('sid=abc; theme=dark');
    expect(web.requests).toHaveLength(2);
    await clock.advance(1);
    await visit('sid=abc');
    expect(web.requests).toHaveLength(3);
  });

  it("lets nobody in again who signed out, once it isn't kept any more", async () => {
    const { application: app, clock, visit, fault } = await application();
    await visit('sid=abc');
    app.answer = (response) => json(response, null);
    await clock.advance(10_000);
    expect((await fault()).code).toBe('unauthenticated');
  });

  it('is never kept when it was nobody, or nothing', async () => {
    const { application: app, visit, fault } = await application((response) => json(response, {}, 401));
    expect((await fault()).code).toBe('unauthenticated');
    app.answer = (response) => json(response, {}, 500);
    expect((await fault()).code).toBe('unavailable');
    app.answer = (response) => json(response, { user: 'ada' });
    expect(await visit('sid=abc')).toEqual({ user: 'ada' });
  });

  it('is not kept for longer than the identity is good', async () => {
    const { web, clock, application: app, visit } = await application();
    app.answer = (response) => json(response, { user: 'ada', expiresAt: clock.now() + 100 });
    await visit('sid=abc');
    await visit('sid=abc');
    expect(web.requests).toHaveLength(1);
    await clock.advance(100);
    await visit('sid=abc');
    expect(web.requests).toHaveLength(2);
  });

  it("isn't kept at all with cacheMs 0", async () => {
    const { web, visit } = await application(undefined, { cacheMs: 0 });
    await visit('sid=abc');
    await visit('sid=abc');
    expect(web.requests).toHaveLength(2);
  });

  it('is bounded: the oldest is forgotten', async () => {
    const { bodies, visit } = await application(undefined, { cacheMax: 2 });
    for (const sid of ['a', 'b', 'c', 'b', 'c', 'a']) await visit(`sid=${sid}`);
    expect(bodies.map((body) => JSON.parse(body).cookies.sid)).toEqual(['a', 'b', 'c', 'a']);
  });

  it('is one answer for all who ask at once', async () => {
    const { web, visit } = await application();
    const all = await Promise.all(Array.from({ length: 100 }, () => visit('sid=abc')));
    expect(all).toEqual(Array(100).fill({ user: 'ada' }));
    expect(web.requests).toHaveLength(1);
  });

  it('is one refusal for all who ask at once', async () => {
    const { web, fault } = await application((response) => json(response, null, 500));
    const all = await Promise.all(Array.from({ length: 100 }, () => fault()));
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(['unavailable']));
    expect(web.requests).toHaveLength(1);
  });

  it('is waited for by up to 256 at once', async () => {
    const { application: app, web, clock, visit, fault } = await application(() => {});
    const waiting = Array.from({ length: 256 }, (_, i) => fault(`sid=${i}`));
    const error = await fault('sid=one-more');
    expect([error.code, error.message]).toEqual([
      'too_many',
      'Too many are being checked just now. Try again later.',
    ]);
    await web.asked(1);
    await turns();
    await clock.advance(5000);
    await Promise.all(waiting);
    app.answer = (response) => json(response, { user: 'ada' });
    expect(await visit('sid=one-more')).toEqual({ user: 'ada' });
  });
});

describe('options', () => {
  const url = 'https://app.example/whoami';

  it.each<[object, string]>([
    [{ url: 'http://app.example/' }, 'Expected `url` to be an address that begins with https://'],
    [{ url: 'https://ada:CANARY@app.example/' }, 'Expected `url` to be an address'],
    [{ url: undefined }, 'Expected `url` to be an address'],
    [{ url, secret: 'CANARY' }, 'Expected `secret` to be a text or bytes, at least 32 bytes long.'],
    [{ url, secret: '' }, 'Expected `secret`'],
    [{ url, cacheMs: -1 }, 'Expected `cacheMs` to be a whole number from 0 to 300000, got -1 (number).'],
    [{ url, cacheMax: 0 }, 'Expected `cacheMax` to be a whole number from 1 to 1000000'],
  ])("are refused when they can't be: %j", async (options, message) => {
    const error = await errorOf(() => cookieSession(options as CookieSessionOptions));
    expect(error.code).toBe('bad_option');
    expect(error.message).toContain(message);
    expect(everythingIn(error)).not.toContain('CANARY');
  });
});
