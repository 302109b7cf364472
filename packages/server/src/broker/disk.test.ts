/**
 * The disk broker: the brokers' suite, and what it alone promises: that acknowledged entries outlive `kill -9` and a full
 * disk, that what can't be used is refused with one clear line, and that the thread holds nothing alive.
 */
import { spawn } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fakeClock } from '@syncline/protocol/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { brokerSuite } from './broker.suite.ts';
import { fileName } from './disk/file.ts';
import { Store } from './disk/store.ts';
import { appender, folder } from './disk/testing.ts';
import { Thread } from './disk/thread.ts';
import { disk, diskOver } from './disk.ts';
import { appendOf, expectWhole, rangeOf, refusal } from './testing.ts';

brokerSuite('disk', async () => {
  const dir = folder();
  const clock = fakeClock();
  const broker = disk({ dir, clock });
  return {
    broker,
    clock,
    reopen: async () => {
      await broker.close();
      const again = disk({ dir, clock });
      onTestFinished(() => again.close());
      return again;
    },
  };
});

brokerSuite('disk over a store in this process', async () => {
  const dir = folder();
  const clock = fakeClock();
  const open = () => {
    const store = new Store({ dir, clock });
    return diskOver(
      {
        ready: Promise.resolve(),
        run: async (operations) => store.commit(operations),
        close: async () => store.close(),
      },
      { clock },
    );
  };
  const broker = open();
  return {
    broker,
    clock,
    reopen: async () => {
      await broker.close();
      const again = open();
      onTestFinished(() => again.close());
      return again;
    },
  };
});

/** Asserts that all entries acknowledged by lines of the fixture are there, each where it said, in gapless logs. */
async function expectStored(dir: string, lines: readonly string[]): Promise<void> {
  const broker = disk({ dir });
  onTestFinished(() => broker.close());
  for (const room of ['room/0', 'room/1', 'room/2']) {
    const slice = await broker.read(room, rangeOf({ entriesMax: 1_000_000, keep: null }));
    expectWhole(slice);
    for (const line of lines) {
      const [channel, id = '', sequence, offset] = line.split(' ');
      if (channel !== room) continue;
      expect(JSON.parse(String(slice.entries[Number(offset) - 1]?.data))).toMatchObject({
        id,
        sequence: Number(sequence),
      });
      const retry = appendOf('x', { producer: { id, sequence: Number(sequence) }, keep: null });
      const last = slice.entries.findLast((entry) => entry.from === id);
      if (last?.offset === Number(offset))
        expect(await broker.append(room, retry)).toMatchObject({ duplicate: true, offset: Number(offset) });
    }
    expect((await broker.append(room, appendOf('1', { keep: null }))).offset).toBe(slice.top.offset + 1);
  }
}

describe('disk, what outlives a process', () => {
  for (const acks of [1, 200, 3000]) {
    it(`[A1] [P1] every entry acknowledged before \`kill -9\` is there, after ${acks} of them`, async () => {
      const dir = folder();
      const lines: string[] = [];
      await appender(dir, (line, child) => {
        lines.push(line);
        if (lines.length === acks) child.kill('SIGKILL');
      });
      expect(lines.length).toBeGreaterThanOrEqual(acks);
      await expectStored(dir, lines);
    });
  }

  it('[A1] [P1] when the disk takes no more, appends are refused with `storage` and nothing is burnt', async () => {
    const dir = folder();
    const lines: string[] = [];
    await appender(dir, (line) => lines.push(line), ['sh', '-c', 'ulimit -f 2000; exec "$@"', 'sh']);
    const [refused, top] = lines.slice(-2);
    expect(refused).toBe('refused storage');
    const acked = lines.filter((line) => line.startsWith('room/0'));
    expect(Number(top?.split(' ')[1])).toBeGreaterThanOrEqual(acked.length);
    expect(acked.length).toBeGreaterThan(100);
    await expectStored(dir, lines.slice(0, -2));
  });

  it('[A3] a group that the file has no room for is refused, and its offsets are used again', async () => {
    const broker = disk({ dir: folder(), fileBytesMax: 256 * 1024 });
    onTestFinished(() => broker.close());
    const first = await broker.append('c', appendOf('1'));
    const large = appendOf('x'.repeat(1024 * 1024), { producer: { id: 'p', sequence: 1 } });
    const group = [
      broker.append('other', appendOf('1')),
      broker.append('c', large),
      broker.read('c', rangeOf()),
    ] as const;
    expect(await refusal(group[0])).toMatchObject({ code: 'storage' });
    expect(await refusal(group[1])).toMatchObject({
      code: 'storage',
      message: expect.stringContaining('full'),
    });
    expect((await group[2]).top.offset).toBe(1);
    expect(await broker.append('c', { ...large, data: '2' })).toMatchObject({
      epoch: first.epoch,
      offset: 2,
      duplicate: false,
    });
    expectWhole(await broker.read('c', rangeOf()));
  });

  it('an open broker lets the process end', async () => {
    const dir = folder();
    const source = `import { disk } from ${JSON.stringify(new URL('./disk.ts', import.meta.url).href)}; await disk({ dir: process.argv[1] }).append('c', { data: '1', from: null, keep: null }); console.log('stored')`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source, dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, said.join('')]).toEqual([0, 'stored\n']);
  });
});

describe('disk, its thread', () => {
  it('a thread that fails refuses what is under way with `unavailable`, and what comes later with `storage`', async () => {
    const script = new URL('./disk/crash.fixture.ts', import.meta.url);
    const broker = diskOver(new Thread({ dir: folder() }, script));
    await broker.ready;
    const begun = [broker.append('c', appendOf('1')), broker.read('c', rangeOf())];
    for (const call of begun) {
      expect(await refusal(call)).toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(/failed on purpose.*; whether it is stored is unknown/),
      });
    }
    expect(await refusal(broker.append('c', appendOf('2')))).toMatchObject({
      code: 'storage',
      message: expect.stringContaining('failed on purpose'),
    });
    await broker.close();
    expect(await refusal(broker.append('c', appendOf('3')))).toMatchObject({ code: 'closed' });
  });
});

