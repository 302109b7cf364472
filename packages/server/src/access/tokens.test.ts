/**
 * Tokens that we hand out, read by the side that lets people in. And tokens that were withdrawn, which must not be forgotten
 * before their time.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { jwt } from './jwt.ts';
import { errorOf, everythingIn, secret } from './testing.ts';
import { mintToken, Revoked } from './tokens.ts';

const clock = fakeClock();
const shared = { keys: [{ alg: 'HS256', secret }], issuer: null, audience: null, clock } as const;
const capabilities = JSON.parse('{"chat/:room":["*"],"__proto__":["publish"]}');
const good = { secret, user: 'ada', capabilities, lifetimeMs: 60_999, clock };

describe('a token that we mint', () => {
  it('says what it was told to, and jwt() takes it', async () => {
    const token = await mintToken({ ...good, tokenId: 'token-1' });
    const seconds = clock.now() / 1000;
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(decodeJwt(token)).toEqual({
      capabilities,
      sub: 'ada',
      jti: 'token-1',
      iat: seconds,
      exp: seconds + 60,
    });
    const identity = await jwt(shared)({ token });
    expect(identity).toEqual({
      user: 'ada',
      capabilities,
      tokenId: 'token-1',
      expiresAt: clock.now() + 65_000,
    });
    expect(Object.keys(identity.capabilities ?? {})).toEqual(['chat/:room', '__proto__']);
  });

  it('has an id of its own, by which it can be revoked', async () => {
    const ids = await Promise.all(
      [good, good].map(async (options) => decodeJwt(await mintToken(options)).jti),
    );
    expect(ids[0]).toMatch(/^[\w-]{22}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('may be for one server', async () => {
    const token = await mintToken({ ...good, issuer: 'us', audience: 'sync' });
    expect(await jwt({ ...shared, issuer: 'us', audience: 'sync' })({ token })).toMatchObject({
      user: 'ada',
    });
    expect((await errorOf(() => jwt({ ...shared, audience: 'other' })({ token }))).code).toBe(
      'unauthenticated',
    );
  });

  it.each<[object, string]>([
    [{ secret: 'CANARY' }, 'Expected `secret` to be a text or bytes, at least 32 bytes long.'],
    [{ user: '' }, '`user` must be a text'],
    [{ user: null }, 'A token needs a `user`'],
    [{ user: 'CANARY\0' }, '`user` must be a text'],
    [{ capabilities: { 'a/*': ['*'] } }, "Pattern 1 of `capabilities` can't be used"],
    [{ tokenId: '' }, '`tokenId` must be a text'],
    [{ lifetimeMs: 999 }, 'Expected `lifetimeMs` to be a whole number from 1000 to'],
    [{ lifetimeMs: Number.POSITIVE_INFINITY }, 'Expected `lifetimeMs`'],
  ])('is refused with %j', async (change, message) => {
    const error = await errorOf(() => mintToken({ ...good, ...change }));
    expect(error.code).toBe('bad_option');
    expect(error.message).toContain(message);
    expect(everythingIn(error)).not.toContain('CANARY');
    expect(everythingIn(error)).not.toContain(secret);
  });
});

describe('a secret from a file', () => {
  it('with the end of its line is refused, with the mend, and is none of the bytes that chance makes', async () => {
    const line = `${'s3cret-'.repeat(6)}\n`;
    const key = (secret: string | Uint8Array) => () =>
      jwt({ keys: [{ alg: 'HS256', secret }], issuer: null, audience: null });
    for (const secret of [line, Buffer.from(line)])
      expect(key(secret)).toThrow("readFileSync(file, 'utf8').trim()");
    expect(key(line.trim())).not.toThrow();
    expect(key(Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 10 : 200)))).not.toThrow();
  });
});

describe('revoked ids', () => {
  it('are refused until they would have ended', async () => {
    const time = fakeClock();
    const revoked = new Revoked({ clock: time });
    revoked.add('token-1', time.now() + 1000);
    revoked.add('__proto__', time.now() + 1000);
    expect(['token-1', '__proto__', 'token-2', 'constructor'].map((id) => revoked.has(id))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    await time.advance(999);
    expect(revoked.has('token-1')).toBe(true);
    await time.advance(1);
    expect(revoked.has('token-1')).toBe(false);
  });

  it('hold for the longest time that was said', async () => {
    const time = fakeClock();
    const revoked = new Revoked({ clock: time });
    revoked.add('a', time.now() + 1000);
    revoked.add('a', time.now() + 10);
    await time.advance(999);
    expect(revoked.has('a')).toBe(true);
    revoked.add('a', time.now() + 1000);
    await time.advance(999);
    expect(revoked.has('a')).toBe(true);
  });

  it('are bounded, and none makes room for another before its time', async () => {
    const time = fakeClock();
    const revoked = new Revoked({ clock: time, revokedMax: 2 });
    revoked.add('a', time.now() + 1000);
    revoked.add('b', time.now() + 2000);
    const { code, message } = await errorOf(() => revoked.add('c', time.now() + 3000));
    expect([code, message]).toEqual([
      'too_many',
      '2 tokens are revoked already. Change the key they are signed with instead.',
    ]);
    revoked.add('a', time.now() + 1500);
    expect(['a', 'b', 'c'].map((id) => revoked.has(id))).toEqual([true, true, false]);
    await time.advance(1500);
    revoked.add('c', time.now() + 3000);
    expect(['a', 'b', 'c'].map((id) => revoked.has(id))).toEqual([false, true, true]);
  });
});
