/**
 * The chat example in a real Chromium, with a real server process that is killed: what people type reaches everybody once
 * and in order. Every wait is for something that the page shows.
 */
import { createClient } from '@syncline/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { channels } from '../../examples/chat/channels.ts';
import { noBrowser, openBrowser } from './chromium.ts';
import { openWindow, runForAll, type Served } from './examples.ts';

describe.skipIf(noBrowser)('chat in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  const served = runForAll();
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test('a server killed while two people type: all of it arrives at both, once and in order', async () => {
    const server = served();
    const room = inRoom(server);
    const [ada, mira] = await joinBoth(browser, room);
    const typing = [type(ada, numbered('ada', 1, 20)), type(mira, numbered('mira', 1, 20))];
    await Promise.all([shown(ada, 'mira 6'), shown(mira, 'ada 6')]);
    await server.kill();
    await Promise.all(typing);
    for (const page of [ada, mira]) {
      await page.getByText(/^Offline since .+, \d+ to send$/).waitFor();
      expect(await texts(page, '.pending')).not.toEqual([]);
    }
    await server.restart();
    await Promise.all([type(ada, numbered('ada', 21, 24)), type(mira, numbered('mira', 21, 24))]);
    await Promise.all([ada, mira].map((page) => settled(page, 48)));
    const log = await texts(ada);
    expect(await texts(mira)).toEqual(log);
    expect(log.filter((text) => text.startsWith('ada'))).toEqual(numbered('ada', 1, 24));
    expect(log.filter((text) => text.startsWith('mira'))).toEqual(numbered('mira', 1, 24));
    await ada.getByText('Live', { exact: true }).waitFor();
    // Whoever comes later reads the same, and after a reload one's own messages are still one's own.
    const late = await join(browser, room, 'Jonas');
    await scrollUp(late, 48);
    expect(await texts(late)).toEqual(log);
    expect(await texts(late, '.own')).toEqual([]);
    await ada.reload();
    await scrollUp(ada, 48);
    expect(await texts(ada, '.own')).toEqual(numbered('ada', 1, 24));
  });

  test('history loads upward, and what is on the screen stays where it is', async () => {
    const room = inRoom(served());
    await room.write(numbered('line', 1, 250));
    const page = await join(browser, room, 'Ada');
    await settled(page, 100);
    await shown(page, 'line 250');
    const moved = await page.evaluate(async () => {
      const list = document.querySelector('ol');
      const scroller = list?.parentElement;
      const row = [...document.querySelectorAll('.text')].find((text) => text.textContent === 'line 160');
      if (!list || !scroller || !row) return Number.NaN;
      const grown = new Promise<void>((resolve) => {
        new MutationObserver(() => list.childElementCount > 150 && resolve()).observe(list, {
          childList: true,
        });
      });
      scroller.scrollTop = scroller.clientHeight - scroller.scrollHeight + 200;
      const before = row.getBoundingClientRect().top;
      await grown;
      return row.getBoundingClientRect().top - before;
    });
    expect(Math.abs(moved)).toBeLessThan(2);
    await scrollUp(page, 250);
    expect(await texts(page)).toEqual(numbered('line', 1, 250));
    await page.getByText('Beginning of the history').waitFor();
  });

  test('who reads above is not moved, and is told what is new below', async () => {
    const room = inRoom(served());
    await room.write(numbered('line', 1, 60));
    const page = await join(browser, room, 'Ada');
    await settled(page, 60);
    await page.evaluate(() => document.querySelector('ol')?.parentElement?.scrollTo({ top: -700 }));
    const button = page.getByRole('button', { name: 'Latest' });
    await button.waitFor();
    const top = await topOf(page, 'line 30');
    await room.write(['news 1', 'news 2']);
    await page.getByRole('button', { name: '2 new' }).waitFor();
    expect(await topOf(page, 'line 30')).toBeCloseTo(top, 0);
    await page.getByRole('button', { name: '2 new' }).click();
    await page.getByRole('button', { name: 'new' }).waitFor({ state: 'hidden' });
    await page.getByText('New', { exact: true }).waitFor();
    await type(page, ['mine']);
    await settled(page, 63);
    expect(await page.evaluate(() => document.querySelector('ol')?.parentElement?.scrollTop)).toBe(0);
  });

  test('[W1] [W2] five lines without the SDK chat with the page', async () => {
    const room = inRoom(served(), 'lobby');
    const ada = await join(browser, room, 'Ada');
    const other = await join(browser, room, 'Mira');
    await other.evaluate(() => {
      const socket = new WebSocket(`ws://${location.host}/chat`);
      const heard: string[] = [];
      socket.onmessage = ({ data }) => heard.push(JSON.parse(data).text);
      socket.onopen = () => socket.send(JSON.stringify({ name: 'Plain', text: 'five lines' }));
      Object.assign(window, { heard });
    });
    await shown(ada, 'five lines');
    expect(await texts(ada, '.own')).toEqual([]);
    await type(ada, ['welcome']);
    await other.waitForFunction(() => 'heard' in window && String(window.heard) === 'welcome');
  });

  test('a message is shown as it was typed, and never becomes part of the page', async () => {
    const room = inRoom(served());
    const [ada, mira] = await joinBoth(browser, room);
    const hostile =
      '<img src=x onerror="document.title=1"><b>bold</b> &amp; <script>document.title=2</script>';
    await type(ada, [hostile]);
    await ada.getByLabel(`Message ${room.name}`).fill('two');
    await ada.keyboard.press('Shift+Enter');
    await ada.keyboard.type('lines');
    await ada.keyboard.press('Enter');
    await settled(mira, 2);
    expect(await texts(mira)).toEqual([hostile, 'two\nlines']);
    expect(await mira.locator('main :is(img, b b, script)').count()).toBe(0);
    expect(await mira.title()).toContain(room.name);
  });

  test('rooms are opened by name and everybody sees them; a message stays in its room', async () => {
    const room = inRoom(served());
    const [ada, mira] = await joinBoth(browser, room);
    for (const name of ['Empty', 'Büro & Garten']) {
      await ada.getByLabel('New room').fill(name);
      await ada.keyboard.press('Enter');
    }
    await type(ada, ['only here'], 'buro-garten');
    await mira.getByRole('link', { name: 'buro-garten' }).click();
    await shown(mira, 'only here');
    await mira.getByRole('link', { name: 'empty' }).click();
    await mira.getByText('Nothing here yet').waitFor();
    expect(await texts(mira)).toEqual([]);
  });

  test('who is here, who types, and how far each has read', async () => {
    const room = inRoom(served());
    const [ada, mira] = await joinBoth(browser, room);
    await ada.getByTitle('Here: you and Mira').waitFor();
    await mira.getByTitle('Here: you and Ada').waitFor();
    await mira.getByLabel(`Message ${room.name}`).fill('I am');
    await ada.getByText('Mira is typing …').waitFor();
    await type(mira, ['I am here', 'and there']);
    await ada.getByText('Mira is typing …').waitFor({ state: 'hidden' });
    // Ada's window shows the last message, so Mira is told that Ada has read up to there.
    await mira.locator('.message', { hasText: 'and there' }).getByTitle('Ada has read up to here').waitFor();
    await mira.context().close();
    await ada.getByTitle('Here: you', { exact: true }).waitFor();
  });

  test('without a connection nobody is said to be here or to type, and trying again need not be waited for', async () => {
    const server = served();
    const room = inRoom(server);
    const ada = await join(browser, room, 'Ada', (page) => page.clock.install());
    const mira = await join(browser, room, 'Mira');
    await ada.getByText('2 here', { exact: true }).waitFor();
    await mira.getByLabel(`Message ${room.name}`).fill('I am');
    await ada.getByText('Mira is typing …').waitFor();
    // No time passes for Ada, so that what was signalled doesn't grow old.
    await standStill(ada);
    await server.kill();
    await ada.getByText('Mira is typing …').waitFor({ state: 'hidden' });
    await ada.getByText('2 were here', { exact: true }).waitFor();
    await ada.clock.resume();
    const button = ada.getByRole('button', { name: 'Try now' });
    const pauseS = async (): Promise<number> => {
      await ada.clock.fastForward('00:15');
      return Number.parseInt((await button.textContent())?.replace(/\D/g, '') || '0', 10);
    };
    await expect.poll(pauseS, { timeout: 30_000 }).toBeGreaterThan(9);
    await standStill(ada);
    await server.restart();
    await button.click();
    await ada.clock.resume();
    // Sooner than it would have been tried again.
    await ada.getByText('Live', { exact: true }).waitFor({ timeout: 8000 });
    await button.waitFor({ state: 'hidden' });
    await ada.getByText('2 here', { exact: true }).waitFor();
  });

  test('a phone: the way to the other examples, and how many are here', async () => {
    const page = await openWindow(browser, { viewport: { width: 390, height: 844 } });
    const room = inRoom(served());
    await page.goto(`${room.url}/chat/#${room.name}`);
    await page.getByLabel('Your name').fill('Ada');
    await page.keyboard.press('Enter');
    await page.getByText('1 here', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Syncline' }).click();
    await page.waitForURL(`${room.url}/`);
  });

  test('edits and reactions reach everybody, also who comes later; only authors may edit', async () => {
    const room = inRoom(served());
    const [ada, mira] = await joinBoth(browser, room);
    await type(ada, ['helo', 'oops']);
    await settled(mira, 2);
    const row = (page: Page, text: string) => page.locator('.message', { hasText: text });
    await row(mira, 'helo').hover();
    expect(await row(mira, 'helo').getByRole('button', { name: 'Edit' }).count()).toBe(0);
    await row(mira, 'helo').getByTitle('React with 👍').click();
    await row(ada, 'helo').getByRole('button', { name: '👍 1' }).click();
    await row(mira, 'helo').getByRole('button', { name: '👍 2' }).waitFor();
    await row(ada, 'helo').hover();
    await row(ada, 'helo').getByRole('button', { name: 'Edit' }).click();
    await ada.getByLabel('Edit your message').fill('hello');
    await ada.keyboard.press('Enter');
    await row(ada, 'oops').hover();
    await row(ada, 'oops').getByRole('button', { name: 'Delete' }).click();
    for (const page of [mira, await join(browser, room, 'Jonas')]) {
      await shown(page, 'hello');
      await page.getByText('edited', { exact: true }).waitFor();
      await row(page, 'hello').getByRole('button', { name: '👍 2' }).waitFor();
      await page.getByText('oops').waitFor({ state: 'detached' });
    }
    await ada.getByLabel(`Message ${room.name}`).waitFor();
  });

  test('an edit that is given up leaves nothing behind, and one that changes nothing is none', async () => {
    const room = inRoom(served());
    const page = await join(browser, room, 'Ada');
    await type(page, ['one', 'two']);
    await settled(page, 2);
    const row = (text: string) => page.locator('.message', { hasText: text });
    const field = page.getByLabel('Edit your message');
    const edit = async (text: string): Promise<void> => {
      await row(text).hover();
      await row(text).getByRole('button', { name: 'Edit' }).click();
      await page.getByText(`Editing “${text}”`).waitFor();
      expect(await page.locator('.edits').textContent()).toContain(text);
      expect(await field.inputValue()).toBe(text);
    };
    await edit('one');
    await field.fill('never');
    await page.getByLabel('Cancel editing').click();
    await page.getByLabel(`Message ${room.name}`).waitFor();
    await edit('two');
    await field.fill('never');
    await page.keyboard.press('Escape');
    await edit('one');
    await page.keyboard.press('Enter');
    await page.getByLabel(`Message ${room.name}`).waitFor();
    await edit('two');
    await field.fill('2');
    await page.keyboard.press('Enter');
    await page.getByText('edited', { exact: true }).waitFor();
    expect(await texts(page)).toEqual(['one', '2']);
    expect(await page.getByText('edited', { exact: true }).count()).toBe(1);
  });

  test('what waited too long is marked, and can be sent again or dropped', async () => {
    const server = served();
    const room = inRoom(server);
    const page = await join(browser, room, 'Ada', (made) => made.clock.install());
    await server.kill();
    await type(page, ['again', 'never mind']);
    await page.clock.fastForward('01:00:01');
    await page.getByText('Not sent.').nth(1).waitFor();
    await server.restart();
    await page.getByRole('button', { name: 'Discard' }).last().click();
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.clock.fastForward('00:16');
    await settled(page, 1);
    expect(await texts(page)).toEqual(['again']);
  });
});

