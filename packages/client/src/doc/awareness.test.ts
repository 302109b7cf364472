/**
 * The awareness of a document with a scripted server: what this client says of itself and when, whom it shows, and which events that
 * makes for bindings. The companion's log is written out in each test.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Board, board, comeBack, DocLog, follow, lineage, written } from '../testing/board.ts';
import type { ScriptedLink } from '../testing/scripted.ts';

afterEach(() => void vi.useRealTimers());

interface Crowd extends Board {
  /** What `change` told: ids added, updated and removed, and whether it came from others. */
  readonly changes: unknown[];
  /** States of others, by their numbers. */
  readonly others: () => Record<string, unknown>;
  /** Somebody enters, has other data, or leaves. */
  readonly say: (key: string, ...data: unknown[]) => void;
  readonly link: () => ScriptedLink;
}

const companion = 2;

/** A client that follows a document with nobody in it. */
async function crowd(log = new DocLog()): Promise<Crowd> {
  const here = board({}, log);
  const changes: unknown[] = [];
  const { board: channel } = here;
  const watch = () =>
    channel.awareness.on('change', ({ added, updated, removed }: Record<string, number[]>, origin: unknown) =>
      changes.push([added, updated, removed, origin === channel ? 'others' : origin]),
    );
  watch();
  here.link().welcome();
  follow(here);
  joined(here.link());
  await here.settle();
  let offset = 0;
  const say = (key: string, ...data: unknown[]) => {
    offset++;
    here.link().entries(companion, offset, [1_000 + offset, null, [key, ...data]]);
  };
  const others = () =>
    Object.fromEntries([...channel.awareness.getStates()].filter(([id]) => id !== channel.doc.clientID));
  return { ...here, changes, others, say };
}

function joined(link: ScriptedLink): void {
  link.subscribed({ id: companion, stamped: true });
}

/** Answers the next `enter`, which must say that. */
async function entered(here: Board, data: unknown): Promise<void> {
  await here.clock.advance(50);
  const frame = here.link().take('enter');
  expect(JSON.parse(frame.data)).toEqual(data);
  here.link().say({ type: 'entered', ref: frame.ref, key: 'own' });
}

/** The next link comes, on which the document and its companion go on. */
async function hearAgain(here: Crowd): Promise<void> {
  const before = here.server.links.length;
  while (here.server.links.length === before) await here.clock.advance(250);
  here.link().welcome();
  const subscribes = here.link().inbox.splice(0);
  for (const frame of subscribes) {
    here.link().inbox.push(frame);
    if (frame.type === 'subscribe')
      here
        .link()
        .subscribed(frame.channel.endsWith('presence') ? { id: companion, stamped: true } : { id: 1 });
  }
}

describe('what this client says', () => {
  test('nothing until something is set; then its number and state, each time it changes, until that is null', async () => {
    const here = await crowd();
    const { awareness, doc } = here.board;
    expect(awareness.clientID).toBe(doc.clientID);
    await here.clock.advance(1_000);
    expect(here.link().inbox).toEqual([]);
    awareness.setLocalStateField('user', 'Ada');
    await entered(here, { clientId: doc.clientID, state: { user: 'Ada' } });
    awareness.setLocalStateField('cursor', 1);
    awareness.setLocalStateField('cursor', 2);
    awareness.setLocalStateField('cursor', 3);
    await entered(here, { clientId: doc.clientID, state: { user: 'Ada', cursor: 1 } });
    await entered(here, { clientId: doc.clientID, state: { user: 'Ada', cursor: 3 } });
    awareness.setLocalState(null);
    await here.clock.advance(50);
    here.link().take('leave');
  });

  test('what was set before the document is followed is said then; it is taken back when nobody follows any more', async () => {
    const here = await crowd();
    here.board.awareness.setLocalState({ user: 'Ada' });
    await entered(here, expect.objectContaining({ state: { user: 'Ada' } }));
    here.say('k1', { clientId: 11, state: { user: 'Mira' } });
    here.close();
    await here.clock.advance(50);
    expect(
      here
        .link()
        .inbox.map(({ type }) => type)
        .sort(),
    ).toEqual(['leave', 'unsubscribe', 'unsubscribe']);
    expect(here.others()).toEqual({});
    expect(here.board.awareness.getLocalState()).toEqual({ user: 'Ada' });
    here.link().inbox.length = 0;
    here.board.awareness.setLocalState({ user: 'Ada', at: 'home' });
    await here.clock.advance(50);
    expect(here.link().inbox).toEqual([]);
    here.board.open();
    await here.clock.advance(50);
    expect(
      here
        .link()
        .inbox.map(({ type }) => type)
        .sort(),
    ).toEqual(['enter', 'subscribe', 'subscribe']);
    const said = here.link().inbox.flatMap((frame) => (frame.type === 'enter' ? JSON.parse(frame.data) : []));
    expect(said).toEqual([expect.objectContaining({ state: { user: 'Ada', at: 'home' } })]);
  });

  test('[N4] on another link it is said again, so that the server knows that it is still there', async () => {
    const here = await crowd();
    here.board.awareness.setLocalState({ user: 'Ada' });
    await entered(here, expect.anything());
    await comeBack(here);
    expect(here.link().inbox.map(({ type }) => type)).toContain('enter');
  });

  test('a refusal is told, and the document goes on', async () => {
    const here = await crowd();
    here.board.awareness.setLocalState({ user: 'Ada' });
    await here.clock.advance(50);
    here.link().refuse(here.link().take('enter'), 'forbidden');
    await here.settle();
    expect(here.errors).toMatchObject([{ code: 'forbidden' }]);
    expect(here.state()).toBe('synced');
  });
});

