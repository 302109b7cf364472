/**
 * `syncline publish` against real servers: payloads from everywhere, each once however often the connection breaks, progress where
 * somebody looks, and exit codes. Each test has a server and processes of its own.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { between, command, folder, serve, start, syncline } from './command.ts';

const patience = { timeout: 60_000 };
const script = '/usr/bin/script';

/** All that stands in a log. */
async function logOf(url: string, channel: string): Promise<unknown[]> {
  const { json, ended } = syncline(
    'tail',
    channel,
    '--url',
    url,
    '--since',
    'start',
    '--no-follow',
    '--json',
  );
  expect(await ended).toBe(0);
  return json().map(({ data }) => data);
}

describe('what it publishes', () => {
  it('is the payload, whose position it prints', patience, async () => {
    const { url } = await serve();
    const { output, ended } = syncline('publish', 'raw/a', '{"a": 1.0}', '--url', url);
    expect(await ended).toBe(0);
    expect(output).toEqual({ out: expect.stringMatching(/^\w+_0{15}1_[0-9a-f]{8}\n$/), err: '' });
    expect(await logOf(url, 'raw/a')).toEqual([{ a: 1 }]);
  });

  it(
    'are lines of stdin in their order; those that are none are named, the others stored',
    patience,
    async () => {
      const { url } = await serve();
      const { child, output, ended } = syncline('publish', 'raw/a', '--url', url);
      child.stdin.end('1\n\n{"b":2}\r\nnot json\n"four"\n5');
      expect(await ended).toBe(1);
      expect(output.out).toBe('4 stored in raw/a, up to offset 4, 1 refused.\n');
      expect(output.err).toMatch(/^syncline: Line 4 was not stored: is not JSON.+--text\.\n$/);
      expect(await logOf(url, 'raw/a')).toEqual([1, { b: 2 }, 'four', 5]);
    },
  );

  it('are texts, values of a key, and the removal of one', patience, async () => {
    const { url } = await serve();
    const texts = syncline('publish', 'raw/a', '--text', '--url', url);
    texts.child.stdin.end('one "line"\n\n2');
    expect(await texts.ended).toBe(0);
    expect(await logOf(url, 'raw/a')).toEqual(['one "line"', '', '2']);
    expect(await syncline('publish', 'fleet/a', '--set', 'van "7"', '{"x":1}', '--url', url).ended).toBe(0);
    expect(await syncline('publish', 'fleet/a', '--delete', 'van "7"', '--url', url).ended).toBe(0);
    expect(await logOf(url, 'fleet/a')).toEqual([['van "7"', { x: 1 }], ['van "7"']]);
  });
});

describe('a file', () => {
  it('is stored once, in order, over connections that break again and again', patience, async () => {
    const { port, url: direct } = await serve();
    const { proxy, url } = await between(port);
    // Each connection breaks after some answers, so that what it was answered is known of a part only.
    proxy.onLink = (link) => {
      if (proxy.links.length < 6) link.down.cut(6_000);
    };
    const lines = Array.from({ length: 3000 }, (_, i) => i);
    const file = join(folder(), 'all.ndjson');
    writeFileSync(file, lines.join('\n'));
    const { output, ended } = syncline('publish', 'raw/a', '--file', file, '--url', url, '--json');
    expect(await ended).toBe(0);
    expect(JSON.parse(output.out)).toMatchObject({ stored: 3000, refused: 0, unanswered: 0 });
    expect(proxy.links.length).toBeGreaterThan(4);
    expect(await logOf(direct, 'raw/a')).toEqual(lines);
  });

  it.each([3, 5000])(
    'of %i lines, and as many of a pipe, is stored whole where the token is in a file',
    patience,
    async (count) => {
      const { url } = await serve();
      const lines = Array.from({ length: count }, (_, i) => i);
      const [file, token] = [join(folder(), 'all.ndjson'), join(folder(), 'token')];
      writeFileSync(file, lines.join('\n'));
      writeFileSync(token, 'anything');
      const options = ['--token-file', token, '--url', url];
      const read = syncline('publish', 'raw/a', '--file', file, ...options);
      const piped = syncline('publish', 'raw/b', ...options);
      piped.child.stdin.end(lines.join('\n'));
      expect([await read.ended, await piped.ended]).toEqual([0, 0]);
      expect(await logOf(url, 'raw/a')).toEqual(lines);
      expect(await logOf(url, 'raw/b')).toEqual(lines);
    },
  );

  it.skipIf(!existsSync(script))('shows how far it is where stderr is a terminal', patience, async () => {
    const { url } = await serve();
    const file = join(folder(), 'all.ndjson');
    writeFileSync(file, Array.from({ length: 5000 }, (_, i) => i).join('\n'));
    const words = [process.execPath, command, 'publish', 'raw/a', '--file', file, '--url', url];
    const { output, ended } = start(script, ['-qec', words.join(' '), '/dev/null'], { TERM: 'xterm' });
    expect(await ended).toBe(0);
    expect(output.out).toMatch(/[\d,]+ stored, \d+ % of the file, \d+ under way/);
    expect(output.out).toMatch(/5,000 stored in raw\/a, up to offset 5000\.\r\n$/);
  });

  it('that isn’t there is told', patience, async () => {
    const { output, ended } = syncline('publish', 'raw/a', '--file', 'no.ndjson');
    expect(await ended).toBe(1);
    expect(output.err).toMatch(
      /^syncline: --file no\.ndjson: there is no such file\. It holds one payload a line/,
    );
  });
});

