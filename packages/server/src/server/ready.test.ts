/**
 * What becomes of a server whose logs can't be opened: whoever asks is told why, and where nobody does the process ends. Real processes,
 * whose data folder is a file.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../broker/disk/testing.ts';

const sources = path.resolve(import.meta.dirname, '..');

/** Runs a program that has made `server` over such a folder, and `http`, a server of its own. */
function run(program: string): Promise<{ code: unknown; out: string; err: string }> {
  const dir = path.join(folder(), 'data');
  writeFileSync(dir, 'a file');
  const text = `
    import { createServer as createHttpServer } from 'node:http';
    import { defineChannels, stream } from '@syncline/protocol';
    import { createServer, disk } from ${JSON.stringify(path.join(sources, 'index.ts'))};
    const http = createHttpServer().listen(0, 'localhost');
    const channels = defineChannels({ 'chat/:room': stream() });
    const server = createServer({ channels, broker: disk({ dir: ${JSON.stringify(dir)} }) });
    ${program}
  `;
  return new Promise((resolve) => {
    const args = ['--input-type=module-typescript', '--eval', text];
    execFile(process.execPath, args, { cwd: sources }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });
}

const why = "can't be used";

test('a program that never asks ends, and says why', async () => {
  const { code, err } = await run('server.attach(http)');
  expect(code).toBe(1);
  expect(err).toContain(why);
});

test.each([
  ['ready', 'server.attach(http); await server.ready'],
  ['listen', 'await server.listen(0)'],
])('who awaits `%s` is told why, and decides', async (_what, call) => {
  const { code, out, err } = await run(
    `try { ${call} } catch (error) { console.log(error.message); http.close(); await server.close(); }`,
  );
  expect(err.replace(/.*ExperimentalWarning.*\n.*trace-warnings.*\n/, '')).toBe('');
  expect(out).toContain(why);
  expect(code).toBe(0);
});
