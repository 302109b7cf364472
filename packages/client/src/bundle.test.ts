/**
 * What a browser loads: the table of errors with its sentences stays with servers, so whatever the client throws must bring a
 * sentence of its own. How many bytes it may weigh, `npm run check` knows.
 */
import { errors } from '@syncline/protocol';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test("no sentence of the errors' table is in it, and no error is thrown without one", async () => {
  const { outputFiles } = await build({
    ...{ entryPoints: [new URL('./index.ts', import.meta.url).pathname], write: false },
    ...{ bundle: true, format: 'esm', target: 'es2022', platform: 'browser' },
  });
  const text = outputFiles[0]?.text ?? '';
  expect(text).toContain('class extends Error');
  for (const { message } of Object.values(errors)) expect(text).not.toContain(message);
  expect(text.match(/new SyncError\("\w+"\)/g)).toBeNull();
});