describe('disk, its bounds', () => {
  it('refuses with `too_many`, not begun, what would wait in too long a queue', async () => {
    const broker = disk({ dir: folder(), opsQueuedMax: 2, bytesQueuedMax: 100 });
    onTestFinished(() => broker.close());
    const two = [broker.append('c', appendOf('1')), broker.append('c', appendOf('2'))];
    expect(await refusal(broker.append('c', appendOf('3')))).toMatchObject({ code: 'too_many' });
    await Promise.all(two);
    expect(await refusal(broker.append('c', appendOf('x'.repeat(101))))).toMatchObject({
      code: 'too_many',
    });
    expect((await broker.append('c', appendOf('3'))).offset).toBe(3);
  });

  it('reads heads anew when there is memory for one only', async () => {
    const broker = disk({ dir: folder(), headsBytesMax: 1 });
    onTestFinished(() => broker.close());
    for (let i = 0; i < 30; i++)
      await broker.append(
        `c/${i % 3}`,
        appendOf(`${i}`, {
          producer: { id: 'p', sequence: Math.floor(i / 3) + 1 },
          key: 'k',
          ifKeyAt: Math.floor(i / 3),
        }),
      );
    for (const channel of ['c/0', 'c/1', 'c/2']) expectWhole(await broker.read(channel, rangeOf()));
  });

  it('removes dropped entries from the file, in portions', async () => {
    const dir = folder();
    const broker = disk({ dir });
    const keep = { entriesMax: 10, bytesMax: 1_000_000, ageMs: Number.POSITIVE_INFINITY };
    for (let i = 0; i < 20; i++)
      await Promise.all(Array.from({ length: 100 }, () => broker.append('c', appendOf('1', { keep }))));
    await broker.close();
    const db = new DatabaseSync(join(dir, fileName));
    expect(db.prepare('SELECT count(*) AS n FROM entries').get()?.['n']).toBeLessThan(25);
    db.close();
  });
});

describe('disk, a file it can not use', () => {
  /** Opens a broker that should not open, and returns why, as `ready` and the first call both tell it. */
  async function whyNot(dir: string) {
    const broker = disk({ dir });
    const append = broker.append('c', appendOf('1'));
    const error = await refusal(broker.ready);
    expect(await refusal(append)).toMatchObject({ code: error.code, message: error.message });
    await broker.close();
    expect(error.message).not.toContain('\n');
    return error;
  }

  /** A file with entries in several channels, closed as it should be. */
  async function written(): Promise<string> {
    const dir = folder();
    const broker = disk({ dir });
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        broker.append(`c/${i % 3}`, appendOf(`"channel ${i % 3} ${'.'.repeat(200)}"`, { keep: null })),
      ),
    );
    await broker.close();
    return dir;
  }

  it('a path that is no folder', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'file'), '');
    expect(await whyNot(join(dir, 'file', 'below'))).toMatchObject({
      code: 'storage',
      message: expect.stringContaining('may write'),
    });
  });

  it('a file that another server has open', async () => {
    const dir = folder();
    const first = disk({ dir });
    onTestFinished(() => first.close());
    await first.ready;
    expect(await whyNot(dir)).toMatchObject({
      code: 'storage',
      message: expect.stringContaining('is another server running on it?'),
    });
    expect((await first.append('c', appendOf('1'))).offset).toBe(1);
  });

  for (const [what, content] of [
    ['garbage', 'garbage'.repeat(10_000)],
    ['a few bytes', 'abc'],
    ['zeros', '\0'.repeat(8192)],
  ] as const) {
    it(`a file of ${what}`, async () => {
      const dir = folder();
      writeFileSync(join(dir, fileName), content);
      expect(await whyNot(dir)).toMatchObject({
        code: 'corrupt',
        message: expect.stringMatching(
          /is damaged: .*Likely .*Restore a backup.*\(SQLite: [^)]*\)$|is damaged: [^(]*$/,
        ),
      });
      expect(readFileSync(join(dir, fileName), 'latin1')).toBe(content);
    });
  }

  it("another program's database", async () => {
    const dir = folder();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    expect(await whyNot(dir)).toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('another program'),
    });
  });

  it('a file of a newer version', async () => {
    const dir = await written();
    const db = new DatabaseSync(join(dir, fileName));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(await whyNot(dir)).toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('newer version'),
    });
  });

  it('a file that was cut short, anywhere', async () => {
    const whole = await written();
    const bytes = readFileSync(join(whole, fileName));
    for (const part of [0.001, 0.1, 0.5, 0.9, 0.999]) {
      const dir = folder();
      writeFileSync(join(dir, fileName), bytes);
      truncateSync(join(dir, fileName), Math.floor(statSync(join(dir, fileName)).size * part));
      expect(await whyNot(dir), `cut at ${part}`).toMatchObject({ code: 'corrupt' });
    }
  });
});

describe('a folder', () => {
  it.runIf(process.platform === 'linux')('that the system makes for nobody is refused at once', async () => {
    const broker = disk({ dir: '/proc/syncline/data' });
    onTestFinished(() => broker.close());
    await expect(broker.ready).rejects.toMatchObject({ code: 'storage' });
  });
  it('is made with those above it', async () => {
    const broker = disk({ dir: join(folder(), 'a', 'b') });
    onTestFinished(() => broker.close());
    await broker.ready;
  });
});
