/**
 * Documents that are kept on this machine, with a place in memory to keep them in and a scripted server: what is there after a reload,
 * what is sent then, how two tabs share one place, and how the document goes on where nothing can be kept.
 */
import { readDocEntry } from '@syncline/protocol/wire';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import {
  type Board,
  board,
  comeBack,
  DocLog,
  edit,
  follow,
  lineage,
  textOf,
  written,
} from '../testing/board.ts';
import { Shelf } from '../testing/shelf.ts';
import { type KeptLog, toWrite } from './storage.ts';
// What is loaded when it is needed is there at once, so that turns can be counted.
import './keeper.ts';

const append = (log: DocLog, text: string) =>
  log.append(edit(log, (doc) => doc.getText('text').insert(doc.getText('text').length, text)));

/** Clients differ in what is random. */
let seeds = 0;

/** A client that has read what was kept. */
async function kept(shelf: Shelf, log = new DocLog(), options = {}): Promise<Board> {
  const here = board({ persist: shelf, ...options }, log, { seed: ++seeds });
  for (let i = 0; i < 4; i++) await here.settle();
  return here;
}

/** The same, which follows its log from where it was. */
async function opened(shelf: Shelf, log = new DocLog()): Promise<Board> {
  const here = await kept(shelf, log);
  here.link().welcome();
  const { start } = follow(here, shelf.place && { position: shelf.place.position });
  expect(typeof start === 'number').toBe(shelf.place === undefined);
  await here.settle();
  return here;
}

/** The page is reloaded: nothing of the client goes on. */
function reload(shelf: Shelf, { client }: Board): void {
  client.close();
  shelf.kill();
}

describe('kept', () => {
  test('a reload without a network shows what was there, and says so before there is a link', async () => {
    const shelf = new Shelf();
    const log = append(append(new DocLog(), 'one '), 'two');
    reload(shelf, await opened(shelf, log));
    expect(shelf.place?.position).toEqual(log.position());
    const here = await kept(shelf, log);
    await here.board.whenLoaded;
    expect([here.text(), here.state()]).toEqual(['one two', 'offline']);
    append(log, ' three');
    here.link().welcome();
    expect(follow(here, { position: log.position(2) }).start).toEqual(log.position(2));
    expect([here.text(), here.state()]).toEqual(['one two three', 'synced']);
  });

  test('edits that were not sent are there after a reload, count as unsaved, and are sent once', async () => {
    const shelf = new Shelf();
    const log = append(new DocLog(), 'said');
    const here = await opened(shelf, log);
    here.server.link.break();
    here.type('!');
    here.type('?');
    await here.settle();
    expect(here.client.unsent.get()).toBe(0);
    reload(shelf, here);
    const after = await kept(shelf, log);
    expect([after.text(), after.state()]).toEqual(['said!?', 'offline 2']);
    after.link().welcome();
    follow(after, { position: log.position(1) });
    const update = await after.store();
    await after.settle();
    expect([after.state(), textOf(log.doc())]).toEqual(['synced', 'said!?']);
    expect(Y.decodeUpdate(update).structs).toHaveLength(1);
    expect(shelf.edits.size).toBe(0);
    expect(after.link().inbox).toEqual([]);
  });

  test('gutenberg #76872: an edit that was stored before the page went is not stored again', async () => {
    const shelf = new Shelf();
    const log = new DocLog();
    const here = await opened(shelf, log);
    here.type('once');
    await here.settle();
    log.take(here.link().take('publish').data as Uint8Array);
    expect(shelf.edits.size).toBe(1);
    reload(shelf, here);
    const after = await opened(shelf, log);
    await after.settle();
    expect(after.link().inbox).toEqual([]);
    expect([after.state(), after.text(), shelf.edits.size]).toEqual(['synced', 'once', 0]);
  });

  test('an edit is kept until its entry is, so that it is never missing from what is shown', async () => {
    const shelf = new Shelf();
    const log = new DocLog();
    const here = await opened(shelf, log);
    here.type('a');
    await here.settle();
    const frame = here.link().take('publish');
    log.take(frame.data as Uint8Array);
    here.link().ack(frame, 1);
    await here.settle();
    expect([here.state(), shelf.edits.size]).toEqual(['synced', 1]);
    here.close();
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    log.say(here.link(), 0);
    await here.settle();
    expect([shelf.edits.size, shelf.log.length]).toEqual([0, 1]);
    here.link().take('unsubscribe');
  });

  test('what is edited before the copy was opened is kept with it', async () => {
    const shelf = new Shelf();
    reload(shelf, await opened(shelf, append(new DocLog(), 'kept')));
    const here = board({ persist: shelf }, new DocLog(), { seed: ++seeds });
    here.type('early ');
    for (let i = 0; i < 4; i++) await here.settle();
    expect(here.text()).toHaveLength(10);
    expect([here.state(), shelf.edits.size]).toEqual(['offline 1', 1]);
    reload(shelf, here);
    expect((await kept(shelf)).text()).toBe(here.text());
  });

  test('a document of the application that was kept takes its place, and is no other document', async () => {
    const shelf = new Shelf();
    const log = new DocLog().begin(lineage(1), written('seed'));
    const here = await opened(shelf, log);
    const { doc } = here.board;
    reload(shelf, here);
    const after = await kept(shelf, log, { doc });
    expect([after.text(), after.replaced]).toEqual(['seed', []]);
    after.link().welcome();
    follow(after, { position: log.position(1) });
    await after.settle();
    expect([after.state(), after.link().inbox]).toEqual(['synced', []]);
  });
});

