/**
 * The sizes of snapshots, as the benchmark's page tells them: what stands on the page is what this very program counts, and what
 * documents promise of it holds.
 */
import { expect, it } from 'vitest';
import { snapshotRows, snapshotTable } from './snapshots.ts';

const rows = snapshotRows();

it('a snapshot has no garbage in it, where merged updates keep all of it', () => {
  const kilobytes = rows.map(({ snapshot }) => Math.round(snapshot / 100) / 10);
  const most = [0.2, 0.2, 3, 125, 3.5, 6.5];
  for (const [i, row] of rows.entries()) {
    expect(kilobytes[i], row.workload).toBeLessThanOrEqual(most[i] ?? 0);
    expect(row.snapshot).toBeLessThan(row.merged);
    expect(row.merged).toBeLessThan(row.log);
  }
  expect(rows).toHaveLength(most.length);
  expect(snapshotTable(rows).split('\n')).toHaveLength(rows.length + 2);
});

it('is counted alike each time', () => {
  expect(snapshotRows()).toEqual(rows);
});
