/**
 * `syncline bench` against real servers: that its numbers add up, that it survives cuts without taking them for loss, and that it finds
 * what something on the way loses, doubles or changes. The thing on the way is a WebSocket proxy of this file.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { subprotocol } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { between, type Ran, serve, syncline } from './command.ts';

const patience = { timeout: 60_000 };

/** What `--json` prints, as far as it is looked at here. */
interface Result {
  readonly connections: { readonly asked: number; readonly open: number; readonly cut: number };
  readonly published: { readonly sent: number; readonly acked: number; readonly unknown: number };
  readonly deliveries: {
    readonly count: number;
    readonly perSecond: number;
    readonly bytesPerSecond: number;
  };
  readonly deliveryMs: {
    readonly count: number;
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  };
  readonly answerMs: { readonly count: number };
  readonly check: Readonly<Record<string, number | boolean | null>>;
  readonly refused: readonly { readonly code: string; readonly count: number }[];
  readonly generator: { readonly busy: number; readonly saturated: boolean };
}

async function resultOf({ output, ended }: Ran): Promise<Result & { readonly code: number | null }> {
  const code = await ended;
  if (output.out === '') throw new Error(output.err);
  return { ...(JSON.parse(output.out) as Result), code };
}

/** A proxy that does something to each frame of entries: gives back what is passed on instead. */
async function meddling(
  port: number,
  meddle: (frame: string, nth: number) => readonly string[],
): Promise<string> {
  const door = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => subprotocol });
  onTestFinished(() => {
    for (const one of door.clients) one.terminate();
    door.close();
  });
  door.on('connection', (near) => {
    const far = new WebSocket(`ws://127.0.0.1:${port}/sync`, subprotocol);
    let nth = 0;
    far.on('message', (data) => {
      const frame = String(data);
      const frames = /^\[\d/.test(frame) ? meddle(frame, ++nth) : [frame];
      for (const one of frames) near.send(one);
    });
    near.on('message', async (data) => {
      if (far.readyState !== far.OPEN) await once(far, 'open');
      far.send(String(data));
    });
    near.on('close', () => far.terminate());
    far.on('close', () => near.terminate()).on('error', () => near.terminate());
  });
  await once(door, 'listening');
  return `ws://127.0.0.1:${(door.address() as AddressInfo).port}/sync`;
}

const small = ['--channel', 'raw/{n}', '--rate', '50', '--duration', '1s', '--json'];

describe('a run', () => {
  it('counts each entry once for each reader, and says how long it took', patience, async () => {
    const { url, server } = await serve();
    const result = await resultOf(
      syncline('bench', url, ...small, '--channels', '2', '--connections', '6', '--size', '200'),
    );
    const { published, deliveries, deliveryMs, check } = result;
    expect(result.code).toBe(0);
    expect(published.acked).toBe(published.sent);
    expect(published.acked).toBe(server.metrics.entriesAppended);
    expect(published.acked).toBeGreaterThan(50);
    // Three readers for each channel.
    expect(deliveries.count).toBe(published.acked * 3);
    expect(deliveryMs.count).toBe(deliveries.count);
    expect(result.answerMs.count).toBe(published.acked);
    expect(deliveries.bytesPerSecond).toBeGreaterThan(200 * deliveries.perSecond * 0.9);
    expect(deliveryMs.p50).toBeGreaterThan(0);
    expect(deliveryMs.p50).toBeLessThanOrEqual(deliveryMs.p99);
    expect(deliveryMs.p99).toBeLessThanOrEqual(deliveryMs.max);
    expect(check).toMatchObject({ ok: true, lost: 0, missing: 0, doubled: 0, storedTwice: 0, diverged: 0 });
    expect(result.connections).toEqual({ asked: 6, open: 6, cut: 0 });
  });

  it('is told in words, with bars, whose shares add up', patience, async () => {
    const { url } = await serve();
    const { output, ended } = syncline(
      'bench',
      url,
      '--channel',
      'raw/a',
      '--rate',
      '100',
      '--duration',
      '500ms',
    );
    expect(await ended).toBe(0);
    expect(output.out).toMatch(
      /^ws:\S+: 10 of 10 connections, 1 channel, 0\.5\d* s\n\npublished +\d+ acknowledged of \d+\n/,
    );
    expect(output.out).toMatch(
      /\ncheck +nothing lost, nothing doubled\.\ngenerator +(SATURATED, since [a-z ]+: )?busy \d+ % of the time/,
    );
    const shares = [...output.out.matchAll(/█ ([\d.]+) %/g)].map(([, share]) => Number(share));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
  });

  it('goes on over connections that break, and takes them for no loss', patience, async () => {
    const { port } = await serve();
    const { proxy, url } = await between(port);
    const ran = syncline(
      'bench',
      url,
      '--channel',
      'raw/{n}',
      '--channels',
      '2',
      '--connections',
      '8',
      '--rate',
      '100',
      '--duration',
      '3s',
      '--json',
    );
    await expect.poll(() => proxy.links.length, patience).toBe(8);
    for (const round of [1, 2, 3]) {
      const bytes = proxy.bytes;
      await expect.poll(() => proxy.bytes, patience).toBeGreaterThan(bytes + 20_000);
      for (const link of proxy.links.filter((one) => one.open).slice(round)) link.reset();
    }
    const result = await resultOf(ran);
    expect(result.connections.cut).toBeGreaterThan(8);
    expect(result.check).toMatchObject({ ok: true, lost: 0, missing: 0, doubled: 0, storedTwice: 0 });
    expect(result.published.acked).toBe(result.published.sent);
    expect(result.deliveries.count).toBe(result.published.acked * 4);
    expect(result.code).toBe(0);
  });

  it('of a state channel takes what readers are spared for no loss', patience, async () => {
    const { url } = await serve();
    const message = '["set","key-1",{"run":"{run}","n":{n}}]';
    const args = [
      '--channel',
      'fleet/a',
      '--message',
      message,
      '--rate',
      '200',
      '--duration',
      '1s',
      '--json',
    ];
    const result = await resultOf(syncline('bench', url, ...args));
    expect(result.check).toMatchObject({ ok: true, storedTwice: 0 });
    expect(result.published.acked).toBeGreaterThan(100);
    expect(result.code).toBe(0);
  });

  it('ends early after Ctrl+C, and tells what came of it', patience, async () => {
    const { url, server } = await serve();
    const ran = syncline('bench', url, '--channel', 'raw/a', '--rate', '100', '--duration', '10m', '--json');
    await expect.poll(() => server.metrics.entriesAppended, patience).toBeGreaterThan(20);
    ran.child.kill('SIGINT');
    const result = await resultOf(ran);
    expect(result.check['ok']).toBe(true);
    expect(result.published.acked).toBe(server.metrics.entriesAppended);
  });
});