describe('records', () => {
  test('hundreds of entries become one record, which says the same', async () => {
    const shelf = new Shelf();
    const log = new DocLog();
    const here = await opened(shelf, log);
    for (let i = 0; i < 203; i++) {
      append(log, String(i % 10)).say(here.link(), i);
      await here.settle();
    }
    expect(shelf.log.length).toBeLessThan(5);
    const { text } = here;
    reload(shelf, here);
    expect((await kept(shelf, log)).text()).toBe(text());
  });

  test('hundreds of edits become one record, and what they came to is all that is kept', async () => {
    const shelf = new Shelf();
    const here = await opened(shelf);
    here.server.link.break();
    const shape = new Y.Map<number>();
    here.board.doc.getMap('shapes').set('a', shape);
    for (let i = 0; i < 1_000; i++) shape.set('x', i);
    await here.settle();
    expect(shelf.edits.size).toBeLessThanOrEqual(200);
    const bytes = [...shelf.edits.values()].reduce((sum, { update }) => sum + update.length, 0);
    expect(bytes).toBeLessThan(10_000);
    reload(shelf, here);
    expect((await kept(shelf)).board.doc.getMap('shapes').toJSON()).toEqual({ a: { x: 999 } });
  });

  test('what comes while something is written is written together', async () => {
    const shelf = new Shelf();
    const log = new DocLog();
    const here = await opened(shelf, log);
    let go = () => {};
    shelf.before = new Promise((resolve) => {
      go = resolve;
    });
    const { changes } = shelf;
    for (let i = 0; i < 50; i++) {
      append(log, 'x').say(here.link(), i);
      await here.settle();
    }
    go();
    for (let i = 0; i < 4; i++) await here.settle();
    expect([shelf.changes - changes, shelf.place?.position.offset, shelf.log.length]).toEqual([2, 50, 50]);
  });

  test('a client that is closed writes what is left, and lets go', async () => {
    const shelf = new Shelf();
    const here = await opened(shelf);
    here.type('a');
    here.client.close();
    await here.settle();
    expect([shelf.edits.size, shelf.living.size]).toEqual([1, 0]);
  });

  test('[Y4] another document takes the place of what was kept, and edits of the old one go', async () => {
    const shelf = new Shelf();
    const log = append(new DocLog(), 'old');
    const here = await opened(shelf, log);
    here.type('!');
    log.begin(lineage(2), written('new')).say(here.link(), 1);
    await here.settle();
    expect([shelf.edits.size, shelf.log.length]).toEqual([0, 1]);
    reload(shelf, here);
    const after = await kept(shelf, log);
    expect([after.text(), after.state()]).toEqual(['new', 'offline']);
  });

  test('edits of a document that is no more are told and thrown away', async () => {
    const shelf = new Shelf();
    const log = new DocLog().begin(lineage(1), written('old'));
    const [one, two] = [await opened(shelf, log), await opened(shelf, log)];
    two.type('lost');
    await two.settle();
    log.begin(lineage(2), written('new')).say(one.link(), 1);
    await one.settle();
    reload(shelf, one);
    const after = await kept(shelf, log);
    await after.settle();
    expect([after.text(), shelf.edits.size]).toEqual(['new', 0]);
    expect(after.errors).toMatchObject([{ code: 'precondition' }]);
  });
});