describe('how it ends', () => {
  it('with 2 where the server is never reached', patience, async () => {
    const { port } = await serve();
    const { proxy, url } = await between(port);
    proxy.refuse();
    const { output, ended } = syncline('publish', 'raw/a', '1', '--url', url, '--wait', '500ms');
    expect(await ended).toBe(2);
    expect(output.out).toBe('');
    expect(output.err).toMatch(
      /There is no connection to ws:.+ It is tried again for as long as --wait allows\.\n.+It was not stored: there was no connection for as long as --wait allows\. \(offline\)\n$/,
    );
  });

  it(
    'with 1 where the server refuses, and reads on no further where it lets nobody in',
    patience,
    async () => {
      const { url } = await serve({
        authenticate: () => ({ user: 'ada', capabilities: { 'raw/a': ['publish'] } }),
      });
      const refused = syncline('publish', 'raw/b', '1', '--url', url);
      expect(await refused.ended).toBe(1);
      expect(refused.output.err).toMatch(/^syncline: It was not stored: .+\(forbidden\)\n$/);
      const { url: shut } = await serve({
        authenticate: () => {
          throw new Error('no');
        },
      });
      const outside = syncline('publish', 'raw/a', '--url', shut);
      // Stdin stays open: it must not wait for its end.
      outside.child.stdin.write('1\n2\n');
      expect(await outside.ended).toBe(1);
      expect(outside.output.err).toMatch(
        /There is no connection to ws:.+ It is tried twice more at most\.\n/,
      );
      expect(outside.output.err).toMatch(/Line 1 was not stored: .+\(unauthenticated\)\n/);
    },
  );

  it('with 130 after Ctrl+C: what was read is waited for, and told', patience, async () => {
    const { url, server } = await serve();
    const { child, output, ended } = syncline('publish', 'raw/a', '--url', url);
    child.stdin.write('1\n2\n3\n');
    await expect.poll(() => server.metrics.entriesAppended, patience).toBe(3);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(output.out).toBe('3 stored in raw/a, up to offset 3.\n');
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      'a payload that is no JSON',
      ['raw/a', 'hello'],
      /^syncline: The payload is not JSON\. A text needs quotes of its own/,
    ],
    [
      'a payload beside --delete',
      ['fleet/a', '1', '--delete', 'k'],
      /^syncline: --delete removes a key, so there is no payload/,
    ],
    [
      'both --set and --delete',
      ['fleet/a', '--set', 'a', '--delete', 'k'],
      /cannot be used with option '--delete <key>'/,
    ],
    [
      'a time that is none',
      ['raw/a', '1', '--wait', 'ever'],
      /'ever' is invalid\. It must be a time such as 500ms, 90s/,
    ],
  ])('with one line for %s', patience, async (_, args, said) => {
    const { output, ended } = syncline('publish', ...args);
    expect(await ended).toBe(1);
    expect(output.err).toMatch(said);
    expect(output.err.split('\n')).toHaveLength(2);
  });
});
