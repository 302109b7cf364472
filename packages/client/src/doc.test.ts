/**
 * Documents with a scripted server: what is shown, what is sent and what is told, for everything that a log and a link can do. What
 * the server says is written out in each test; whether copies agree is seen with Yjs.
 */
import { describe, expect, test } from 'vitest';
import type * as Y from 'yjs';
import { board, comeBack, DocLog, edit, follow, lineage, opened, textOf, written } from './testing/board.ts';

describe('reading', () => {
  test('an empty log is synced at once, and an edit goes out, is stored, and is said', async () => {
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
    log.append(edit(log, (doc) => doc.getText('text').insert(5, ' world')));
    log.say(here.link(), 1);
    expect(here.text()).toBe('hello world');
    expect(origins).toEqual([true, false]);
    expect(here.state()).toBe('synced');
  });
});