describe('whom it shows', () => {
  test('who comes, moves and leaves, with the events that bindings know', async () => {
    const here = await crowd();
    here.say('k1', { clientId: 11, state: { cursor: 1 } });
    here.say('k1', { clientId: 11, state: { cursor: 2 } });
    expect(here.others()).toEqual({ 11: { cursor: 2 } });
    expect(here.board.awareness.meta.get(11)?.clock).toBe(2);
    here.say('k1');
    expect(here.others()).toEqual({});
    expect(here.changes).toEqual([
      [[11], [], [], 'others'],
      [[], [11], [], 'others'],
      [[], [], [11], 'others'],
    ]);
  });

  test('[N1] a number is that of whoever came with it first; who came second has it when the first is gone', async () => {
    const here = await crowd();
    here.say('k1', { clientId: 11, state: { user: 'Mira' } });
    here.say('k2', { clientId: 11, state: { user: 'Eve' } });
    here.say('k3', { clientId: here.board.doc.clientID, state: { user: 'Eve' } });
    expect(here.others()).toEqual({ 11: { user: 'Mira' } });
    expect(here.board.awareness.getLocalState()).toEqual({});
    here.say('k1', { clientId: 12, state: { user: 'Mira' } });
    expect(here.others()).toEqual({ 12: { user: 'Mira' }, 11: { user: 'Eve' } });
    expect(here.changes.slice(1)).toEqual([[[12], [11], [], 'others']]);
    here.say('k2');
    expect(here.others()).toEqual({ 12: { user: 'Mira' } });
  });

  test('what is no awareness is nobody', async () => {
    const here = await crowd();
    const odd = [
      null,
      1,
      'x',
      [],
      {},
      { clientId: 1 },
      { clientId: 1.5, state: {} },
      { clientId: 1, state: null },
    ];
    for (const [i, data] of odd.entries()) here.say(`k${i}`, data);
    here.say('k0', { clientId: 11, state: {} });
    here.say('k0', 'no more');
    expect(here.others()).toEqual({});
    expect(here.changes).toHaveLength(2);
  });

  test('its own entry is not shown as somebody else’s, whatever number it went by', async () => {
    const here = await crowd();
    here.board.awareness.setLocalState({ user: 'Ada' });
    await entered(here, expect.anything());
    here.say('own', { clientId: 99, state: { user: 'Ada' } });
    expect(here.others()).toEqual({});
  });

  test('hocuspocus #1156: no timer makes it forget who stays the same, or say the same again', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    const here = await crowd();
    here.board.awareness.setLocalState({ user: 'Ada' });
    await entered(here, expect.anything());
    here.say('k1', { clientId: 11, state: { user: 'Mira' } });
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(3_600_000);
    expect(here.others()).toEqual({ 11: { user: 'Mira' } });
    await here.clock.advance(1_000);
    expect(here.link().inbox).toEqual([]);
  });

  test('while there is no link all stay for 30 s; then nobody is shown until something is heard again', async () => {
    const here = await crowd();
    here.say('k1', { clientId: 11, state: { user: 'Mira' } });
    here.server.link.break();
    await here.clock.advance(29_000);
    expect(here.others()).toEqual({ 11: { user: 'Mira' } });
    await here.clock.advance(2_000);
    expect(here.others()).toEqual({});
    await hearAgain(here);
    expect(here.others()).toEqual({ 11: { user: 'Mira' } });
  });

  test('links that are lost for 20 s, one after the other, take nobody away', async () => {
    const here = await crowd();
    here.say('k1', { clientId: 11, state: { user: 'Mira' } });
    for (let times = 0; times < 2; times++) {
      here.server.link.break();
      await here.clock.advance(20_000);
      expect(here.others()).toEqual({ 11: { user: 'Mira' } });
      await hearAgain(here);
    }
    await here.clock.advance(15_000);
    expect(here.others()).toEqual({ 11: { user: 'Mira' } });
  });
});

test('[Y4] with another document comes another awareness, which says and shows the same', async () => {
  const log = new DocLog();
  log.append(written('old'));
  const here = await crowd(log);
  const { awareness, doc } = here.board;
  awareness.setLocalState({ user: 'Ada' });
  await entered(here, { clientId: doc.clientID, state: { user: 'Ada' } });
  here.say('k1', { clientId: 11, state: { user: 'Mira' } });
  let destroyed = 0;
  awareness.on('destroy', () => destroyed++);
  log.begin(lineage(1), written('new')).say(here.link(), 1);
  expect(destroyed).toBe(1);
  expect(here.board.awareness).not.toBe(awareness);
  expect(here.board.awareness.doc).toBe(here.board.doc);
  expect(here.board.awareness.getLocalState()).toEqual({ user: 'Ada' });
  expect(here.others()).toEqual({ 11: { user: 'Mira' } });
  await entered(here, { clientId: here.board.doc.clientID, state: { user: 'Ada' } });
});

test('a client that is closed leaves, and says nothing more', async () => {
  const here = await crowd();
  here.board.awareness.setLocalState({ user: 'Ada' });
  await entered(here, expect.anything());
  here.client.close();
  here.board.awareness.setLocalState({ user: 'nobody hears' });
  await here.settle();
  expect(here.link().inbox.map(({ type }) => type)).toContain('leave');
  expect(here.errors).toEqual([]);
});
