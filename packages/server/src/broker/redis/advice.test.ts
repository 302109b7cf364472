/**
 * What is said of a Redis that works but is set up unwisely. The texts of INFO are as Redis 7 writes them.
 */
import { expect, it } from 'vitest';
import { adviceOn } from './advice.ts';

const memory = (policy: string, max = 0): string =>
  `# Memory\r\nused_memory:1000\r\nmaxmemory:${max}\r\nmaxmemory_human:0B\r\nmaxmemory_policy:${policy}\r\n`;
const fine = {
  at: { host: '10.0.0.1', port: 6379 },
  hasPassword: true,
  hasTls: true,
  memory: memory('noeviction'),
};

it('says nothing of one that is set up well, or can not be looked at', () => {
  expect(adviceOn(fine)).toEqual([]);
  expect(adviceOn({ ...fine, memory: undefined })).toEqual([]);
  expect(adviceOn({ ...fine, memory: memory('allkeys-lru', 0) })).toEqual([]);
});

it('warns of evictions, of missing passwords and of plain text', () => {
  const [eviction, ...none] = adviceOn({ ...fine, memory: memory('allkeys-lru', 1000) });
  expect(eviction).toMatch(/10\.0\.0\.1:6379 may throw logs away .*maxmemory-policy allkeys-lru/);
  expect(none).toEqual([]);
  expect(adviceOn({ ...fine, hasPassword: false })).toEqual([expect.stringMatching(/no password/)]);
  expect(adviceOn({ ...fine, hasTls: false })).toEqual([expect.stringMatching(/not encrypted/)]);
});

it('leaves the own machine alone', () => {
  for (const at of [
    { path: '/run/redis.sock' },
    { host: 'localhost', port: 1 },
    { host: '127.0.0.1', port: 1 },
  ])
    expect(adviceOn({ ...fine, at, hasPassword: false, hasTls: false })).toEqual([]);
});
