/**
 * Cookies as they come, honest and not, and who is let in for them: by your function, which tests of the webhook have
 * in common with it.
 */
import { SyncError } from '@syncline/protocol';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Credentials } from '../access.ts';
import { type CookieSessionOptions, cookieSession, parseCookies } from './cookies.ts';
import { credentials, errorOf, everythingIn } from './testing.ts';

const origin = 'https://app.example';
const nobody = "There is no cookie, or it is nobody's. Sign in first.";

/** A handshake of a page with these cookies. */
function visit(
  cookie?: Credentials['headers'][string],
  more: Credentials['headers'] = { origin },
): Credentials {
  return credentials({ headers: { ...(cookie === undefined ? {} : { cookie }), ...more } });
}

describe('cookies', () => {
  const parse = (header: string) => [...parseCookies(header)];

  it.each<[string, string, [string, string][]]>([
    ['one', 'sid=abc', [['sid', 'abc']]],
    [
      'several',
      'a=1; b=2;c=3 ;  d=4',
      [
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
        ['d', '4'],
      ],
    ],
    ['the first of one name', 'sid=first; sid=second', [['sid', 'first']]],
    ['the first that is valid', 'si d=no; sid=a\x01b; sid=good', [['sid', 'good']]],
    [
      'names in their own letters',
      'Sid=1; sid=2',
      [
        ['Sid', '1'],
        ['sid', '2'],
      ],
    ],
    ['what is decoded', 'sid=a%20b%3D%C3%A9', [['sid', 'a b=é']]],
    [
      "what can't be decoded",
      'a=%; b=%zz; c=%C3; d=100%',
      [
        ['a', '%'],
        ['b', '%zz'],
        ['c', '%C3'],
        ['d', '100%'],
      ],
    ],
    ['an equals sign within', 'sid=a=b==', [['sid', 'a=b==']]],
    [
      'nothing',
      'a=; b=""',
      [
        ['a', ''],
        ['b', ''],
      ],
    ],
    [
      'quotes',
      'a="b c"; d="e; f=g"',
      [
        ['a', 'b c'],
        ['d', '"e'],
        ['f', 'g"'],
      ],
    ],
    [
      'prefixes',
      '__Host-sid=1; __Secure-b=2',
      [
        ['__Host-sid', '1'],
        ['__Secure-b', '2'],
      ],
    ],
    ['no names', '=x; ; y; ;;=', []],
    [
      'names of objects',
      '__proto__=a; constructor=b; toString=c',
      [
        ['__proto__', 'a'],
        ['constructor', 'b'],
        ['toString', 'c'],
      ],
    ],
  ])('are read: %s', (_, header, cookies) => {
    expect(parse(header)).toEqual(cookies);
  });

  it('are read from any text, and none has a control character or an odd name before it is decoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (header) => {
        for (const [name] of parse(header)) expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
      }),
    );
  });

  it('that were written are read as they were', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019_-$~'), minLength: 1 });
    const jar = fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([key]) => key });
    fc.assert(
      fc.property(jar, (pairs) => {
        const header = pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('; ');
        expect(parse(header)).toEqual(pairs);
      }),
    );
  });

  it('take time linear in the header', () => {
    const trim = vi.spyOn(String.prototype, 'trim');
    for (const part of ['a=1;', ';', '=', '" ', '%', ' ;']) parse(part.repeat(16_384 / part.length));
    expect(trim.mock.calls.length).toBeLessThan(2 * 65_536);
  });
});

