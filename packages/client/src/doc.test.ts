/**
 * Documents with a scripted server: what is shown, what is sent and what is told, for everything that a log and a link can do. What
 * the server says is written out in each test; whether copies agree is seen with Yjs.
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
  nextLink,
  opened,
  textOf,
  written,
} from './testing/board.ts';

const bytesOf = (data: unknown): Uint8Array => readDocEntry(data as Uint8Array).update;
/** What an update says to someone who has nothing else. */
const said = (update: Uint8Array): string => {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return textOf(doc);
};
const append = (log: DocLog, text: string) =>
  log.append(edit(log, (doc) => doc.getText('text').insert(doc.getText('text').length, text)));

describe('reading', () => {
  test('an empty log is synced at once; an edit goes out, is stored, and is said', async () => {
    const here = board();
    expect(here.state()).toBe('loading');
    here.link().welcome();
    expect(here.state()).toBe('loading');
    follow(here);
    expect(here.state()).toBe('synced');
    here.type('hi');
    expect(here.state()).toBe('syncing 1');
    await here.store();
    expect(here.state()).toBe('synced');
    expect(textOf(here.log.doc())).toBe('hi');
  });

  test('what others write is shown, with the channel as its origin', () => {
    const log = new DocLog().append(written('hello'));
    const here = opened({}, log);
    expect(here.text()).toBe('hello');
    const origins: unknown[] = [];
    here.board.doc.on('update', (_: Uint8Array, origin: unknown, __: Y.Doc, { local }: Y.Transaction) =>
      origins.push(origin === here.board, local),
    );
    append(log, ' world').say(here.link(), 1);
    expect(here.text()).toBe('hello world');
    expect(origins).toEqual([true, false]);
    expect(here.state()).toBe('synced');
  });

  test('[S9] who comes late gets a snapshot in parts and what came after it, and is shown both at once', () => {
    const log = append(append(append(new DocLog(), 'one '), 'two '), 'three');
    const here = board({}, log);
    here
      .link()
      .welcome()
      .subscribed({ id: 1, position: log.position(0), top: 3 });
    const shown: string[] = [];
    here.board.doc.on('update', () => shown.push(here.text()));
    log.saySnapshot(here.link(), 2, 3);
    expect(here.state()).toBe('loading');
    log.say(here.link(), 2);
    expect(shown).toEqual(['one two three']);
    expect(here.state()).toBe('synced');
  });

  test('whenLoaded comes with the first content, whenSynced when all is stored, and follows meanwhile', async () => {
    const here = board();
    here.close();
    const told: string[] = [];
    void here.board.whenLoaded.then(() => told.push('loaded'));
    void here.board.whenSynced().then(() => told.push('synced'));
    here.type('a');
    here.link().welcome();
    await here.settle();
    expect(told).toEqual([]);
    follow(here);
    await here.settle();
    expect(told).toEqual(['loaded']);
    await here.store();
    await here.settle();
    expect(told).toEqual(['loaded', 'synced']);
    expect(here.link().take('unsubscribe')).toMatchObject({ channel: 'board/a' });
    expect(here.state()).toBe('offline');
  });

  test('a document that nobody follows goes on from where it was, and edits are sent even then', async () => {
    const log = append(new DocLog(), 'a');
    const here = opened({}, log);
    here.close();
    await here.settle();
    here.link().take('unsubscribe');
    append(log, 'b');
    here.type('!');
    const { start } = follow(here, { position: log.position(1) });
    expect(start).toEqual(log.position(1));
    await here.store();
    expect(textOf(log.doc())).toBe(here.text());
    await here.settle();
    here.link().take('unsubscribe');
    expect(here.state()).toBe('offline');
  });

  test('a stored entry that can not be read is reported and passed over', async () => {
    const here = opened({}, append(new DocLog(), 'a').take(Uint8Array.of(9, 9)));
    await here.settle();
    expect(here.text()).toBe('a');
    expect(here.errors).toMatchObject([{ code: 'corrupt' }]);
  });

  test('binary frames that can not be read end the link', async () => {
    const here = opened();
    here.link().sayText(Uint8Array.of(0, 1));
    await here.settle();
    expect(here.errors).toMatchObject([{ code: 'bad_frame' }]);
    expect(here.link().closedWith).toBe(1000);
  });
});

describe('a document that can not be read for now', () => {
  test('says why, is asked for again, and waiting for it goes on', async () => {
    const here = board({}, append(new DocLog(), 'a'));
    const told: unknown[] = [];
    void here.board.whenSynced().then(...[() => told.push('synced'), (thrown: unknown) => told.push(thrown)]);
    const link = here.link().welcome();
    for (let failures = 1; failures <= 3; failures++) {
      const before = here.board.sync.get();
      link.refuse(link.take('subscribe'), 'unavailable');
      expect(here.board.sync.get()).toMatchObject({ state: 'loading', error: { code: 'unavailable' } });
      expect(here.board.sync.get()).not.toBe(before);
      while (link.inbox.length === 0) await here.clock.advance(250);
    }
    expect(here.errors).toMatchObject([{ code: 'unavailable' }]);
    expect(told).toEqual([]);
    follow(here);
    await here.settle();
    expect(here.board.sync.get()).toEqual({ state: 'synced', unsaved: 0 });
    expect(told).toEqual(['synced']);
  });

  test('says so too when it is shown already, until the link is lost', async () => {
    const here = opened({}, append(new DocLog(), 'a'));
    const link = await comeBack(here);
    link.refuse(link.take('subscribe'), 'unavailable');
    expect(here.board.sync.get()).toMatchObject({ state: 'syncing', error: { code: 'unavailable' } });
    await comeBack(here);
    expect(here.board.sync.get()).toEqual({ state: 'syncing', unsaved: 0 });
    follow(here, { position: here.log.position(1) });
    expect(here.state()).toBe('synced');
  });
});

