/**
 * The commands against a server that means harm: what it says is shown to whoever runs them, and no terminal acts upon any of it. The
 * server is made by hand, since ours says no such things.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { subprotocol, systemClock } from '@syncline/protocol/wire';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { syncline } from './command.ts';

const patience = { timeout: 60_000 };
/** Writes the clipboard, clears the screen, and hides what follows. */
const evil = '\u001b]52;c;cm0gLXJm\u0007\u001b[2J\u009b8m\u202eno';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const acted = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

/** A server that refuses whatever it is asked, in those words. */
async function hostile() {
  const door = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => subprotocol });
  onTestFinished(() => {
    for (const one of door.clients) one.terminate();
    door.close();
  });
  await once(door, 'listening');
  door.on('connection', (socket) => {
    socket.send(`["welcome","1",1000,65536,null,${systemClock.now()}]`);
    socket.on('message', (data) => {
      const [, ref] = JSON.parse(String(data)) as [string, number];
      if (typeof ref === 'number') socket.send(JSON.stringify(['error', ref, 'forbidden', evil, null]));
    });
  });
  return `ws://127.0.0.1:${(door.address() as AddressInfo).port}/sync`;
}

it.each([
  ['tail', ['tail', 'chat/a']],
  ['publish', ['publish', 'chat/a', '"hi"']],
])(
  '`%s` tells what a server refuses it with, and nothing that a terminal acts upon',
  patience,
  async (_name, args) => {
    const { ended, output } = syncline(...args, '--url', await hostile());
    expect(await ended).toBe(1);
    expect(output.err).toContain('\\u001b]52;c;');
    expect(output.err + output.out).not.toMatch(acted);
  },
);
