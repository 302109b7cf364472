/**
 * A timeline over a scripted server: one list out of pages, live messages and own pending ones, in order and each once,
 * whichever comes first. What is shown is read the way a user interface reads it.
 */
import { describe, expect, test } from 'vitest';
import { epoch, type Scene, type ScriptedLink, scene } from './testing/scripted.ts';
import type { Timeline, TimelineItem, TimelineOptions } from './timeline.ts';

interface Shown extends Scene {
  readonly list: Timeline<unknown>;
  readonly items: () => readonly TimelineItem<unknown>[];
  /** Each item in short: its offset or status, and its data. */
  readonly brief: () => unknown[];
  readonly unwatch: () => void;
}

function shown(options: TimelineOptions = {}, watch = true): Shown {
  const here = scene();
  const list = here.client.stream('chat/a').timeline(options);
  const unwatch = watch ? list.subscribe(() => {}) : () => {};
  const items = () => list.get().items;
  const brief = () => items().map(({ offset, status, data }) => [offset ?? status, data]);
  return { ...here, list, items, brief, unwatch };
}

const at = (offset: number, of = epoch) => ({ epoch: of, offset, check: 0 });

/** A timeline that begins with the given messages, at these offsets. */
function begun(first: number, ...payloads: unknown[]): Shown & { readonly link: ScriptedLink } {
  const here = shown({ pageSize: payloads.length });
  const link = here.server.link.welcome();
  const { start } = link.subscribed({ position: at(first - 1), top: first + payloads.length - 1 });
  expect(start).toBe(payloads.length);
  link.entries(1, first, ...payloads);
  return { ...here, link };
}

/** Answers a request for a page. */
function page(link: ScriptedLink, first: number, payloads: unknown[], more: boolean, of = epoch) {
  const frame = link.take('history');
  const entries = payloads.map((payload) => JSON.stringify(payload));
  link.say({ type: 'history', ref: frame.ref, epoch: of, first, more, stamped: false, entries });
  return frame;
}

async function reconnect({ server, clock }: Scene): Promise<ScriptedLink> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await clock.advance(250);
  return server.link.welcome();
}

describe('what it begins with', () => {
  test('[S1] the last page of the log, in one round trip', () => {
    const { brief, list, link } = begun(4, 'd', 'e', 'f');
    expect(brief()).toEqual([
      [4, 'd'],
      [5, 'e'],
      [6, 'f'],
    ]);
    expect(list.get()).toMatchObject({ hasOlder: true, loading: false });
    expect(link.inbox).toEqual([]);
  });

  test('nothing, where the log is empty', () => {
    const { list, server } = shown();
    server.link.welcome().subscribed();
    expect(list.get()).toEqual({ items: [], hasOlder: false, loading: false });
    expect(server.link.inbox).toEqual([]);
  });

  test('[S7] a page of history, where someone else is subscribed already', async () => {
    const { client, server, list, brief, settle } = shown({}, false);
    const got: unknown[] = [];
    client.stream('chat/a').onMessage(({ data }) => got.push(data));
    const link = server.link.welcome();
    link.subscribed({ position: at(2) });
    list.subscribe(() => {});
    expect(list.get()).toMatchObject({ loading: true, hasOlder: true });
    link.entries(1, 3, 'c');
    expect(page(link, 1, ['a', 'b'], false)).toMatchObject({ direction: 'before', offset: 3 });
    await settle();
    expect(brief()).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(list.get()).toMatchObject({ loading: false, hasOlder: false });
    expect(got).toEqual(['c']);
  });

  test('a listener to new messages gets none of what a timeline begins with', () => {
    const { client, server, brief } = shown({ pageSize: 2 });
    const got: unknown[] = [];
    client.stream('chat/a').onMessage(({ data }) => got.push(data));
    server.link.welcome().subscribed({ position: at(0), top: 2 });
    server.link.entries(1, 1, 'a', 'b', 'c');
    expect(brief()).toHaveLength(3);
    expect(got).toEqual(['c']);
  });
});

