/**
 * What a server's own processes are found to have used: while they are there, and after they have ended.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { usedByChildren } from './children.ts';

/** Keeps a processor busy, says for how long, and waits to be ended. */
const busy = `
  while (process.cpuUsage().user < 200_000);
  process.on('disconnect', () => process.exit(0));
  process.send(process.cpuUsage().user / 1000);
`;

test.runIf(process.platform === 'linux')(
  'what a child used counts while it is there, and its time after it has ended',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    writeFileSync(join(dir, 'busy.mjs'), busy);
    const before = usedByChildren();
    const child = fork(join(dir, 'busy.mjs'));
    const [ms] = (await once(child, 'message')) as [number];
    const meanwhile = usedByChildren();
    expect(meanwhile.cpuMs - before.cpuMs).toBeGreaterThan(ms * 0.8);
    expect(meanwhile.rss - before.rss).toBeGreaterThan(10_000_000);
    child.disconnect();
    await once(child, 'exit');
    const after = usedByChildren();
    expect(after.cpuMs).toBeGreaterThanOrEqual(meanwhile.cpuMs);
    expect(after.rss).toBeLessThan(meanwhile.rss);
  },
);
