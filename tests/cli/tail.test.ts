/**
 * `syncline tail` against real servers: entries of each kind, what it goes on from after a cut, where it begins, and how it ends. Each
 * test has a server and a process of its own.
 */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Doc } from 'yjs';
import { between, serve, syncline } from './command.ts';
import { behindNginx, nginx } from './proxies.ts';

/** Two runs of the command, on a machine that has other things to do. */
const patience = { timeout: 60_000 };
const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('what it prints', () => {
  it('of a stream: offsets and payloads, and who and when where the channel says so', patience, async () => {
    const { server, url } = await serve();
    await server.publish('raw/a', { text: 'hi' });
    await server.publish('chat/a', 'über');
    const raw = syncline('tail', 'raw/a', '--url', url, '--since', 'start', '--no-follow');
    expect(await raw.ended).toBe(0);
    expect(raw.output).toEqual({ out: '1  {"text":"hi"}\n', err: '' });
    const chat = syncline('tail', 'chat/a', '--url', url, '--last', '5', '--no-follow');
    expect(await chat.ended).toBe(0);
    expect(chat.output.out).toMatch(/^1 {2}20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}- {2}"über"\n$/);
  });

  it(
    'of keyed values: what is set and removed, and after a snapshot what is left of it',
    patience,
    async () => {
      const { server, url } = await serve({ foldEntriesMax: 5 });
      for (const n of numbers(1, 12)) await server.set('fleet/a', `van-${n % 3}`, { n });
      await expect.poll(() => server.metrics.snapshotsStored).toBeGreaterThan(0);
      await server.delete('fleet/a', 'van-1');
      const { json, ended } = syncline(
        'tail',
        'fleet/a',
        '--url',
        url,
        '--since',
        'start',
        '--no-follow',
        '--json',
      );
      expect(await ended).toBe(0);
      expect(json().some(({ snapshot }) => snapshot === true)).toBe(true);
      const values = new Map<unknown, unknown>();
      for (const { data } of json()) {
        const [key, value] = data as [string, unknown];
        if (value === undefined) values.delete(key);
        else values.set(key, value);
      }
      expect(Object.fromEntries(values)).toEqual({ 'van-0': { n: 12 }, 'van-2': { n: 11 } });
      const offsets = json().map(({ offset }) => Number(offset));
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(offsets.at(-1)).toBe(13);
    },
  );

  it('of a document: its bytes', patience, async () => {
    const { server, url } = await serve();
    await server.withDoc('board/1', (doc: Doc) => void doc.getMap('a').set('b', 1));
    const { json, ended } = syncline(
      'tail',
      'board/1',
      '--url',
      url,
      '--since',
      'start',
      '--no-follow',
      '--json',
    );
    expect(await ended).toBe(0);
    const [entry] = json();
    expect(entry).toMatchObject({ offset: 1 });
    expect(Buffer.from(String(entry?.['bytes']), 'base64').length).toBeGreaterThan(10);
  });

  it('no characters that a terminal would act upon', patience, async () => {
    const { server, url } = await serve();
    await server.publish('raw/a', 'a\u009b2Jb\u202ec');
    const { output, ended } = syncline('tail', 'raw/a', '--url', url, '--last', '1', '--no-follow');
    expect(await ended).toBe(0);
    expect(output.out).toBe('1  "a\\u009b2Jb\\u202ec"\n');
  });
});