interface Room extends Served {
  readonly name: string;
  /** Writes messages as somebody else. */
  write(texts: readonly string[]): Promise<void>;
}

let rooms = 0;

/** A room that no other test is in, unless it asks for it by name. */
function inRoom({ url }: Served, name = `room-${++rooms}`): Room {
  const client = createClient<typeof channels>({ url: `${url}/sync` });
  const write = async (texts: readonly string[]): Promise<void> => {
    const room = client.stream(`chat/${name}`);
    await Promise.all(texts.map((text) => room.publish({ name: 'Writer', text })));
  };
  onTestFinished(() => client.close());
  return { url, name, write };
}

/** A person: a window of their own, with a name. */
async function join(
  browser: Browser,
  room: Room,
  name: string,
  prepare?: (page: Page) => Promise<void>,
): Promise<Page> {
  const page = await openWindow(browser);
  await prepare?.(page);
  await page.goto(`${room.url}/chat/#${room.name}`);
  await page.getByLabel('Your name').fill(name);
  await page.keyboard.press('Enter');
  await page.getByText('Live', { exact: true }).waitFor();
  return page;
}

/** From now on no time passes in a window whose clock is installed. */
async function standStill(page: Page): Promise<void> {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 500);
}

function joinBoth(browser: Browser, room: Room): Promise<[Page, Page]> {
  return Promise.all([join(browser, room, 'Ada'), join(browser, room, 'Mira')]);
}

