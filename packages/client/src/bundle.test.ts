/**
 * What a browser loads: the table of errors with its sentences stays with servers, so whatever the client throws must bring a
 * sentence of its own; and who has streams only loads nothing of other kinds. What it may weigh, `npm run check` knows.
 */
import { errors } from '@syncline/protocol';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { createClient } from './streams.ts';

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [new URL(entry, import.meta.url).pathname], write: false },
    ...{ bundle: true, format: 'esm', target: 'es2022', platform: 'browser' },
  });
  return outputFiles[0]?.text ?? '';
}

describe.each(['./index.ts', './streams.ts'])('%s', (entry) => {
  test("no sentence of the errors' table is in it, and no error is thrown without one", async () => {
    const text = await bundle(entry);
    expect(text).toContain('class extends Error');
    for (const { message } of Object.values(errors)) expect(text).not.toContain(message);
    expect(text.match(/new SyncError\("\w+"\)/g)).toBeNull();
  });

  test('what validates by a schema comes with the contract', async () => {
    expect(await bundle(entry)).not.toContain("does not fit the channel's contract");
  });
});

test('who asks for no other transport loads none, nor how several are tried', async () => {
  for (const entry of ['./index.ts', './streams.ts']) {
    const text = await bundle(entry);
    for (const word of ['Syncline-Link', 'sessionStorage', 'fetch(']) expect(text).not.toContain(word);
  }
  for (const word of ['Syncline-Link', 'sessionStorage', 'fetch('])
    expect(await bundle('./http.ts')).toContain(word);
});

test('the door for streams has streams, and no other kind is behind it', async () => {
  expect(await bundle('./index.ts')).toContain('superseded: true');
  expect(await bundle('./streams.ts')).not.toContain('superseded: true');
  const client = createClient({ url: 'ws://localhost:1/sync' });
  expect(client.stream('chat/a').kind).toBe('stream');
  expect(client.stream('chat/a')).toBe(client.stream('chat/a'));
  expect(client).not.toHaveProperty('state');
  expect(client.status.get().state).toBe('idle');
});
