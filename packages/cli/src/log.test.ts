/**
 * The log of `syncline serve`, into a real pipe: nobody waits for whoever reads it, what doesn't fit is counted and told, and a reader
 * that goes away does no harm.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { Log } from './log.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Both ends of a pipe. */
function pipe(): { readonly near: number; readonly far: number } {
  const path = join(folder(), 'pipe');
  spawnSync('mkfifo', [path]);
  const far = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { far, near: openSync(path, constants.O_WRONLY) };
}

test('a log that nobody reads neither holds up a server nor fills its memory: lines are dropped, and whoever reads it later is told how many', async () => {
  const { near, far } = pipe();
  const log = new Log(near);
  for (let i = 0; i < 3000; i++) log.write(`${i} ${'x'.repeat(1000)}`);
  expect(log.dropped).toBeGreaterThan(1000);
  const { dropped } = log;
  const lines: string[] = [];
  const input = new Socket({ fd: far, readable: true, writable: false });
  createInterface({ input }).on('line', (line) => lines.push(line));
  await expect.poll(() => lines.length).toBe(3000 - dropped);
  log.write('and on');
  await expect
    .poll(() => lines.slice(-2))
    .toEqual([`syncline: ${dropped} lines are missing here: nobody read this log.`, 'and on']);
  input.destroy();
  await once(input, 'close');
});

test('a log whose reader is gone is given up', async () => {
  const { near, far } = pipe();
  const log = new Log(near);
  closeSync(far);
  await expect
    .poll(() => {
      log.write('anybody?');
      return log.dropped;
    })
    .toBeGreaterThan(0);
});

test('a file takes every line', () => {
  const path = join(folder(), 'log');
  const log = new Log(openSync(path, 'w'));
  log.write('one');
  log.write('two');
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  expect(log.dropped).toBe(0);
});
