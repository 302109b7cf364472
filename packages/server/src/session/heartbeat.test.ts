/**
 * What waits in a session for a client that asks and doesn't read: sessions are driven by hand here, without sockets, so
 * that nothing is taken from them until the test does.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { lookup } from '@syncline/protocol/wire';
import { expect, it } from 'vitest';
import { openAccess } from '../access/open.ts';
import { memory } from '../broker/memory.ts';
import { Hub } from '../hub.ts';
import { newMetrics, silentLogger } from '../observe.ts';
import { resolveNumbers } from '../options.ts';
import { Session } from '../session.ts';
import { turns } from '../testing/meddle.ts';
import { Turn } from '../turn.ts';
import { Bucket } from './bucket.ts';
import type { Control } from './port.ts';

it('[H3] however many heartbeats a client sends without reading, one answer waits, with the heads as they are then', async () => {
  const clock = fakeClock();
  const tools = {
    access: openAccess(clock),
    broker: memory({ clock }),
    clock,
    turn: new Turn(clock),
    metrics: newMetrics(),
    logger: silentLogger,
  };
  const numbers = resolveNumbers({});
  const hub = new Hub(numbers, tools, lookup(defineChannels({ 'chat/:room': stream() })));
  const said: Control[] = [];
  const port = {
    controls: (frames: readonly Control[]) => {
      said.push(...frames);
      return new Uint8Array(1);
    },
    batch: () => undefined,
    snapshot: () => undefined,
    signals: () => undefined,
    seen: () => undefined,
    pump: () => {},
    end: () => {},
  };
  const bucket = new Bucket(clock, 1_000_000, 1_000_000);
  const who = { identity: { user: null }, caller: { url: '', remoteAddress: '' }, bucket };
  const session = new Session('s', who, port, { ...tools, ...numbers, hub });
  session.receive({ type: 'subscribe', ref: 1, channel: 'chat/x', start: 0 });
  await turns();
  for (let i = 0; i < 5000; i++) session.receive({ type: 'heartbeat' });
  await (await hub.open('chat/x')).append({ data: '1', from: null });
  session.take();
  expect(said.map(({ type }) => type)).toEqual(['welcome', 'subscribed', 'heartbeat']);
  expect(said.at(-1)).toMatchObject({ heads: [{ id: 1, offset: 1 }] });
  await hub.close();
});
