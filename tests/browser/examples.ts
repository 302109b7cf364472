/**
 * The examples for tests in a browser: one server for all tests of a file, or one of a test's own, which can be killed and comes back
 * where it was; and windows in which nothing may go wrong. The tests say which page they open; it must not know any.
 */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { beforeAll, expect, onTestFinished } from 'vitest';
import { type Launched, launch, temporaryFolder } from '../../examples/testing.ts';

/** Where the examples are. */
export interface Served {
  readonly url: string;
}

/** The examples, as a process that is there until the test is over. */
export interface Running extends Served {
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
 * The examples for the tests of a `describe`, as one process: starting it and building its pages is most of what a short test costs.
 * Who kills it wants one of its own, and who writes brings a name that no other test has.
 */
export function runForAll(): () => Served {
  let url = '';
  beforeAll(async () => {
    const { dir, remove } = temporaryFolder();
    const launched = await launch({ DATA_DIR: dir });
    url = launched.url;
    return async () => {
      launched.kill('SIGKILL');
      await launched.ended;
      remove();
    };
  });
  return () => ({ url });
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
