/**
 * The worker that documents are folded by, the real one: what it makes of documents, what becomes of one that takes too long, too
 * much memory, or can't be taken at all, and of the others meanwhile.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readDocData, systemClock } from '@syncline/protocol/wire';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as Y from 'yjs';
import { documentOf, entriesOf, largeEntries, slowEntries } from '../../testing/documents.ts';
import { eventually, within } from '../../testing/wire.ts';
import { DocFault, DocWorker } from './worker.ts';

const mebibyte = 1024 * 1024;
const letter = (text: string) => entriesOf((doc) => doc.getText('text').insert(0, text));

function worker(settings: Partial<ConstructorParameters<typeof DocWorker>[0]> = {}, script?: URL): DocWorker {
  const all = { clock: systemClock, docFoldMs: 60_000, docHeapBytesMax: 256 * mebibyte, ...settings };
  const made = new DocWorker(all, script);
  onTestFinished(() => made.close());
  return made;
}

async function faultOf(run: Promise<unknown>): Promise<DocFault> {
  const thrown = await run.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );
  if (thrown instanceof DocFault) return thrown;
  throw thrown;
}

describe('folding', () => {
  it('[Y1] makes a snapshot of entries, of a snapshot and entries, and of nothing', async () => {
    const doc = new Y.Doc();
    const log = entriesOf(() => {
      for (const word of ['a', 'b', 'c']) doc.getText('text').insert(0, word);
    }, doc);
    const docs = worker();
    const first = await docs.run('fold', log.slice(0, 2));
    const second = await docs.run('fold', [first, ...log.slice(2)]);
    expect(readDocData(second).type).toBe('snapshot');
    expect(documentOf([second]).getText('text').toString()).toBe('cba');
    expect(documentOf([await docs.run('fold', [])]).share.size).toBe(0);
  });

  it('leaves the pieces as they are', async () => {
    const log = letter('a');
    const before = log.map((entry) => [...entry]);
    await worker().run('fold', log);
    expect(log.map((entry) => [...entry])).toEqual(before);
  });

  it('[Y7] that takes too long is ended, the piece is named, and the others go on', async () => {
    const docs = worker({ docFoldMs: 400 });
    const before = docs.run('fold', letter('before'));
    const slow = faultOf(docs.run('fold', [...letter('x'), ...slowEntries(60, 4000)]));
    const after = [docs.run('fold', letter('after')), docs.run('read', letter('after'))] as const;
    expect(
      documentOf([await before])
        .getText('text')
        .toString(),
    ).toBe('before');
    const { piece, message } = await slow;
    expect(message).toBe('It took longer than 400 ms.');
    expect(piece).toBeGreaterThan(0);
    expect(piece).toBeLessThan(60);
    expect(
      documentOf([await after[0]])
        .getText('text')
        .toString(),
    ).toBe('after');
    expect(await after[1]).toEqual({ text: 'after' });
  });

  it('[Y7] that takes too much memory is ended, and the others go on', async () => {
    const docs = worker({ docHeapBytesMax: 32 * mebibyte });
    const large = faultOf(docs.run('fold', largeEntries(100)));
    const after = docs.run('fold', letter('after'));
    expect((await large).message).toBe(`It took more than ${32 * mebibyte} bytes of memory.`);
    expect((await large).piece).toBeLessThan(100);
    expect(
      documentOf([await after])
        .getText('text')
        .toString(),
    ).toBe('after');
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['an update cut off', letter('abc')[0]?.subarray(0, -3) ?? new Uint8Array()],
    ['a format that nobody knows', Uint8Array.of(7, 0, 0)],
    ['a count of 2^32 structs', Uint8Array.of(1, 1, 255, 255, 255, 255, 15, 1, 0)],
  ])('[Y7] of what can not be taken says which piece it is: %s', async (_what, bytes) => {
    const docs = worker();
    const good = letter('good');
    const { piece, message } = await faultOf(docs.run('fold', [...good, bytes, ...good]));
    expect(piece).toBe(1);
    expect(message).not.toBe('');
    expect(await docs.run('read', good)).toEqual({ text: 'good' });
  });
});

describe('the worker', () => {
  it('is not held against a document when the process stood still', async () => {
    const timers: (() => void)[] = [];
    const timer = (_ms: number, run: () => void) => {
      timers.push(run);
      return () => {};
    };
    const docs = worker({ clock: { ...systemClock, timer } });
    const fire = async () => {
      await eventually(() => timers.length).toBeGreaterThan(0);
      timers.shift()?.();
    };
    // A job has begun once a timer is set. That one is noticed late, by however much, is a part of the time and not all of it.
    const slow = docs.run('fold', slowEntries(8, 600));
    await fire();
    expect(await slow).toBeInstanceOf(Uint8Array);
    timers.length = 0;
    const endless = faultOf(docs.run('fold', slowEntries(60, 4000)));
    for (let step = 0; step < 8; step++) await fire();
    expect((await endless).message).toContain('longer than');
  });

  it('does first what somebody waits for, in its order, and ends nothing for it', async () => {
    const docs = worker();
    const order: string[] = [];
    const run = async (name: string, urgent: boolean) => {
      await docs.run('fold', letter(name), urgent);
      order.push(name);
    };
    const first = docs.run('fold', slowEntries(4, 500)).then(() => order.push('under way'));
    await Promise.all([first, run('a', false), run('b', true), run('c', false), run('d', true)]);
    expect(order).toEqual(['b', 'd', 'under way', 'a', 'c']);
    order.length = 0;
    const again = docs.run('fold', slowEntries(4, 500)).then(() => order.push('under way'));
    await Promise.all([again, run('a', false), run('b', true)]);
    expect(order).toEqual(['under way', 'b', 'a']);
  });

  it('ends what is under way and what waits when it is closed, and takes no more', async () => {
    const docs = worker();
    const runs = [docs.run('fold', slowEntries(20, 4000)), docs.run('fold', letter('a'))];
    const outcomes = Promise.allSettled(runs);
    await Promise.all([docs.close(), docs.close()]);
    expect(await outcomes).toMatchObject(
      runs.map(() => ({ status: 'rejected', reason: { code: 'restart' } })),
    );
    await expect(docs.run('read', [])).rejects.toMatchObject({ code: 'restart' });
  });

  it('that can not be started refuses what waits, and no document is at fault', async () => {
    const docs = worker({}, new URL('./nowhere.ts', import.meta.url));
    const outcomes = await Promise.allSettled([docs.run('fold', []), docs.run('read', [])]);
    expect(outcomes).toMatchObject(outcomes.map(() => ({ reason: { code: 'unavailable' } })));
  });

  it('tells the process nothing of what is in this one’s environment', async () => {
    process.env['SECRET_OF_THE_TEST'] = 'secret';
    onTestFinished(() => void delete process.env['SECRET_OF_THE_TEST']);
    const docs = worker({}, new URL('./environment.fixture.ts', import.meta.url));
    const { names } = await docs.run('read', []);
    expect(names).not.toContain('SECRET_OF_THE_TEST');
    expect(names).not.toContain('PATH');
  });
});

describe.runIf(process.platform === 'linux')('a node that may open no more files', () => {
  it('lives on, refuses what it can’t fold, and folds it later', async () => {
    const script = fileURLToPath(new URL('./poor.fixture.ts', import.meta.url));
    const few = ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, script];
    const own = spawn('sh', few, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void own.kill('SIGKILL'));
    let said = '';
    own.stdout.on('data', (chunk) => {
      said += chunk;
    });
    expect(await within(once(own, 'close'), 'the end of the fixture')).toEqual([0, null]);
    expect(said).toBe('unavailable, folded');
  });
});

// Only there can be seen whose child a process is.
describe.runIf(process.platform === 'linux')('a process that goes without closing the worker', () => {
  /** Runs the fixture until it is ready: itself, and its worker's process. */
  async function owner(mode: string) {
    const script = fileURLToPath(new URL('./owner.fixture.ts', import.meta.url));
    const own = spawn(process.execPath, [script, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void own.kill('SIGKILL'));
    const ended = once(own, 'exit');
    await within(once(own.stdout, 'data'), 'the fixture');
    const children = readFileSync(`/proc/${own.pid}/task/${own.pid}/children`, 'utf8');
    const worker = Number(children.trim());
    const lives = () => existsSync(`/proc/${worker}`);
    return { own, ended, lives };
  }

  it('is not held by it, and takes it along', async () => {
    const { ended, lives } = await owner('idle');
    expect(await within(ended, 'the end of the fixture')).toEqual([0, null]);
    await eventually(lives).toBe(false);
  });

  it('takes it along when it is killed, though a job is under way', async () => {
    const { own, ended, lives } = await owner('busy');
    expect(lives()).toBe(true);
    own.kill('SIGKILL');
    await within(ended, 'the end of the fixture');
    await eventually(lives).toBe(false);
  });
});
