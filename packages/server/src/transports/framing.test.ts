/**
 * Frames built by hand, parsed back by `ws` over a real socket: at every length where the header changes its form, text
 * and binary, one by one and several in one buffer.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { within } from '../testing/wire.ts';
import { binaryFrame, pingFrame, shortFrames, textFrame, textFrames } from './framing.ts';

const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000];

/** Writes bytes to a client of `ws` and returns the first messages that it makes of them. */
async function received(bytes: Uint8Array, count: number): Promise<{ text: boolean; data: Buffer }[]> {
  const server = new WebSocketServer({ port: 0 });
  onTestFinished(() => server.close());
  const client = new WebSocket(`ws://localhost:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => client.terminate());
  const messages: { text: boolean; data: Buffer }[] = [];
  const all = new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('message', (data: Buffer, isBinary) => {
      messages.push({ text: !isBinary, data });
      if (messages.length === count) resolve();
    });
  });
  const [, request] = (await within(once(server, 'connection'), 'a connection')) as [
    WebSocket,
    { socket: Socket },
  ];
  request.socket.write(bytes);
  await within(all, 'messages');
  return messages;
}

describe('frames', () => {
  it.each(lengths)('[F1] a text of %i bytes', async (length) => {
    const text = 'x'.repeat(length);
    const [message] = await received(textFrame(text), 1);
    expect(message?.text).toBe(true);
    expect(message?.data.toString()).toBe(text);
    expect(textFrame(text).length - length).toBe(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  });

  it.each(lengths)('%i bytes', async (length) => {
    const bytes = Buffer.alloc(length, 0xa5);
    const [message] = await received(binaryFrame(bytes), 1);
    expect(message).toEqual({ text: false, data: bytes });
  });

  it('[F1] counts bytes, not characters', async () => {
    for (const text of ['é'.repeat(63), '€'.repeat(42), '😀'.repeat(32), 'é'.repeat(40_000)]) {
      const [message] = await received(textFrame(text), 1);
      expect(message?.data.toString()).toBe(text);
    }
  });

  it('[F1] several in one buffer come out one by one, with a ping between them', async () => {
    const texts = lengths.map((length) => '€'.repeat(length % 70_000));
    const bytes = Buffer.concat([textFrames(texts), pingFrame, textFrames(['last'])]);
    const messages = await received(bytes, texts.length + 1);
    expect(messages.map(({ data }) => data.toString())).toEqual([...texts, 'last']);
    expect(textFrames([])).toHaveLength(0);
  });

  it('[F1] short ones in one buffer are those that are made one by one', () => {
    const texts = ['', 'a', 'b'.repeat(124), 'c'.repeat(125)];
    const write = (buffer: Buffer, at: number, text: string) => at + buffer.write(text, at);
    expect(shortFrames(texts, 125, write)).toEqual(textFrames(texts));
    expect(shortFrames([], 125, write)).toHaveLength(0);
  });
});
