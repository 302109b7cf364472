/**
 * Tickets that are good at any node of several: each opens one connection, wherever and however often it is tried, for as long as it may
 * and as whom it was issued to. Servers and sockets are real, the broker is in memory.
 */
import { describe, expect, it } from 'vitest';
import { cluster } from '../testing/cluster.ts';
import { everything } from '../testing/serve.ts';
import { WireClient } from '../testing/wire.ts';

const authenticate = ({ token }: { readonly token: string | null }) => ({
  user: token ?? '',
  capabilities: everything,
  tokenId: `token of ${token}`,
});

async function ticketOf(port: number, user = 'ada'): Promise<string> {
  const init = { method: 'POST', headers: { authorization: `Bearer ${user}` } };
  const answer = await fetch(`http://localhost:${port}/sync/ticket`, init);
  return ((await answer.json()) as { ticket: string }).ticket;
}

const opens = (port: number, ticket: string): Promise<boolean> =>
  WireClient.connect(port, `/sync?ticket=${ticket}`).then(
    () => true,
    () => false,
  );

describe('a ticket, where nodes share a broker', () => {
  it('[F12] opens one connection at any node, and no second one at any', async () => {
    const { at } = await cluster(3, { authenticate });
    const ticket = await ticketOf(at(0).port);
    expect(await opens(at(1).port, ticket)).toBe(true);
    for (const i of [0, 1, 2]) expect(await opens(at(i).port, ticket)).toBe(false);
    expect(await opens(at(0).port, ticket.split('.')[0] ?? '')).toBe(false);
    expect(await opens(at(0).port, await ticketOf(at(0).port))).toBe(true);
  });

  it('[F12] has one winner, of however many who come at once, wherever', async () => {
    const { at, nodes } = await cluster(3, { authenticate });
    const ticket = await ticketOf(at(0).port);
    const tries = Array.from({ length: 30 }, (_, i) => opens(at(i % 3).port, ticket));
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
    expect(nodes.reduce((sum, { server }) => sum + server.metrics.sessionsOpened, 0)).toBe(1);
  });

  it('that could not be noted counts as none: after an outage there are as many as before', async () => {
    const { at } = await cluster(2, { authenticate });
    at(0).node.freeze();
    for (let i = 0; i < 100; i++) expect(await ticketOf(at(0).port)).toBeUndefined();
    at(0).node.thaw();
    expect(await opens(at(1).port, await ticketOf(at(0).port))).toBe(true);
  });

  it('[F12] is good for 30 s, and then at no node', async () => {
    const { at, clock } = await cluster(2, { authenticate });
    const [early, late] = [await ticketOf(at(0).port), await ticketOf(at(0).port)];
    await clock.advance(29_999);
    expect(await opens(at(1).port, early)).toBe(true);
    await clock.advance(1);
    expect(await opens(at(1).port, late)).toBe(false);
  });

  it('opens nothing once its user was sent away, or its token revoked, at whichever node; what is issued later does', async () => {
    const { at, clock } = await cluster(3, { authenticate });
    const [first, second, third] = [
      await ticketOf(at(0).port),
      await ticketOf(at(0).port),
      await ticketOf(at(0).port, 'bob'),
    ];
    await clock.advance(10);
    at(1).server.disconnect('ada');
    at(2).server.revoke('token of bob');
    await clock.advance(10);
    expect(await opens(at(0).port, first)).toBe(false);
    expect(await opens(at(2).port, second)).toBe(false);
    expect(await opens(at(1).port, third)).toBe(false);
    expect(await opens(at(2).port, await ticketOf(at(0).port))).toBe(true);
  });

  it.each([
    ['of another place', (ticket: string) => ticket.replace(/\.\d+$/, '.99')],
    ['of no place', (ticket: string) => ticket.replace(/\.\d+$/, '.0')],
    ['of a place that is no number', (ticket: string) => ticket.replace(/\.\d+$/, '.1e3')],
    ['guessed at a place where one is', (ticket: string) => `${'A'.repeat(43)}${ticket.slice(43)}`],
  ])('opens nothing when it is %s, and the right one still does', async (_, bend) => {
    const { at } = await cluster(2, { authenticate });
    const ticket = await ticketOf(at(0).port);
    expect(await opens(at(1).port, bend(ticket))).toBe(false);
    expect(await opens(at(1).port, ticket)).toBe(true);
  });

  it('can’t be read from what is stored: the log has a hash of it', async () => {
    const { at, logs } = await cluster(1, { authenticate });
    const ticket = await ticketOf(at(0).port);
    const range = { direction: 'after', offset: 0, entriesMax: 9, bytesMax: 9999, keep: null } as const;
    const { entries } = await logs.read('?tickets', range);
    expect(entries).toHaveLength(1);
    expect(JSON.stringify(entries)).not.toContain(ticket.slice(0, 43));
  });
});
