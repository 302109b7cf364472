/**
 * What the page of fallback.test.ts loads: a client that falls back to plain HTTP, and ways to use and look at it from outside.
 */
import { createClient } from '@syncline/client';
import { longPoll, sse, websocket } from '@syncline/client/http';

const place = new URL(location.href).searchParams;
const errors: string[] = [];
const states: string[] = [];
const client = createClient({
  url: place.get('url') ?? '/sync',
  transports: [websocket, sse, longPoll],
  getToken: () => 'ada',
  onError: (error) => errors.push(String(error)),
});
client.status.subscribe(() => states.push(client.status.get().state));
const room = client.stream('chat/lobby');
const got: unknown[] = [];
room.onMessage(({ data }) => got.push(data));
// Who is there is followed while somebody looks.
room.presence.members.subscribe(() => {});

const tab = {
  got: () => got,
  errors: () => errors,
  states: () => states,
  state: () => room.freshness.get().state,
  publish: async (data: unknown) => (await room.publish(data)).offset,
  enter: () => room.presence.enter({ name: 'Ada' }),
  members: () => room.presence.members.get().length,
  close: () => client.close(),
};

export type Tab = typeof tab;
Object.assign(globalThis, { tab });