function numbered(word: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${word} ${from + i}`);
}

/** @param room the one that the page is in, or is about to show. Default: whichever it shows */
async function type(page: Page, messages: readonly string[], room?: string): Promise<void> {
  const field = page.getByLabel(room ? `Message ${room}` : /^Message /);
  for (const message of messages) {
    await field.fill(message);
    await field.press('Enter');
  }
}

async function shown(page: Page, text: string): Promise<void> {
  await page.locator('.text').getByText(text, { exact: true }).waitFor();
}

/** How often the page itself looks whether it is so: each frame, as is the default, would keep it drawing. */
const looks = { polling: 50 };

/** Resolves when the page shows so many messages, and none that isn't sent. */
async function settled(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => {
      const messages = document.querySelectorAll('.message');
      return messages.length === wanted && document.querySelectorAll('.message.sent').length === wanted;
    },
    count,
    looks,
  );
}

async function scrollUp(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => {
      document.querySelector('ol')?.parentElement?.scrollBy({ top: -100_000 });
      return document.querySelectorAll('.message').length === wanted;
    },
    count,
    looks,
  );
}

function texts(page: Page, filter = ''): Promise<string[]> {
  return page.$$eval(`.message${filter} .text`, (all) => all.map((text) => text.textContent ?? ''));
}

async function topOf(page: Page, text: string): Promise<number> {
  const box = await page.locator('.text').getByText(text, { exact: true }).boundingBox();
  return box?.y ?? Number.NaN;
}