describe('older messages', () => {
  test('[S7] come page by page, until there are none', async () => {
    const { brief, list, link, settle } = begun(5, 'e', 'f');
    const loading = list.loadOlder(2);
    expect(list.loadOlder(2)).toBe(loading);
    expect(list.get().loading).toBe(true);
    expect(page(link, 3, ['c', 'd'], true)).toMatchObject({ offset: 5, limit: 2 });
    await loading;
    expect(list.get()).toMatchObject({ hasOlder: true, loading: false });
    void list.loadOlder();
    page(link, 1, ['a', 'b'], false);
    await settle();
    expect(brief().map((item) => (item as unknown[])[0])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(list.get().hasOlder).toBe(false);
    await list.loadOlder();
    expect(link.inbox).toEqual([]);
  });

  test('a page that does not adjoin, because the log was trimmed meanwhile, is not shown with a hole', async () => {
    const { brief, list, link, settle } = begun(9, 'i');
    void list.loadOlder();
    page(link, 9, [], false);
    await settle();
    expect(brief()).toEqual([[9, 'i']]);
    expect(list.get().hasOlder).toBe(false);
  });

  test('wait for a connection, and are asked for again on the next one', async () => {
    const here = begun(5, 'e');
    const loading = here.list.loadOlder();
    here.link.take('history');
    const link = await reconnect(here);
    link.subscribed();
    page(link, 4, ['d'], false);
    await loading;
    expect(here.brief()).toHaveLength(2);
  });

  test('a refusal rejects, and ends the loading', async () => {
    const { list, link } = begun(5, 'e');
    const loading = list.loadOlder();
    link.refuse(link.take('history'), 'forbidden');
    await expect(loading).rejects.toMatchObject({ code: 'forbidden' });
    expect(list.get()).toMatchObject({ loading: false, hasOlder: true });
  });

  test('beyond the bound the oldest leave, and can be fetched again only when there is room', async () => {
    const { server, list, brief, settle } = shown({ pageSize: 2, entriesMax: 3 });
    const link = server.link.welcome();
    link.subscribed({ position: at(0), top: 2 });
    link.entries(1, 1, 'a', 'b');
    expect(list.get().hasOlder).toBe(false);
    link.entries(1, 3, 'c', 'd');
    expect(brief()).toEqual([
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ]);
    expect(list.get().hasOlder).toBe(true);
    await list.loadOlder();
    expect(link.inbox).toEqual([]);
    await settle();
  });
});

describe('own messages', () => {
  test('[A4] show at once and snap into place under the same key, acknowledged first', () => {
    const { list, items, brief, link } = begun(1, 'a');
    void list.publish('mine');
    expect(brief()).toEqual([
      [1, 'a'],
      ['pending', 'mine'],
    ]);
    const key = items()[1]?.key;
    const publish = link.take('publish');
    link.entries(1, 2, 'b');
    link.ack(publish, 4);
    expect(brief()).toEqual([
      [1, 'a'],
      [2, 'b'],
      [4, 'mine'],
    ]);
    link.entries(1, 3, 'c', 'mine', 'e');
    expect(items().map(({ offset, own, status }) => [offset, own, status])).toEqual([
      [1, false, 'sent'],
      [2, false, 'sent'],
      [3, false, 'sent'],
      [4, true, 'sent'],
      [5, false, 'sent'],
    ]);
    expect(items()[3]?.key).toBe(key);
  });

  test('are shown once also when the entry overtakes the acknowledgement', () => {
    const { list, items, link } = begun(1, 'a');
    void list.publish('mine');
    const key = items()[1]?.key;
    link.entries(1, 2, 'mine');
    link.ack(link.take('publish'), 2);
    expect(items().map(({ offset, own }) => [offset, own])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(items()[1]?.key).toBe(key);
  });

  test('never flicker: in no view is one missing or doubled', () => {
    const { list, link } = begun(1, 'a');
    const views: number[] = [];
    list.subscribe(() => views.push(list.get().items.filter(({ data }) => data === 'mine').length));
    void list.publish('mine');
    link.ack(link.take('publish'), 2);
    link.entries(1, 2, 'mine');
    expect(new Set(views)).toEqual(new Set([1]));
  });

  test('take the time and author that the server gave them', () => {
    const { list, items, server } = shown();
    const link = server.link.welcome();
    link.subscribed({ stamped: true });
    void list.publish('mine');
    link.ack(link.take('publish'), 1);
    link.sayText('[1,1,[1700000000000,"ann","mine"]]');
    expect(items()).toMatchObject([{ offset: 1, at: 1_700_000_000_000, from: 'ann', own: true }]);
  });

  test('that fail stay, can be tried again as the newest, or taken off', async () => {
    const { list, items, brief, link, settle } = begun(1, 'a');
    const failing = list.publish('x');
    void list.publish('y');
    const [x, y] = link.takePublishes();
    if (x) link.refuse(x, 'forbidden');
    if (y) link.refuse(y, 'sequence', { expected: 1 });
    await expect(failing).rejects.toMatchObject({ code: 'forbidden' });
    expect(brief().slice(1)).toEqual([
      ['failed', 'x'],
      ['pending', 'y'],
    ]);
    const failed = items()[1];
    expect(failed?.error).toMatchObject({ code: 'forbidden' });
    failed?.retry();
    failed?.retry();
    expect(brief().slice(1)).toEqual([
      ['pending', 'y'],
      ['pending', 'x'],
    ]);
    expect(items()[2]?.key).toBe(failed?.key);
    const [y2, x2] = link.takePublishes();
    if (y2 && x2) {
      link.ack(y2, 2);
      link.refuse(x2, 'forbidden');
    }
    items()[2]?.discard();
    items()[0]?.discard();
    expect(brief().slice(1)).toEqual([[2, 'y']]);
    await settle();
  });

  test('that were published without anyone watching are there when someone does', () => {
    const { list, brief, server } = shown({ pageSize: 2 }, false);
    void list.publish('mine');
    const link = server.link.welcome();
    link.ack(link.take('publish'), 6);
    list.subscribe(() => {});
    link.subscribed({ position: at(5), top: 7 });
    link.entries(1, 6, 'mine', 'g');
    expect(brief()).toEqual([
      [6, 'mine'],
      [7, 'g'],
    ]);
  });

  test('that lie above what is shown are not shown with a hole', () => {
    const { list, brief, server } = shown({ pageSize: 2 }, false);
    void list.publish('mine');
    const link = server.link.welcome();
    link.ack(link.take('publish'), 1);
    list.subscribe(() => {});
    link.subscribed({ position: at(5), top: 7 });
    link.entries(1, 6, 'f', 'g');
    expect(brief()).toEqual([
      [6, 'f'],
      [7, 'g'],
    ]);
  });
});

describe('gaps', () => {
  test('[S4] what was shown stays until there is something newer; pending ones stay', async () => {
    const here = begun(1, 'a', 'b');
    here.server.link.break();
    void here.list.publish('mine');
    await here.clock.advance(250);
    const link = here.server.link.welcome();
    link.ack(link.take('publish'), 3, { epoch: 'later' });
    link.subscribed({ gap: 'epoch', position: at(0, 'later'), top: 3 });
    expect(here.brief()).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'mine'],
    ]);
    const key = here.items()[2]?.key;
    link.entries(1, 1, 'x', 'y');
    expect(here.brief()).toEqual([
      [1, 'x'],
      [2, 'y'],
      [3, 'mine'],
    ]);
    link.entries(1, 3, 'mine');
    expect(here.items()[2]).toMatchObject({ key, own: true });
    expect(here.list.get().hasOlder).toBe(false);
  });

  test('[S4] an empty new log empties the list', async () => {
    const here = begun(1, 'a', 'b');
    const link = await reconnect(here);
    link.subscribed({ gap: 'epoch', position: at(0, 'later') });
    expect(here.list.get()).toMatchObject({ items: [], hasOlder: false });
  });

  test.each(['diverged', 'ahead'] as const)(
    '[S4] %s: entries that are no longer in the log go',
    async (reason) => {
      const here = begun(1, 'a', 'b', 'c');
      const link = await reconnect(here);
      link.subscribed({ gap: reason, position: at(0), top: 2 });
      link.entries(1, 1, 'a', 'B');
      expect(here.brief()).toEqual([
        [1, 'a'],
        [2, 'B'],
      ]);
      link.entries(1, 3, 'C');
      expect(here.brief()).toHaveLength(3);
    },
  );

  test('[S8] a trimmed log shows no hole', () => {
    const { brief, link, list } = begun(1, 'a', 'b');
    link.say({ type: 'gap', id: 1, position: at(7), top: 9, reason: 'trimmed' });
    link.entries(1, 8, 'h', 'i');
    expect(brief()).toEqual([
      [8, 'h'],
      [9, 'i'],
    ]);
    expect(list.get().hasOlder).toBe(true);
  });

  test('a page that was under way belongs to what was shown before, and is not used', async () => {
    const { brief, link, list, settle } = begun(5, 'e');
    void list.loadOlder();
    link.say({ type: 'gap', id: 1, position: at(0, 'later'), top: 1, reason: 'epoch' });
    link.entries(1, 1, 'x');
    page(link, 4, ['d'], false);
    await settle();
    expect(brief()).toEqual([[1, 'x']]);
  });
});

