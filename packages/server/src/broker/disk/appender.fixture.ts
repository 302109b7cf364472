/**
 * A process that appends to a disk broker as fast as it is answered, and prints one line per acknowledgement, for the tests
 * of what outlives a process. It ends when it is killed, or at the first refusal, which it prints. Run: node … dir
 */
import { stdout } from 'node:process';
import { toSyncError } from '@syncline/protocol/wire';
import { disk } from '../disk.ts';

const broker = disk({ dir: process.argv[2] ?? '' });

async function produce(channel: string, id: string): Promise<void> {
  for (let sequence = 1; ; sequence++) {
    const data = JSON.stringify({ id, sequence, padding: '.'.repeat(sequence % 500) });
    const { offset } = await broker.append(channel, {
      data,
      from: id,
      producer: { id, sequence },
      keep: null,
    });
    stdout.write(`${channel} ${id} ${sequence} ${offset}\n`);
  }
}

try {
  await Promise.all(Array.from({ length: 24 }, (_, i) => produce(`room/${i % 3}`, `producer-${i}`)));
} catch (thrown) {
  stdout.write(`refused ${toSyncError(thrown).code}\n`);
  const { top } = await broker.read('room/0', {
    direction: 'after',
    offset: 0,
    entriesMax: 1,
    bytesMax: 1,
    keep: null,
  });
  stdout.write(`top ${top.offset}\n`);
  await broker.close();
}
