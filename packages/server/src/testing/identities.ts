/**
 * People for tests of what they may do: who connects is named by the path or the token, and what they may not do is asked for
 * over the wire. It is no part of what the package exports.
 */
import { expect } from 'vitest';
import type { Identity } from '../access.ts';
import type { WireClient } from './wire.ts';

/** Whoever connects is who the path names: `/sync?ada`. Tokens name users likewise. */
export function named(identities: Readonly<Record<string, Identity>>) {
  return ({ url, token }: { readonly url: string; readonly token: string | null }): Identity => {
    const identity = identities[token ?? url.split('?')[1] ?? ''];
    if (!identity) throw new Error('a secret reason');
    return identity;
  };
}

/** Asks for one thing and gives the code of its refusal; undefined when it was allowed. */
export async function refusalOf(
  client: WireClient,
  action: 'subscribe' | 'publish' | 'history',
  channel: string,
) {
  const ref = client.nextRef();
  if (action === 'subscribe') client.send({ type: 'subscribe', ref, channel, start: 0 });
  if (action === 'publish')
    client.send({ type: 'publish', ref, channel, producer: 'p', sequence: 1, data: '"hello"' });
  if (action === 'history')
    client.send({ type: 'history', ref, channel, direction: 'after', offset: 0, limit: 1 });
  const frame = await client.frame();
  if (frame.type !== 'error') return undefined;
  expect(frame.ref).toBe(ref);
  return frame.code;
}
