/**
 * The public conformance suite of Durable Streams over the disk broker. Each append is flushed to a file that goes with the test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disk } from '@syncline/server';
import { conformance } from './suite.ts';

const dir = mkdtempSync(join(tmpdir(), 'syncline-conformance-'));

conformance(
  async () => disk({ dir }),
  async () => rmSync(dir, { recursive: true, force: true }),
);