describe('after a cut', () => {
  it('it goes on from its position: nothing is left out, nothing comes twice', patience, async () => {
    const { server, port } = await serve();
    const { proxy, url } = await between(port);
    const { output, json, child, ended } = syncline(
      'tail',
      'raw/a',
      '--url',
      url,
      '--since',
      'start',
      '--json',
    );
    for (const round of numbers(0, 4)) {
      for (const n of numbers(1, 20)) await server.publish('raw/a', round * 20 + n);
      await expect.poll(() => json().length, patience).toBe(round * 20 + 20);
      // While it is away more is appended.
      proxy.refuse();
      for (const link of proxy.links) link.reset();
      await expect
        .poll(() => output.err, patience)
        .toMatch(/There is no connection to ws:.+ It is tried again until it works\./);
      proxy.refuse(false);
    }
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(json().map(({ data }) => data)).toEqual(numbers(1, 100));
    expect(json().map(({ offset }) => offset)).toEqual(numbers(1, 100));
  });

  it('it tells what the log lost meanwhile', patience, async () => {
    const { server, port } = await serve();
    const { proxy, url } = await between(port);
    const { json, lines, child, ended } = syncline(
      'tail',
      'short/a',
      '--url',
      url,
      '--since',
      'start',
      '--json',
    );
    await server.publish('short/a', 0);
    await expect.poll(() => lines().length, patience).toBe(1);
    proxy.refuse();
    for (const link of proxy.links) link.reset();
    for (const n of numbers(1, 2000)) await server.publish('short/a', n);
    proxy.refuse(false);
    await expect.poll(() => json().at(-1)?.['offset'], patience).toBe(2001);
    expect(json()[1]).toMatchObject({ gap: 'trimmed' });
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

it.skipIf(!existsSync(nginx))(
  'where a proxy lets no WebSocket through it reads by plain HTTP, and so publishes',
  patience,
  async () => {
    const { url, server } = await behindNginx({ upgrade: '' }, 25_000, false);
    const { lines, child, ended } = syncline('tail', 'raw/a', '--url', url, '--since', 'start');
    await server.publish('raw/a', 1);
    await expect.poll(() => lines(), patience).toEqual(['1  1']);
    expect(await syncline('publish', 'raw/a', '2', '--url', url).ended).toBe(0);
    await expect.poll(() => lines(), patience).toEqual(['1  1', '2  2']);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  },
);

describe('where it begins', () => {
  it('at an offset, at a count, at a time, at a position that it printed', patience, async () => {
    const { server, url } = await serve();
    for (const n of numbers(1, 10)) await server.publish('chat/a', n);
    const run = async (...args: string[]) => {
      const ran = syncline('tail', 'chat/a', '--url', url, '--no-follow', '--json', ...args);
      expect(await ran.ended).toBe(0);
      return ran.json();
    };
    const data = (rows: Record<string, unknown>[]) => rows.map((row) => row['data']);
    expect(data(await run('--since', '7'))).toEqual([8, 9, 10]);
    expect(data(await run('--last', '2'))).toEqual([9, 10]);
    expect(data(await run('--since', '1h'))).toEqual(numbers(1, 10));
    expect(data(await run())).toEqual([]);
    const [first] = await run('--since', 'start', '--count', '4').then((rows) => rows.slice(-1));
    expect(first).toMatchObject({ data: 4 });
    const rest = await run('--since', String(first?.['position']));
    expect(data(rest)).toEqual(numbers(5, 10));
    // HTTP has the same words for the same places.
    const streams = url.replace(/^ws/, 'http').replace(/$/, '/streams/chat/a?offset=');
    const answer = await fetch(`${streams}${first?.['position']}`);
    expect(await answer.json()).toEqual(numbers(5, 10));
    expect(answer.headers.get('stream-next-offset')).toBe(rest.at(-1)?.['position']);
  });

  it('is refused where it can’t be', patience, async () => {
    const { server, url } = await serve();
    await server.publish('raw/a', 1);
    const timed = syncline('tail', 'raw/a', '--url', url, '--since', '10m');
    expect(await timed.ended).toBe(1);
    expect(timed.output.err).toMatch(
      /^syncline: Entries of this channel carry no time.+Give an offset, or --last\./,
    );
    const odd = syncline('tail', 'raw/a', '--url', url, '--since', 'yesterday');
    expect(await odd.ended).toBe(1);
    expect(odd.output.err).toMatch(
      /^syncline: Expected --since to be "start", an offset, a time such as 10m/,
    );
  });
});

describe('how it ends', () => {
  it('when whoever reads its output has enough', patience, async () => {
    const { server, url } = await serve();
    const { child, lines, output, ended } = syncline('tail', 'raw/a', '--url', url, '--since', 'start');
    await server.publish('raw/a', 1);
    await expect.poll(() => lines().length, patience).toBe(1);
    child.stdout.destroy();
    let over = false;
    void ended.then(() => (over = true));
    await expect
      .poll(async () => {
        await server.publish('raw/a', 2);
        return over;
      }, patience)
      .toBe(true);
    expect(await ended).toBe(0);
    expect(output.err).toBe('');
  });

  it.each<[string, readonly string[], RegExp]>([
    ['a channel that there isn’t', ['nope/a'], /no channel|nope\/a.+\(unknown_channel\)\n$/],
    [
      'an address that is none',
      ['raw/a', '--url', 'ftp://x'],
      /Expected an address such as wss:\/\/app\.example\/sync/,
    ],
    [
      'a token that can’t be read',
      ['raw/a', '--token-file', 'no.jwt'],
      /--token-file no\.jwt can't be read: there is no such file/,
    ],
    [
      'a token that others could read on the way',
      ['raw/a', '--url', 'ws://app.example/sync', '--token-file', '/dev/null'],
      /The token would travel to app\.example unencrypted/,
    ],
  ])('is refused with one line for %s', patience, async (_, args, said) => {
    const { url } = await serve();
    const { output, ended } = syncline('tail', '--url', url, ...args);
    expect(await ended).toBe(1);
    expect(output.out).toBe('');
    expect(output.err).toMatch(said);
    expect(output.err.split('\n')).toHaveLength(2);
  });

  it('with what the server says where nobody may come in', patience, async () => {
    const { url } = await serve({
      authenticate: () => {
        throw new Error('no');
      },
    });
    const { output, ended } = syncline('tail', 'raw/a', '--url', url);
    expect(await ended).toBe(1);
    expect(output.err).toMatch(/\(unauthenticated\)\n$/);
  });
});