describe('writing', () => {
  test('[F8] what is edited in one turn is one entry; one is under way at a time, and the rest is merged into the next', async () => {
    const here = opened();
    for (const letter of 'abc') here.type(letter);
    await here.settle();
    const first = here.link().take('publish');
    expect(said(bytesOf(first.data))).toBe('abc');
    for (const letter of 'def') here.type(letter);
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    expect(here.board.sync.get().unsaved).toBe(6);
    here.log.take(first.data as Uint8Array);
    here.link().ack(first, 1);
    expect(here.board.sync.get().unsaved).toBe(3);
    await here.settle();
    const second = here.link().take('publish');
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    here.log.take(second.data as Uint8Array);
    here.link().ack(second, 2);
    here.log.say(here.link(), 0);
    expect(here.state()).toBe('synced');
    expect(textOf(here.log.doc())).toBe('abcdef');
  });

  test('nothing is sent before the log was read up to where it was when the subscription began', async () => {
    const log = append(append(new DocLog(), 'a'), 'b');
    const here = board({}, log);
    here.type('!');
    here
      .link()
      .welcome()
      .subscribed({ id: 1, position: log.position(0), top: 2 });
    log.say(here.link(), 0, 1);
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    expect(here.text()).toBe('!');
    log.say(here.link(), 1);
    await here.store();
    expect(textOf(log.doc())).toBe(here.text());
    expect(here.text()).toHaveLength(3);
  });

  test('work without a network is bounded by nothing, and goes out merged', async () => {
    const here = opened({}, new DocLog(), { outboxEntriesMax: 1, outboxBytesMax: 10, outboxAgeMs: 1_000 });
    here.server.link.break();
    const shape = new Y.Map<number>();
    here.board.doc.getMap('shapes').set('a', shape);
    for (let i = 0; i < 5_000; i++) shape.set('x', i);
    expect(here.board.sync.get()).toEqual({ state: 'offline', unsaved: 5_001 });
    expect(here.client.unsent.get()).toBe(5_001);
    await here.clock.advance(3_600_000);
    const link = await nextLink(here);
    follow(here);
    const update = await here.store();
    expect(update.length).toBeLessThan(200);
    expect(here.log.doc().getMap('shapes').toJSON()).toEqual({ a: { x: 4_999 } });
    expect(here.state()).toBe('synced');
    expect(here.client.unsent.get()).toBe(0);
    expect(link.inbox).toEqual([]);
  });

  test('what is larger than a payload goes in parts, each of which the server takes', async () => {
    const here = board();
    here.link().welcome({ payloadBytesMax: 1_000 });
    follow(here);
    here.type('x'.repeat(4_000));
    here.type('y');
    for (let parts = 0; here.state() !== 'synced'; parts++) {
      expect(parts).toBeLessThan(10);
      const update = await here.store();
      expect(update.length).toBeLessThan(1_000);
    }
    expect(textOf(here.log.doc())).toBe(`${'x'.repeat(4_000)}y`);
  });

  test('[A2] what the log could not be asked about is asked again under its number', async () => {
    const here = opened();
    here.type('a');
    await here.settle();
    const first = here.link().take('publish');
    here.link().refuse(first, 'unavailable');
    await here.clock.advance(1_000);
    const again = here.link().take('publish');
    expect([again.producer, again.sequence]).toEqual([first.producer, first.sequence]);
    expect(again.data).toEqual(first.data);
    here.link().ack(again, 1);
    here.log.take(again.data as Uint8Array).say(here.link(), 0);
    expect(here.state()).toBe('synced');
  });

  test('[A2] a number that the log holds and has forgotten the place of is stored', async () => {
    const here = opened();
    here.type('a');
    await here.settle();
    const frame = here.link().take('publish');
    here.link().refuse(frame, 'sequence', { expected: 2 });
    here.log.take(frame.data as Uint8Array).say(here.link(), 0);
    await here.settle();
    expect(here.state()).toBe('synced');
    expect(here.link().inbox).toEqual([]);
  });

  test('a client that is closed keeps its document, and says that edits are not stored', async () => {
    const here = opened();
    const synced = here.board.whenSynced();
    await synced;
    here.type('a');
    here.client.close();
    expect(here.board.sync.get()).toMatchObject({ state: 'offline', unsaved: 1, error: { code: 'closed' } });
    await expect(here.board.whenSynced()).rejects.toMatchObject({ code: 'closed' });
    here.type('b');
    expect(here.text()).toBe('ab');
    expect(here.state()).toBe('offline 2');
  });
});

