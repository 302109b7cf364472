/**
 * The guide to liveness against what it tells of: each of its lines names a test that exists, and its times are those that the
 * tests hold client and server to.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { clientMs, cutMs, heartbeatMs, probeMs, requestMs, serverMs } from './bounds.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/guide/liveness.md', root), 'utf8');

test('each line of the guide names a test that exists', () => {
  const named = [...page.matchAll(/`([\w./]+\.test\.ts)`: ([^|)\n]+)/g)].map(([, file = '', title = '']) => {
    const path = new URL(file.includes('/') ? file : `tests/faults/${file}`, root);
    return {
      file,
      title: title.trim(),
      exists: existsSync(path) && readFileSync(path, 'utf8').includes(title.trim()),
    };
  });
  expect(named.filter(({ exists }) => !exists)).toEqual([]);
  const lines = page.split('\n').filter((line) => /^\| (?!what happens)/.test(line));
  expect(named.length).toBeGreaterThan(lines.length);
  for (const line of lines) expect(line).toMatch(/\.test\.ts`: /);
});

test('the times that the guide tells are those of the defaults', () => {
  const sentences = [
    `\`heartbeatMs\` (default ${heartbeatMs / 1000} s)`,
    `1.5 heartbeats after the last byte: ${clientMs / 1000} s`,
    `without an answer: ${serverMs / 1000} s`,
    `client ${clientMs / 1000} s, server ${serverMs / 1000} s and ${cutMs / 1000} s to cut`,
    `\`requestTimeoutMs\`: ${requestMs / 1000} s`,
    `${probeMs / 1000} s after it was woken`,
    `stalls for less than ${(clientMs - heartbeatMs) / 1000} s`,
  ];
  for (const sentence of sentences) expect(page).toContain(sentence);
});
