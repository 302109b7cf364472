/**
 * The examples for tests in a browser: a server of its own for each test, which can be killed and comes back where it was, and windows
 * in which nothing may go wrong. The tests say which page they open; it must not know any.
 */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { type Launched, launch, temporaryFolder } from '../../examples/testing.ts';

/** The examples, as a process that is there until the test is over. */
export interface Running {
  readonly url: string;
  kill(): Promise<void>;
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>;
}

export async function run(): Promise<Running> {
  const { dir, remove } = temporaryFolder();
  let running: Launched = await launch({ DATA_DIR: dir });
  const { url, port } = running;
  const kill = async (): Promise<void> => {
    running.kill('SIGKILL');
    await running.ended;
  };
  const restart = async (): Promise<void> => {
    running = await launch({ DATA_DIR: dir, PORT: port });
    expect(running.output.err).toBe('');
  };
  onTestFinished(async () => {
    await kill();
    remove();
  });
  return { url, kill, restart };
}

/**
 * An empty window of a person's own, until the test is over. Whatever goes wrong in it, and isn't expected, fails the test.
 *
 * @param expected what may be told as an error. Default: that there is no server
 */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
  expected = /ERR_CONNECTION_/,
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  const note = (text: string): unknown => expected.test(text) || errors.push(text);
  page.on('pageerror', ({ message }) => note(message));
  page.on('console', (message) => message.type() === 'error' && note(message.text()));
  onTestFinished(async () => {
    await context.close();
    expect(errors).toEqual([]);
  });
  return page;
}