describe('the check', () => {
  it('finds entries that never came', patience, async () => {
    const { port } = await serve();
    const url = await meddling(port, (frame, nth) => (nth === 3 ? [] : [frame]));
    const result = await resultOf(syncline('bench', url, ...small, '--connections', '3'));
    expect(result.code).toBe(3);
    expect(result.check['ok']).toBe(false);
    expect(result.check['lost']).toBeGreaterThanOrEqual(3);
    expect(result.check['doubled']).toBe(0);
  });

  it('finds entries that came twice', patience, async () => {
    const { port } = await serve();
    const url = await meddling(port, (frame, nth) => (nth === 3 ? [frame, frame] : [frame]));
    const { output, ended } = syncline('bench', url, ...small.slice(0, -1), '--connections', '3');
    expect(await ended).toBe(3);
    expect(output.out).toMatch(/\ncheck +NOT GOOD\.\n +- \d+ came twice\n/);
  });

  it('finds the last ones missing', patience, async () => {
    const { port } = await serve();
    const url = await meddling(port, (frame, nth) => (nth > 5 ? [] : [frame]));
    const result = await resultOf(
      syncline('bench', url, ...small, '--connections', '2', '--settle', '500ms'),
    );
    expect(result.code).toBe(3);
    expect(result.check['missing']).toBeGreaterThan(0);
  });

  it('finds entries that are not what was acknowledged', patience, async () => {
    const { port } = await serve();
    const url = await meddling(port, (frame, nth) => [nth === 3 ? frame.replace('xxx', 'yyy') : frame]);
    const result = await resultOf(syncline('bench', url, ...small, '--connections', '1'));
    expect(result.code).toBe(3);
    expect(result.check['diverged']).toBeGreaterThan(0);
  });
});

describe('what keeps it from running', () => {
  it('is told with what helps', patience, async () => {
    const { url } = await serve();
    const { output, ended } = syncline('bench', url, '--channel', 'nope/{n}');
    expect(await ended).toBe(1);
    expect(output.err).toMatch(
      /\(unknown_channel\) Name channels of your contract: --channel "chat\/\{n\}"\.\n$/,
    );
    expect(output.out).toBe('');
  });

  it('is a token that is missing, and payloads that don’t fit', patience, async () => {
    const { url } = await serve({
      authenticate: ({ token }) => {
        if (token !== 'a.b.c') throw new Error('no');
        return { user: 'ada', capabilities: { 'raw/:name': ['subscribe'] } };
      },
    });
    const outside = syncline('bench', url, '--channel', 'raw/a');
    expect(await outside.ended).toBe(1);
    expect(outside.output.err).toMatch(
      /\(unauthenticated\) Give a token: --token-file, or SYNCLINE_TOKEN\.\n$/,
    );
    const { url: own } = await serve();
    const odd = await resultOf(syncline('bench', own, ...small.slice(2), '--channel', 'fleet/a'));
    expect(odd.code).toBe(1);
    expect(odd.refused[0]).toMatchObject({ code: 'bad_payload' });
    expect(odd.published.acked).toBe(0);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no channel', [], /required option '--channel <name>' not specified/],
    [
      'one name for several channels',
      ['--channel', 'raw/a', '--channels', '3'],
      /asks for 3: put \{n\} into its name/,
    ],
    [
      'a rate that is none',
      ['--channel', 'raw/a', '--rate', '0'],
      /'0' is invalid\. It must be a number above 0/,
    ],
    [
      'a size that is none',
      ['--channel', 'raw/a', '--size', '1g'],
      /'1g' is invalid\. It must be a size from 2 bytes/,
    ],
  ])('is %s', patience, async (_, args, said) => {
    const { output, ended } = syncline('bench', 'ws://127.0.0.1:1/sync', ...args);
    expect(await ended).toBe(1);
    expect(output.err).toMatch(said);
  });
});