describe('a link that is lost', () => {
  /** A client that came back after it sent an edit of which nobody knows whether it is stored. */
  async function inDoubt(): Promise<Board & { readonly data: Uint8Array }> {
    const here = opened();
    here.type('a');
    await here.settle();
    const { data } = here.link().take('publish');
    await comeBack(here);
    return { ...here, data: data as Uint8Array };
  }

  test('gutenberg #76872: an edit that was stored before its answer was lost is not stored again', async () => {
    const here = await inDoubt();
    here.log.take(here.data);
    const { start } = follow(here);
    expect(start).toEqual(here.log.position(0));
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    expect(here.state()).toBe('synced');
  });

  test('an edit that was lost on its way is sent again, with what was edited since', async () => {
    const here = await inDoubt();
    here.type('b');
    expect(here.state()).toBe('syncing 2');
    follow(here);
    expect(said(await here.store())).toBe('ab');
    expect(here.state()).toBe('synced');
  });

  test('an edit that was stored is not sent again with what was edited since', async () => {
    const here = await inDoubt();
    here.type('b');
    here.log.take(here.data);
    follow(here);
    const update = await here.store();
    expect(said(update)).toBe('');
    expect(textOf(here.log.doc())).toBe('ab');
  });

  test('an edit that was acknowledged and not yet read is looked for in the log, which may have been rolled back since', async () => {
    const here = opened();
    here.type('a');
    await here.settle();
    here.link().ack(here.link().take('publish'), 1);
    expect(here.state()).toBe('synced');
    await comeBack(here);
    expect(here.state()).toBe('syncing 1');
    follow(here);
    expect(said(await here.store())).toBe('a');
    expect(here.state()).toBe('synced');
  });

  test('[L3] on the next link nothing is sent before it was read on', async () => {
    const here = opened();
    here.type('a');
    await here.settle();
    here.link().take('publish');
    here.link().say({ type: 'bye', reason: 'restart', afterMs: 100 });
    await here.clock.advance(1_000);
    here.link().welcome();
    const next = here.link();
    expect(next.inbox.map(({ type }) => type)).toEqual(['subscribe']);
    follow(here);
    await here.store();
    expect(here.state()).toBe('synced');
  });

  test('[Y5] a log that lost what it held is given back what it lacks, by who has it, once', async () => {
    const log = append(append(new DocLog(), 'one '), 'two');
    const here = opened({}, log);
    await comeBack(here);
    const after = append(new DocLog('1e1epoch'), 'new ');
    const there = { ...here, log: after };
    follow(there, { gap: 'epoch' });
    expect(here.text()).toHaveLength(11);
    // What is given back counts as an edit.
    expect(here.state()).toBe('syncing 1');
    await here.clock.advance(1_000);
    const frame = here.link().take('publish');
    after.take(frame.data as Uint8Array);
    here.link().ack(frame, 2, after);
    after.say(here.link(), 1);
    await here.settle();
    expect(textOf(after.doc())).toBe(here.text());
    expect(here.state()).toBe('synced');
    expect(here.replaced).toEqual([]);
    expect(here.link().inbox).toEqual([]);
  });

  test('[Y5] what another gives back while this one waits for its turn is not given again', async () => {
    const log = append(append(new DocLog(), 'one '), 'two');
    const here = opened({}, log);
    await comeBack(here);
    const after = new DocLog('1e1epoch');
    follow({ ...here, log: after }, { gap: 'epoch' });
    after.append(Y.encodeStateAsUpdate(log.doc())).say(here.link(), 0);
    await here.clock.advance(1_000);
    expect(here.link().inbox).toEqual([]);
    expect(here.state()).toBe('synced');
  });

  test('[Y5] a log that was rolled back takes what it lost and what was edited since', async () => {
    const log = append(append(new DocLog(), 'one '), 'two');
    const here = opened({}, log);
    here.server.link.break();
    here.type('!');
    await here.clock.advance(1_000);
    here.link().welcome();
    const back = new DocLog();
    for (const data of log.entries.slice(0, 1)) back.take(data);
    const there = { ...here, log: append(back, 'other ') };
    follow(there, { gap: 'diverged', position: back.position(0) });
    await here.clock.advance(1_000);
    const frame = here.link().take('publish');
    back.take(frame.data as Uint8Array);
    here.link().ack(frame, 3, back);
    back.say(here.link(), 2);
    expect(textOf(back.doc())).toBe(here.text());
    expect(here.text()).toContain('two!');
    expect(here.state()).toBe('synced');
  });

  test('a link that breaks while all is read anew goes on reading from there', async () => {
    const log = append(append(new DocLog(), 'a'), 'b');
    const here = board({}, log);
    here
      .link()
      .welcome()
      .subscribed({ id: 1, position: log.position(0), top: 2 });
    log.say(here.link(), 0, 1);
    expect(here.text()).toBe('');
    await comeBack(here);
    follow(here, { position: log.position(1) });
    expect(here.text()).toBe('ab');
  });
});
