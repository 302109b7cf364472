/**
 * `syncline dev` as it is used while a contract is being written: it tells what happens, begins anew when the contract or what it
 * imports changes, and survives one that can't be loaded. Each test has a folder of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { folder, type Ran, syncline } from './command.ts';

const patience = { timeout: 60_000 };
const protocol = fileURLToPath(new URL('../../packages/protocol/src/index.ts', import.meta.url));

function contract(patterns: string): string {
  return `import { defineChannels, state, stream } from ${JSON.stringify(protocol)};\nexport const channels = defineChannels({ ${patterns} });\n`;
}

/** Where it serves, once it has said so for the nth time. */
async function served({ output }: Ran, times = 1): Promise<string> {
  const all = () => [...output.out.matchAll(/serves (ws:\S+) to this machine/g)].map(([, url = '']) => url);
  await expect.poll(() => all().length, patience).toBe(times);
  return all().at(-1) ?? '';
}

it('tells what is served, what clients publish, and that it begins anew where it was', patience, async () => {
  const dir = folder();
  const file = join(dir, 'channels.ts');
  writeFileSync(file, contract(`'chat/:room': stream()`));
  const dev = syncline('dev', '--channels', file, '--port', '0');
  const url = await served(dev);
  expect(dev.output.out).toContain('logs are in memory');
  expect(dev.output.out).toContain('\n  stream  chat/:room\n');
  expect(await syncline('publish', 'chat/a', '{"text":"hi\u009b"}', '--url', url).ended).toBe(0);
  await expect.poll(() => dev.output.out).toMatch(/\d\d:\d\d:\d\d {2}chat\/a {2}\{"text":"hi\\u009b"\}\n/);
  expect(await syncline('publish', 'fleet/a', '--set', 'k', '1', '--url', url).ended).toBe(1);

  writeFileSync(file, contract(`'chat/:room': stream(), 'fleet/:city': state()`));
  expect(await served(dev, 2)).toBe(url);
  expect(dev.output.out).toMatch(/channels\.ts changed: the server begins anew\.\n/);
  expect(await syncline('publish', 'fleet/a', '--set', 'k', '1', '--url', url).ended).toBe(0);
  await expect.poll(() => dev.output.out).toMatch(/fleet\/a {2}k {2}1\n/);
  dev.child.kill('SIGINT');
  expect(await dev.ended).toBe(0);
  expect(dev.output.err).toBe('');
});

it(
  'waits for a contract that can’t be loaded to be mended, and follows what it imports',
  patience,
  async () => {
    const dir = folder();
    const [file, part] = [join(dir, 'channels.ts'), join(dir, 'names.ts')];
    writeFileSync(part, `export const name = 'chat/:room';\n`);
    writeFileSync(file, `import { name } from './names.ts';\n${contract('[name]: stream()')}`);
    const dev = syncline('dev', '--channels', file, '--port', '0', '--data', join(dir, 'data'));
    const url = await served(dev);
    expect(dev.output.out).toContain(`logs are in ${join(dir, 'data')}`);
    expect(await syncline('publish', 'chat/a', '1', '--url', url).ended).toBe(0);

    writeFileSync(part, `export const name = 'chat//:room';\n`);
    await expect
      .poll(() => dev.output.err, patience)
      .toMatch(
        /can't be loaded: The channel pattern "chat\/\/:room" can't be used: .+ It is tried again when .*channels\.ts changes\.\n$/,
      );
    writeFileSync(part, `export const name = 'chat/:place';\n`);
    await served(dev, 2);
    // The logs are on disk, so they outlive it.
    const { lines, ended } = syncline('tail', 'chat/a', '--since', 'start', '--no-follow', '--url', url);
    expect(await ended).toBe(0);
    expect(lines()).toEqual(['1  1']);
    dev.child.kill('SIGTERM');
    expect(await dev.ended).toBe(0);
  },
);

it('says that there is no contract, and that a port is taken', patience, async () => {
  const none = syncline('dev', '--channels', 'no.ts');
  expect(await none.ended).toBe(1);
  expect(none.output.err).toMatch(
    /^syncline: --channels no\.ts: there is no such file\. It exports `channels`/,
  );
  const file = join(folder(), 'channels.ts');
  writeFileSync(file, contract(`'chat/:room': stream()`));
  const first = syncline('dev', '--channels', file, '--port', '0');
  const { port } = new URL(await served(first));
  const second = syncline('dev', '--channels', file, '--port', port);
  await expect.poll(() => second.output.err, patience).toMatch(/another program listens there/);
  second.child.kill('SIGINT');
  expect(await second.ended).toBe(0);
});
