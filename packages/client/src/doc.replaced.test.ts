/**
 * Documents that take the place of others, with a scripted server: the log holds another one, an edit is refused for good, or the
 * application brings its own. What is not merged is handed out, and nothing goes on as if it were stored.
 */
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
  opened,
  textOf,
  written,
} from './testing/board.ts';

const append = (log: DocLog, text: string) =>
  log.append(edit(log, (doc) => doc.getText('text').insert(doc.getText('text').length, text)));

describe('another document', () => {
  test('[Y4] thinkroom #124: a document that was made anew is not merged with the old copy, which is handed out', async () => {
    const log = new DocLog().begin(lineage(1), written('Title'));
    const here = opened({}, log);
    const before = here.board.doc;
    await comeBack(here);
    const after = new DocLog('1e1epoch').begin(lineage(2), written('Title'));
    follow({ ...here, log: after }, { gap: 'epoch' });
    expect(here.text()).toBe('Title');
    expect(here.board.doc).not.toBe(before);
    expect(here.board.current.get()).toBe(here.board.doc);
    expect(here.replaced).toEqual([{ reason: 'lineage', before, after: here.board.doc }]);
    await here.clock.advance(1_000);
    expect(here.link().inbox).toEqual([]);
    expect(here.state()).toBe('synced');
    expect(here.errors).toEqual([]);
  });

  test('[Y3] [Y5] one that was seeded anew, after its log was lost, is the same document: nothing is doubled or lost', async () => {
    const seed = written('Title');
    const here = opened({}, append(new DocLog().begin(lineage(1), seed), ' more'));
    await comeBack(here);
    const after = new DocLog('1e1epoch').begin(lineage(1), seed);
    const there = { ...here, log: after };
    follow(there, { gap: 'epoch' });
    await here.clock.advance(1_000);
    const frame = here.link().take('publish');
    after.take(frame.data as Uint8Array);
    expect(textOf(after.doc())).toBe('Title more');
    expect(here.text()).toBe('Title more');
    expect(here.replaced).toEqual([]);
  });

  test('[Y4] replaced while it is watched: edits that were not stored are in what is handed out, and told', async () => {
    const log = append(new DocLog(), 'old');
    const here = opened({}, log);
    here.type('!');
    await here.settle();
    const frame = here.link().take('publish');
    here.type('?');
    log.begin(lineage(2), written('new'));
    append(log, ' text').say(here.link(), 1);
    expect(here.text()).toBe('new text');
    expect(here.replaced.map(({ reason, before }) => [reason, textOf(before)])).toEqual([
      ['lineage', 'old!?'],
    ]);
    await here.settle();
    expect(here.errors).toMatchObject([
      { code: 'precondition', message: expect.stringContaining('2 unsaved edits') },
    ]);
    // What becomes of the old edit is nothing to the new document.
    here.link().ack(frame, 4);
    expect(here.state()).toBe('synced');
    here.type('.');
    await here.store();
    expect(textOf(log.doc())).toBe('new text.');
  });

  test('[S9] [Y4] who comes back to a snapshot of another document takes that', async () => {
    const log = append(new DocLog(), 'old');
    const here = opened({}, log);
    await comeBack(here);
    log.begin(lineage(2), written('new'));
    here.link().subscribed({ id: 1, position: log.position(1), top: 2 });
    log.saySnapshot(here.link(), 2);
    expect([here.text(), here.replaced.map(({ reason }) => reason)]).toEqual(['new', ['lineage']]);
  });

  test('[Y4] a log that is empty is no other document: it takes what there is', async () => {
    const here = opened({}, new DocLog().begin(lineage(1), written('all')));
    await comeBack(here);
    const after = new DocLog('1e1epoch');
    follow({ ...here, log: after }, { gap: 'epoch' });
    await here.clock.advance(1_000);
    after.take(here.link().take('publish').data as Uint8Array);
    expect(textOf(after.doc())).toBe('all');
    expect(here.replaced).toEqual([]);
  });
});

