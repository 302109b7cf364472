/**
 * What `publish` reads, without a server: lines wait for whoever asks for them, and a source that was closed has none.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSource } from './source.ts';

async function open() {
  const file = join(mkdtempSync(join(tmpdir(), 'syncline-source-')), 'all.ndjson');
  writeFileSync(file, '1\n2\n3\n');
  return await openSource(undefined, { file });
}

async function read(source: Awaited<ReturnType<typeof open>>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { payload } of source.items()) all.push(payload);
  return all;
}

it('reads nothing before it is asked, so that nothing is lost meanwhile', async () => {
  const source = await open();
  // Other files are read meanwhile, as the one with the token is.
  for (let i = 0; i < 20; i++) await open();
  expect(source.share()).toBe(0);
  expect(await read(source)).toEqual(['1', '2', '3']);
});

it('has no lines where it was closed before somebody asked', async () => {
  const source = await open();
  source.close();
  expect(await read(source)).toEqual([]);
});
