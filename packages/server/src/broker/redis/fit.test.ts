/**
 * The commands whose rights are asked for at the start are those that the scripts run. What a Redis says to that is in
 * fit.redis.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commands } from './fit.ts';

/** Words of commands that are none themselves. */
const parts = new Set([
  'BYLEX',
  'BYSCORE',
  'COUNT',
  'LIMIT',
  'MINID',
  'MAXLEN',
  'WITHSCORES',
  'PX',
  'NX',
  'XX',
  'GT',
  'REV',
]);

it('asks for the rights to all that the scripts run, and to nothing else', () => {
  const folder = new URL('.', import.meta.url);
  const used = new Set(['TIME', 'EVALSHA', 'PUBLISH', 'SPUBLISH']);
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.lua')) continue;
    const text = readFileSync(new URL(file, folder), 'utf8');
    // A command may come by a variable: any word of ours that stands for itself.
    for (const [, name = ''] of text.matchAll(/'([A-Z]+)'/g)) if (!parts.has(name)) used.add(name);
  }
  expect(used.size).toBeGreaterThan(10);
  const asked = new Set([...commands.map((line) => line.split(' ')[0]), 'PUBLISH', 'SPUBLISH']);
  expect([...asked].sort()).toEqual([...used].sort());
});