describe('an edit that is refused', () => {
  /** A client that was told that it may not edit what it edited; the log is read anew. */
  async function refused(code: 'forbidden' | 'quarantined' | 'bad_payload'): Promise<Board> {
    const here = opened({}, append(new DocLog(), 'said'));
    here.type('!');
    await here.settle();
    const frame = here.link().take('publish');
    here.type('?');
    here.link().refuse(frame, code);
    return here;
  }

  test('[Y6] read-only: the document is what the log says again, and the old one is handed out with its edits', async () => {
    const here = await refused('forbidden');
    const before = here.board.doc;
    expect(here.board.sync.get()).toMatchObject({
      state: 'read-only',
      unsaved: 2,
      error: { code: 'forbidden' },
    });
    expect(follow(here).start).toBe(Number.MAX_SAFE_INTEGER);
    expect(here.text()).toBe('said');
    expect(here.board.doc.clientID).not.toBe(before.clientID);
    expect(here.replaced.map(({ reason, before }) => [reason, textOf(before)])).toEqual([
      ['read-only', 'said!?'],
    ]);
    expect(here.state()).toBe('read-only');
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    expect(here.errors).toMatchObject([{ code: 'forbidden' }]);
    await expect(here.board.whenSynced()).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('[Y6] the next edit is tried, and when it is taken all is well again', async () => {
    const here = await refused('forbidden');
    follow(here);
    here.type('.');
    expect(here.state()).toBe('read-only 1');
    await here.store();
    expect(here.state()).toBe('synced');
    expect(textOf(here.log.doc())).toBe('said.');
  });

  test('[Y6] what is edited before the log was read anew is handed out too, and never stored', async () => {
    const here = await refused('bad_payload');
    expect(here.state()).toBe('rejected 2');
    here.type('...');
    await here.settle();
    const frame = here.link().take('subscribe');
    expect(here.link().inbox).toEqual([]);
    here.link().inbox.push(frame);
    follow(here);
    expect(here.replaced.map(({ reason, before }) => [reason, textOf(before)])).toEqual([
      ['rejected', 'said!?...'],
    ]);
    expect(here.text()).toBe('said');
    await here.settle();
    expect(here.link().inbox).toEqual([]);
  });

  test('[Y6] [Y7] a document in quarantine is shown and can not be edited; on the next link it may be out of it', async () => {
    const here = await refused('quarantined');
    await comeBack(here);
    expect(here.state()).toBe('read-only 2');
    follow(here);
    expect(here.board.sync.get()).toMatchObject({
      state: 'read-only',
      unsaved: 0,
      error: { code: 'quarantined' },
    });
    expect(here.text()).toBe('said');
    expect(here.replaced.map(({ reason, before }) => [reason, textOf(before)])).toEqual([
      ['read-only', 'said!?'],
    ]);
    await comeBack(here);
    follow(here, { position: here.log.position(1) });
    expect(here.state()).toBe('synced');
  });

  test.each(['quarantined', 'forbidden'] as const)(
    '[Y4] [Y7] another document in the place of one that takes no edits takes them, unless nobody asked the document: %s',
    async (code) => {
      const here = await refused(code);
      follow(here);
      here.log.begin(lineage(2), written('new')).say(here.link(), 1);
      expect(here.text()).toBe('new');
      expect(here.state()).toBe(code === 'forbidden' ? 'read-only' : 'synced');
    },
  );

  test('[Y4] [Y7] and so it is when both are learnt at once', async () => {
    const here = await refused('quarantined');
    here.log.begin(lineage(2), written('new'));
    follow(here);
    expect(here.replaced.map(({ reason, before }) => [reason, textOf(before)])).toEqual([
      ['read-only', 'said!?'],
    ]);
    expect([here.text(), here.state()]).toEqual(['new', 'synced']);
  });

  test('[Y6] one value that can not go in parts is refused without being sent', async () => {
    const here = board({}, append(new DocLog(), 'said'));
    here.link().welcome({ payloadBytesMax: 1_000 });
    follow(here);
    here.board.doc.getMap('shapes').set('a', 'x'.repeat(2_000));
    await here.settle();
    expect(here.board.sync.get()).toMatchObject({ state: 'rejected', error: { code: 'payload_too_large' } });
    follow(here);
    expect(here.replaced.map(({ before }) => before.getMap('shapes').has('a'))).toEqual([true]);
    expect([here.text(), here.board.doc.getMap('shapes').size]).toEqual(['said', 0]);
  });

  test('a channel that may not be read is rejected, and says why', () => {
    const here = board();
    const link = here.link().welcome();
    link.refuse(link.take('subscribe'), 'forbidden');
    expect(here.board.sync.get()).toMatchObject({ state: 'rejected', error: { code: 'forbidden' } });
  });
});

describe('a document of the application', () => {
  const given = (text: string): Y.Doc => {
    const doc = new Y.Doc();
    doc.getText('text').insert(0, text);
    return doc;
  };

  test('what it holds is published like an edit, where the log begins with nothing of its own', async () => {
    const doc = given('mine ');
    const here = opened({ doc }, append(new DocLog(), 'theirs'));
    expect(here.board.doc).toBe(doc);
    await here.store();
    expect(here.text()).toBe(textOf(here.log.doc()));
    expect(here.text()).toHaveLength(11);
    expect(here.state()).toBe('synced');
  });

  test('what the log holds of it already is not published again', async () => {
    const log = append(new DocLog(), 'known');
    const here = opened({ doc: log.doc() }, log);
    await here.settle();
    expect(here.link().inbox).toEqual([]);
    expect(here.state()).toBe('synced');
  });

  test('[Y4] where the log begins with content of its own that takes its place, and it is handed out', async () => {
    const doc = given('mine');
    const here = opened({ doc }, new DocLog().begin(lineage(1), written('seed')));
    expect(here.text()).toBe('seed');
    expect(here.replaced.map(({ reason, before }) => [reason, before === doc])).toEqual([['lineage', true]]);
    await here.settle();
    expect(here.link().inbox).toEqual([]);
  });

  test('an empty one that is edited before the log was read is of no other document: edits are added', async () => {
    const here = board({ doc: new Y.Doc() }, new DocLog().begin(lineage(1), written('seed')));
    here.type('!');
    here.link().welcome();
    follow(here);
    await here.store();
    expect(here.text()).toHaveLength(5);
    expect(textOf(here.log.doc())).toBe(here.text());
    expect(here.replaced).toEqual([]);
  });

  test('one of another copy of yjs is refused with a sentence that says so', () => {
    const { client } = board();
    const doc = { clientID: 1, getText: () => {} } as object as Y.Doc;
    expect(() => client.doc('board/b', { doc })).toThrow(/same copy of yjs/);
  });

  test('a channel is made once; options count the first time', () => {
    const { client } = board();
    const doc = new Y.Doc();
    const one = client.doc('board/b', { doc });
    expect(client.doc('board/b')).toBe(one);
    expect(one.doc).toBe(doc);
  });
});