describe('a session by your function', () => {
  const sessions = new Map([['abc', { user: 'ada', expiresAt: 4_000_000_000_000, tokenId: 'abc-id' }]]);
  const verify = (cookies: ReadonlyMap<string, string>) => sessions.get(cookies.get('sid') ?? '') ?? null;
  const session = cookieSession({ verify });

  it('is whom it says', async () => {
    expect(await session(visit('theme=dark; sid=abc'))).toEqual(sessions.get('abc'));
    expect(await session(visit(['theme=dark', 'sid=abc']))).toMatchObject({ user: 'ada' });
  });

  it('gets the cookies and the handshake', async () => {
    const seen = vi.fn().mockResolvedValue({ user: null });
    const asked = visit('sid=abc');
    await cookieSession({ verify: seen })(asked);
    expect(seen.mock.calls).toEqual([[new Map([['sid', 'abc']]), asked]]);
  });

  it.each([[undefined], [''], ['sid=unknown'], ['theme=dark'], ['=']])(
    'is nobody with %j',
    async (cookie) => {
      const error = await errorOf(() => session(visit(cookie)));
      expect([error.code, error.message]).toEqual(['unauthenticated', nobody]);
    },
  );

  it("isn't asked about when there is no cookie", async () => {
    const seen = vi.fn();
    await errorOf(() => cookieSession({ verify: seen })(visit()));
    expect(seen).not.toHaveBeenCalled();
  });

  it.each([[{}], [{ origin: '' }], [{ origin: [origin, origin] }]])(
    'counts only with one Origin, not with %j',
    async (headers) => {
      const seen = vi.fn();
      const error = await errorOf(() => cookieSession({ verify: seen })(visit('sid=abc', headers)));
      expect([error.code, error.message]).toEqual([
        'forbidden',
        'Cookies count only with an `Origin` header, which every browser sends. Use a token elsewhere.',
      ]);
      expect(seen).not.toHaveBeenCalled();
    },
  );

  it('is of up to 16 KiB', async () => {
    const pad = (length: number) => `sid=abc; pad=${'x'.repeat(length - 13)}`;
    expect(await session(visit(pad(16_384)))).toMatchObject({ user: 'ada' });
    const error = await errorOf(() => session(visit(pad(16_385))));
    expect([error.code, error.message]).toEqual([
      'unauthenticated',
      'The cookies are longer than 16384 characters.',
    ]);
  });

  it('counts without one where the browser says that the page is the server’s own, and nowhere else', async () => {
    const identify = cookieSession({ verify: () => ({ user: 'ada' }) });
    const from = (site: string) =>
      identify({
        headers: { cookie: 'sid=1', 'sec-fetch-site': site },
        url: '/sync/streams/a',
        remoteAddress: '::1',
        token: null,
      });
    expect(await from('same-origin')).toEqual({ user: 'ada' });
    for (const site of ['same-site', 'cross-site', 'none', ''])
      await expect(from(site)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('lets nobody in particular in where that is wanted, and then too none with a cookie but no Origin', async () => {
    const open = cookieSession({ verify, anonymous: true });
    expect(await open(visit())).toEqual({ user: null });
    expect(await open(visit(undefined, {}))).toEqual({ user: null });
    expect(await open(visit('sid=unknown'))).toEqual({ user: null });
    expect(await open(visit('sid=abc'))).toMatchObject({ user: 'ada' });
    expect((await errorOf(() => open(visit('sid=abc', {})))).code).toBe('forbidden');
  });

  it('is refused as the function says, and by whatever goes wrong in it', async () => {
    const of = (run: () => unknown) => {
      const options = { verify: run, anonymous: true } as CookieSessionOptions;
      return errorOf(() => cookieSession(options)(visit('sid=CANARY')));
    };
    const broken = await of(() => {
      throw new TypeError('no session CANARY');
    });
    expect([broken.code, broken.message]).toEqual([
      'unauthenticated',
      'Who you are could not be established.',
    ]);
    expect(everythingIn(broken)).not.toContain('CANARY');
    expect((await of(() => Promise.reject(new SyncError('unavailable')))).code).toBe('unavailable');
    for (const answer of [undefined, 'ada', { user: '' }, { user: 'CANARY\0' }, {}]) {
      const error = await of(() => answer);
      expect(error.code).toBe('unauthenticated');
      expect(everythingIn(error)).not.toContain('CANARY');
    }
  });

  it('needs a function', () => {
    const options = { verify: 'ada' } as unknown as CookieSessionOptions;
    expect(() => cookieSession(options)).toThrow(
      new SyncError('bad_option', 'Expected `verify` of cookieSession() to be a function.'),
    );
  });
});
