/**
 * Pages of a stream's log, asked of a scripted server: which page is asked for, and what can't be a page is refused before
 * anything is sent. Lists made of pages are tried with timelines.
 */
import { describe, expect, test } from 'vitest';
import { scene } from './testing/scripted.ts';

describe('history', () => {
  test.each([
    { limit: 0 },
    { limit: 501 },
    { limit: 1.5 },
    { after: 3, limit: 0 },
    { after: -1 },
    { before: Number.NaN },
  ])('of %o is refused: nothing is asked of the server, not even a connection', async (options) => {
    const { client, server } = scene();
    const message = /^Expected an offset and a limit of 1 to 500, got .+,.+\.$/;
    await expect(client.stream('chat/a').history(options)).rejects.toMatchObject({
      code: 'bad_option',
      message: expect.stringMatching(message),
    });
    expect(server.links).toEqual([]);
  });

  test.each([
    [{}, { direction: 'before', offset: Number.MAX_SAFE_INTEGER, limit: 50 }],
    [{ limit: 1 }, { direction: 'before', offset: Number.MAX_SAFE_INTEGER, limit: 1 }],
    [
      { after: 0, limit: 500 },
      { direction: 'after', offset: 0, limit: 500 },
    ],
  ])('[S7] of %o asks for that page', async (options, asked) => {
    const { client, server } = scene();
    const page = client.stream('chat/a').history(options);
    const { ref, ...frame } = server.link.welcome().take('history');
    expect(frame).toMatchObject(asked);
    const answer = { epoch: '0e0epoch', first: 1, more: true, stamped: false, entries: ['1'] };
    server.link.say({ type: 'history', ref, ...answer });
    expect(await page).toMatchObject({ messages: [{ offset: 1, data: 1 }], more: true });
  });
});
