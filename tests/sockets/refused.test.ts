/**
 * Clients that are not let in, over real sockets: the SDK learns why, though pages don't see the status of a handshake, and
 * does what the table of errors says.
 */
import { createClient } from '@syncline/client';
import { defineChannels, type ErrorCode, SyncError, stream } from '@syncline/protocol';
import { createServer, memory, type ServerOptions } from '@syncline/server';
import { expect, onTestFinished, test } from 'vitest';

const channels = defineChannels({ 'chat/:room': stream() });
const everything = { '*': ['*'] } as const;

async function serve(options: Omit<ServerOptions<typeof channels>, 'channels'>) {
  const server = createServer({ channels, broker: memory(), ...options });
  const { port } = await server.listen();
  onTestFinished(() => server.close({ drainMs: 0 }));
  return { server, url: `ws://localhost:${port}/sync` };
}

type Client = ReturnType<typeof createClient<typeof channels>>;

/** A client that wants in, and the codes for which it waited. */
function dial(
  url: string,
  getToken?: (facts: { rejected: boolean }) => string,
): { client: Client; codes: ErrorCode[] } {
  const client = createClient<typeof channels>({ url, ...(getToken && { getToken }) });
  onTestFinished(() => client.close());
  const codes: ErrorCode[] = [];
  client.status.subscribe(() => {
    const status = client.status.get();
    if (status.state === 'waiting' || status.state === 'closed') codes.push(status.error.code);
  });
  client.stream('chat/x').onMessage(() => {});
  return { client, codes };
}

const patience = { timeout: 15_000 };

test('[F13] [I7] a token that is refused is known to be: getToken is told, and another one gets in', async () => {
  const { url } = await serve({
    authenticate: ({ token }) => {
      if (token !== 'good') throw new SyncError('unauthenticated', 'That token is bad.');
      return { user: 'ada', capabilities: everything };
    },
  });
  const asked: boolean[] = [];
  const { client, codes } = dial(url, ({ rejected }) => {
    asked.push(rejected);
    return rejected ? 'good' : 'bad';
  });
  await expect.poll(() => client.status.get().state, patience).toBe('open');
  expect(asked).toEqual([false, true]);
  expect(codes).toEqual(['unauthenticated']);
});

test('[F13] [L2] who is refused three times in a row gives up, and says why', async () => {
  const { url, server } = await serve({
    authenticate: () => {
      throw new SyncError('unauthenticated', 'Who are you?');
    },
  });
  const { client } = dial(url);
  await expect
    .poll(() => client.status.get(), patience)
    .toMatchObject({
      state: 'closed',
      error: { code: 'unauthenticated', message: 'Who are you?' },
    });
  expect(server.metrics.sessionsRefused).toBe(3);
  expect(server.metrics.sessionsOpened).toBe(0);
});

test('[F13] who may not come in at all stops at once', async () => {
  const { url } = await serve({
    authenticate: () => {
      throw new SyncError('forbidden', 'Not you.');
    },
  });
  const { client } = dial(url);
  await expect
    .poll(() => client.status.get(), patience)
    .toMatchObject({ state: 'closed', error: { code: 'forbidden', message: 'Not you.' } });
});

test('[F13] [F11] who finds no room waits, and gets in when there is some', async () => {
  const { url, server } = await serve({
    sessionsPerUserMax: 1,
    authenticate: () => ({ user: 'ada', capabilities: everything }),
  });
  const first = dial(url);
  await expect.poll(() => first.client.status.get().state, patience).toBe('open');
  const second = dial(url);
  await expect.poll(() => second.codes, patience).toEqual(['too_many']);
  first.client.close();
  await expect.poll(() => second.client.status.get().state, patience).toBe('open');
  expect(server.metrics.sessionsOpened).toBe(2);
});

test('[I6] rights that end without a way to another token are asked for anew, as cookies are', async () => {
  const { url, server } = await serve({
    authenticate: () => ({ user: 'ada', capabilities: everything, expiresAt: Date.now() + 300 }),
  });
  const { client } = dial(url);
  await expect.poll(() => server.metrics.sessionsOpened, patience).toBe(2);
  expect(client.status.get().state).not.toBe('closed');
});
