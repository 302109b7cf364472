/**
 * What the native transport adds to the session: the number of a request that is refused before it is read, and that a
 * client which reads, however slowly, counts as alive. Real sockets; the time of heartbeats is the test's own.
 */
import { once } from 'node:events';
import { defineChannels, errors, stream } from '@syncline/protocol';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it } from 'vitest';
import { turns } from '../testing/meddle.ts';
import { handshake, RawClient } from '../testing/raw.ts';
import { serve, serveChannels } from '../testing/serve.ts';
import { passes, WireClient } from '../testing/wire.ts';
import { errorOfClose, room, transportSuite } from './transport.suite.ts';

transportSuite({
  name: 'native',
  echoes: true,
  join: async (port) => {
    const client = await WireClient.dial(port);
    client.send({ type: 'subscribe', ref: client.nextRef(), channel: room, start: 0 });
    const { socket } = client.inbox;
    const told: string[] = [];
    let published = 0;
    return {
      next: async () => {
        for (;;) {
          const entry = told.shift();
          if (entry !== undefined) return entry;
          const frame = await client.frame();
          if (frame.type === 'entries') told.push(...frame.entries.map(String));
        }
      },
      publish: (data) => {
        const ref = client.nextRef();
        client.send({ type: 'publish', ref, channel: room, producer: 'guest', sequence: ++published, data });
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      cut: () => socket.terminate(),
      ended: async () => errorOfClose(await client.inbox.closed()),
    };
  },
});

const deep = `${'['.repeat(40)}${']'.repeat(40)}`;
const many = `[${'0,'.repeat(20_000)}0]`;

describe('frames beyond a bound', () => {
  it.each([
    ['too deep', `["publish",7,"chat/x","p",1,${deep}]`],
    ['of too many members', `["publish",7,"chat/x","p",1,${many}]`],
    ['that nobody knows', ` [ "shout" ,\n7\t, ${deep} ]`],
    ['with the largest number', `["publish",2147483647,"chat/x","p",1,${deep}]`],
  ])('[F5] are answered under their ref, and the session goes on: %s', async (_, text) => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    client.sendText(text);
    const ref = text.includes('2147483647') ? 2 ** 31 - 1 : 7;
    expect(await client.expect('error')).toMatchObject({
      ref,
      code: 'bad_frame',
      detail: { max: expect.any(Number) },
    });
    expect(await client.subscribe('chat/x')).toMatchObject({ gap: null });
  });

  it.each([
    ['none', `["publish",${deep}]`],
    ['a text', `["publish","7",${deep}]`],
    ['zero', `["publish",0,${deep}]`],
    ['spelled as no integer is', `["publish",07,${deep}]`],
    ['beyond the largest', `["publish",2147483648,${deep}]`],
    ['of eleven digits', `["publish",10000000000,${deep}]`],
    ['not where it belongs', `[7,"publish",${deep}]`],
    ['inside the name', `["publish,7,",${deep}]`],
  ])('[F5] close with 4400 where there is no ref that could be answered: %s', async (_, text) => {
    const { port } = await serve();
    const client = await WireClient.connect(port);
    client.sendText(text);
    expect(await client.expect('error')).toMatchObject({ ref: null, code: 'bad_frame' });
    expect(await client.inbox.closed()).toBe(errors.bad_frame.close);
  });
});

describe('a client that reads slowly', () => {
  it.each([
    ['native', handshakeOf('/sync', 'syncline.v1')],
    ['plain', handshakeOf('/chat', null)],
  ])('[H4] and never comes to the pings is alive as long as it reads on: %s', async (_, request) => {
    const clock = fakeClock();
    const contract = defineChannels({ 'chat/:room': stream({ keep: { entries: 10 } }) });
    const { port, server, sockets } = await serveChannels(contract, {
      clock,
      heartbeatMs: 1000,
      plain: { '/chat': 'chat/x' },
      socketBytesMax: 65_536,
    });
    const client = await RawClient.connect(port);
    client.socket.write(request(port));
    await client.answer();
    if (request(port).includes('/sync')) client.send('["subscribe",1,"chat/x",0]');
    await passes(() => expect(server.metrics.cursorsOpen).toBe(1));
    const [socket] = sockets;
    if (!socket) throw new Error('There is no socket.');
    const fill = async (): Promise<void> => {
      client.socket.pause();
      // The kernel takes some first, more on some machines than on others.
      for (let i = 0; i < 2000 && !socket.writableNeedDrain; i++) {
        await server.publish('chat/x', 'x'.repeat(60_000));
        await turns(1);
      }
      expect(socket.writableNeedDrain).toBe(true);
    };
    for (let beat = 0; beat < 6; beat++) {
      await fill();
      const drained = once(socket, 'drain');
      client.socket.resume();
      await drained;
      await clock.advance(1000);
      expect(server.metrics).toMatchObject({ sessionsOpen: 1, sessionsSilent: 0 });
    }
    await fill();
    for (let beat = 0; beat < 4; beat++) await clock.advance(1000);
    expect(server.metrics.sessionsSilent).toBe(1);
  });
});

function handshakeOf(path: string, subprotocol: string | null): (port: number) => string {
  return (port) => handshake(port, { 'Sec-WebSocket-Protocol': subprotocol }, `GET ${path} HTTP/1.1`);
}