test('[Y5] what a lost log lacks is kept like an edit until it is in the log again, whatever becomes of the page', async () => {
  const shelf = new Shelf();
  const here = await opened(shelf, append(new DocLog(), 'precious'));
  await comeBack(here);
  const after = append(new DocLog('1e1epoch'), 'new ');
  follow({ ...here, log: after }, { gap: 'epoch' });
  await here.settle();
  expect([shelf.log.length, shelf.edits.size]).toEqual([1, 1]);
  reload(shelf, here);
  const next = await kept(shelf, after);
  expect([next.text().length, next.state()]).toEqual([12, 'offline 1']);
  next.link().welcome();
  follow(next, { position: after.position(1) });
  await next.store();
  await next.settle();
  expect(textOf(after.doc())).toBe(next.text());
  expect([next.state(), shelf.edits.size]).toEqual(['synced', 0]);
});

test('[S9] [Y5] a log that was rolled back, and folded beyond where this copy was, is given back what it lacks', async () => {
  const shelf = new Shelf();
  const log = append(append(new DocLog(), 'one '), 'two ');
  const here = await opened(shelf, log);
  await comeBack(here);
  const back = new DocLog();
  back.take(log.entries[0] as Uint8Array);
  for (const word of ['other ', 'than ', 'two ']) append(back, word);
  here.link().subscribed({ id: 1, position: log.position(2), top: 4 });
  back.saySnapshot(here.link(), 4);
  await here.store();
  expect(here.state()).toBe('synced');
  expect(here.text().split('two ')).toHaveLength(3);
});

describe('two tabs', () => {
  test('each leaves the edits of the other alone while it lives, and takes them when it is gone', async () => {
    const shelf = new Shelf();
    const [one, two] = [await opened(shelf), await opened(shelf)];
    for (const tab of [one, two]) tab.server.link.break();
    one.type('one');
    two.type('two');
    await one.settle();
    const three = await kept(shelf);
    expect([three.text(), shelf.edits.size]).toEqual(['', 2]);
    reload(shelf, one);
    const four = await kept(shelf);
    expect(four.text()).toHaveLength(6);
    // They are that tab's from now on.
    expect((await kept(shelf)).text()).toBe('');
  });

  test('both write what they read, and it is kept once', async () => {
    const shelf = new Shelf();
    const log = append(new DocLog(), 'a');
    const [one, two] = [await opened(shelf, log), await opened(shelf, log)];
    append(log, 'b');
    for (const tab of [one, two]) log.say(tab.link(), 1);
    append(log, 'c');
    for (const tab of [two, one]) log.say(tab.link(), 2);
    await one.settle();
    await two.settle();
    expect([shelf.log.length, shelf.place?.position.offset]).toEqual([3, 3]);
  });

  test('one that began anew is not added to by one that goes on with the old log', async () => {
    const shelf = new Shelf();
    const log = append(new DocLog(), 'old');
    const [one, two] = [await opened(shelf, log), await opened(shelf, log)];
    await comeBack(one);
    const after = append(new DocLog('1e1epoch'), 'new');
    follow({ ...one, log: after }, { gap: 'epoch' });
    await one.settle();
    append(log, 'er').say(two.link(), 1);
    await two.settle();
    expect([shelf.place?.position, shelf.log.length]).toEqual([after.position(), 1]);
  });
});