test('a page under way at a gap does not keep the new list from filling up', async () => {
  const { brief, link, list, settle } = begun(5, 'e', 'f', 'g');
  void list.loadOlder();
  link.say({ type: 'gap', id: 1, position: at(8), top: 9, reason: 'trimmed' });
  link.entries(1, 9, 'i');
  page(link, 4, ['d'], false);
  page(link, 7, ['g', 'h'], false);
  await settle();
  expect(brief()).toEqual([
    [7, 'g'],
    [8, 'h'],
    [9, 'i'],
  ]);
});

describe('watching', () => {
  test('a view that is unmounted and mounted again in one turn keeps what it shows', async () => {
    const { list, link, unwatch, brief, settle } = begun(1, 'a');
    unwatch();
    list.subscribe(() => {});
    await settle();
    link.entries(1, 2, 'b');
    expect(brief()).toHaveLength(2);
    expect(link.inbox).toEqual([]);
  });

  test('nobody watching ends the subscription; coming back begins with the last page, what is known keeps its key', async () => {
    const { list, link, unwatch, items, brief, settle } = begun(1, 'a', 'b');
    unwatch();
    unwatch();
    await settle();
    await settle();
    link.take('unsubscribe');
    const key = items()[1]?.key;
    list.subscribe(() => {});
    link.subscribed({ position: at(1), top: 3 });
    link.entries(1, 2, 'b', 'c');
    expect(brief()).toEqual([
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(items()[0]?.key).toBe(key);
  });

  test('the view is the same object until something changes', () => {
    const { list, link } = begun(1, 'a');
    const view = list.get();
    link.say({ type: 'heartbeat', heads: [] });
    link.entries(1, 1, 'a');
    expect(list.get()).toBe(view);
  });
});
