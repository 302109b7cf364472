/**
 * What happened to others' documents in the field, played here: each test is named after where it was told. What is asserted is
 * that it can't happen to a document that follows a log.
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
  opened,
  textOf,
  written,
} from './testing/board.ts';
import { Shelf } from './testing/shelf.ts';
import './doc/keeper.ts';

const append = (log: DocLog, text: string) =>
  log.append(edit(log, (doc) => doc.getText('text').insert(doc.getText('text').length, text)));

/** Everything that a log says, read from an offset on by somebody who has what was before. */
function readFrom(log: DocLog, offset: number): string {
  const doc = log.doc(offset);
  for (const data of log.entries.slice(offset)) Y.applyUpdate(doc, readDocEntry(data).update);
  return textOf(doc);
}

/** A client that works offline on a document, after its log said that. */
async function offline(text: string): Promise<Board> {
  const here = opened({}, append(new DocLog(), text));
  here.server.link.break();
  return here;
}

/** It comes back, and what it has is stored. */
async function back(here: Board): Promise<void> {
  while (here.server.links.length < 2) await here.clock.advance(250);
  here.link().welcome();
  follow(here, { position: here.log.position(1) });
  while (here.board.sync.get().state !== 'synced') await here.store();
}

describe('from the field', () => {
  test('hocuspocus #1151: what one client gives back to a log takes nothing from those who are behind', async () => {
    const log = append(append(new DocLog(), 'first '), 'draft');
    const here = opened({}, log);
    await comeBack(here);
    // The log was rolled back, and somebody who was there then has written since.
    const after = new DocLog();
    after.take(log.entries[0] as Uint8Array);
    after.append(edit(after, (doc) => doc.getText('text').insert(0, 'brand new ')));
    follow({ ...here, log: after }, { gap: 'diverged', position: after.position(0) });
    here.board.doc.getText('text').delete(here.text().indexOf('first'), 5);
    await here.clock.advance(1_000);
    const frame = here.link().take('publish');
    after.take(frame.data as Uint8Array);
    // Whoever reads on, from wherever, comes to what all have: offsets order what is addressed to nobody.
    for (const offset of [0, 1, 2, 3]) expect(readFrom(after, offset)).toBe(here.text());
    expect(here.text()).toContain('brand new');
    expect(here.text()).toContain('draft');
  });

  test('gutenberg #75682: a snapshot is what the log came to at one offset; beside entries that it covers nothing is doubled', async () => {
    const log = append(append(append(new DocLog(), 'one '), 'two '), 'three ');
    const here = opened({}, log);
    here.type('mine ');
    await comeBack(here);
    append(log, 'four ');
    here.link().subscribed({ id: 1, position: log.position(3), top: 4 });
    log.saySnapshot(here.link(), 4);
    log.say(here.link(), 2);
    await here.store();
    expect(here.text()).toBe(textOf(log.doc()));
    for (const word of ['one', 'two', 'three', 'four', 'mine'])
      expect(here.text().split(word)).toHaveLength(2);
  });

  test('gutenberg #77980: one tab makes its records one; what another did offline stays, and is stored', async () => {
    const shelf = new Shelf();
    const log = new DocLog();
    const tabs = [1, 2].map((seed) => board({ persist: shelf }, log, { seed }));
    const [one, two] = tabs as [Board, Board];
    for (let i = 0; i < 4; i++) await one.settle();
    for (const tab of tabs) {
      tab.link().welcome();
      follow(tab);
    }
    two.server.link.break();
    two.type('offline');
    for (let i = 0; i < 210; i++) {
      append(log, 'x').say(one.link(), i);
      await one.settle();
    }
    expect(shelf.log.length).toBeLessThan(20);
    expect(shelf.edits.size).toBe(1);
    two.client.close();
    await two.settle();
    const three = board({ persist: shelf }, log, { seed: 3 });
    for (let i = 0; i < 4; i++) await three.settle();
    three.link().welcome();
    follow(three, { position: log.position(Number(shelf.place?.position.offset)) });
    await three.store();
    expect(textOf(log.doc())).toContain('offline');
    await three.settle();
    expect(shelf.edits.size).toBe(0);
  });

  test('yjs #283: what was typed and deleted without a network is not sent', async () => {
    const here = await offline('text');
    const text = here.board.doc.getText('text');
    for (let i = 0; i < 2_000; i++) {
      text.insert(4, 'never to be seen ');
      text.delete(4, 17);
    }
    await back(here);
    expect(here.log.entries.at(-1)?.length).toBeLessThan(100);
    expect(textOf(here.log.doc())).toBe('text');
  });

  test('yjs: state vectors ignore deletions: one that was only deleted from is stored', async () => {
    const here = await offline(`text${'x'.repeat(80)}`);
    for (let i = 0; i < 80; i++) here.board.doc.getText('text').delete(4, 1);
    expect(here.state()).toBe('offline 80');
    await back(here);
    expect(textOf(here.log.doc())).toBe('text');
  });

  test('hocuspocus #682: an entry that is lost on its way hides nothing that its author writes later', async () => {
    const author = new Y.Doc();
    const log = new DocLog();
    author.on('update', (update: Uint8Array) => log.append(update));
    for (const letter of 'abcd') author.getText('text').insert(author.getText('text').length, letter);
    const here = board({}, log);
    here
      .link()
      .welcome()
      .subscribed({ id: 1, position: log.position(0), top: 1 });
    log.say(here.link(), 0, 1);
    log.say(here.link(), 2);
    expect([here.text(), here.state()]).toEqual(['a', 'syncing']);
    follow(here, { position: log.position(1) });
    expect([here.text(), here.state()]).toEqual(['abcd', 'synced']);
  });

  test('gutenberg: one copy that comes back from sleep after each edit of another stores nothing by that', async () => {
    const log = append(new DocLog(), 'a');
    const here = opened({}, log);
    for (let i = 1; i < 20; i++) {
      await comeBack(here);
      append(log, 'b');
      follow(here, { position: log.position(i) });
      await here.settle();
      expect(here.link().inbox).toEqual([]);
    }
    expect(here.text()).toBe(textOf(log.doc()));
  });

  test('yjs #196: a client that has its own idea of what a new document says adds it once, and is told of the log’s', async () => {
    const template = () => {
      const doc = new Y.Doc();
      doc.getText('text').insert(0, 'Title');
      return doc;
    };
    const seeded = new DocLog().begin(new Uint8Array(16).fill(7), written('Title'));
    const here = opened({ doc: template() }, seeded);
    await here.settle();
    expect([here.text(), here.replaced.map(({ reason }) => reason)]).toEqual(['Title', ['lineage']]);
    expect(here.link().inbox).toEqual([]);
  });
});