describe('what is to be written', () => {
  const at = (offset: number, life = 'a', epoch = 'e') => ({
    position: { epoch, offset, check: 0 },
    lineage: null,
    life,
  });
  const log = (type: KeptLog['type'], place: KeptLog['place'], from = 0, instead?: string): KeptLog => ({
    type,
    said: Array.from({ length: place.position.offset - from }, (_, i) => Uint8Array.of(from + i + 1)),
    place,
    from,
    instead,
  });

  test.each([
    ['behind what is kept', at(3), log('append', at(5), 3), [4, 5]],
    ['overlapping it', at(4), log('append', at(5), 3), [5]],
    ['what is kept already', at(5), log('append', at(5), 3), false],
    ['with a hole before it', at(2), log('append', at(5), 3), false],
    ['of another life', at(3, 'b'), log('append', at(5), 3), false],
    ['where nothing is kept', undefined, log('append', at(5), 0), false],
    ['one for what is kept', at(5), log('compact', at(5)), true],
    ['one for less than is kept', at(6), log('compact', at(5)), false],
    ['one for what was begun anew', at(5, 'b'), log('compact', at(5)), false],
    ['anew, where nothing is kept', undefined, log('anew', at(0, 'b')), true],
    ['anew, in place of what was known', at(5), log('anew', at(3, 'b'), 0, 'a'), true],
    ['anew, where another did so and read as far', at(5, 'c'), log('anew', at(5, 'b'), 0, 'a'), false],
    ['anew, where another did so and read less', at(4, 'c'), log('anew', at(5, 'b'), 0, 'a'), true],
    ['anew, where another did so with another log', at(9, 'c', 'f'), log('anew', at(5, 'b'), 0, 'a'), true],
  ])('%s', (_, kept, change, expected) => {
    const all = change.said.map((data) => data[0]);
    const written = expected === true ? all : expected || undefined;
    expect(toWrite(kept, change)?.map((data) => data[0])).toEqual(written);
  });

  test('entries that can’t be read leave holes, so that all the others are written', () => {
    const holed = { ...log('append', at(5), 3), said: [Uint8Array.of(5)] };
    expect(toWrite(at(4), holed)).toEqual(holed.said);
  });
});

describe('where nothing can be kept', () => {
  const unkept = { code: 'storage', message: expect.stringContaining('board/a is not kept on this machine') };

  test('a place that can not be opened is told, and the document goes on without', async () => {
    const shelf = new Shelf();
    shelf.broken = new Error('forbidden');
    const here = await kept(shelf);
    here.link().welcome();
    follow(here);
    here.type('a');
    expect(here.client.unsent.get()).toBe(1);
    await here.store();
    expect(here.state()).toBe('synced');
    expect(here.errors).toMatchObject([unkept]);
  });

  test('one that never opens is waited for 5 s, and let go of should it open later', async () => {
    const shelf = new Shelf();
    let go = () => {};
    shelf.before = new Promise((resolve) => {
      go = resolve;
    });
    const here = await kept(shelf);
    await here.clock.advance(4_900);
    expect(here.server.links).toEqual([]);
    await here.clock.advance(200);
    here.link().welcome();
    follow(here);
    expect(here.state()).toBe('synced');
    go();
    await here.settle();
    expect([here.errors.length, shelf.living.size]).toEqual([1, 0]);
  });

  test('a change that can not be written is told once; edits count as unsent from then on', async () => {
    const shelf = new Shelf();
    const here = await opened(shelf);
    shelf.broken = new Error('The quota is exceeded.');
    here.server.link.break();
    here.type('a');
    here.type('b');
    await here.settle();
    here.type('c');
    await here.settle();
    expect(here.errors).toMatchObject([unkept]);
    expect([here.state(), here.client.unsent.get(), shelf.living.size]).toEqual(['offline 3', 3, 0]);
  });

  test('damaged records are told, and the log is read anew', async () => {
    const shelf = new Shelf();
    const log = append(new DocLog(), 'whole');
    reload(shelf, await opened(shelf, log));
    shelf.log = [Uint8Array.of(99)];
    const here = await kept(shelf, log);
    here.link().welcome();
    const { start } = follow(here);
    expect(start).toBe(Number.MAX_SAFE_INTEGER);
    expect(here.text()).toBe('whole');
    expect(here.errors).toMatchObject([{ code: 'corrupt' }]);
  });
});

test('what is in a record is what the log said', async () => {
  const shelf = new Shelf();
  const log = append(new DocLog().begin(lineage(1), written('seed')), '!');
  await opened(shelf, log);
  expect(shelf.log.map((data) => readDocEntry(data).type)).toEqual(['beginning', 'update']);
  expect(shelf.place?.lineage).toEqual(lineage(1));
});
