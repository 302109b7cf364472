/**
 * The examples for tests in a browser: one server for all tests of a file, which can be killed and comes back where it was; and windows
 * in which nothing may go wrong. The tests say which page they open; it must not know any.
 */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { beforeAll, expect, onTestFinished } from 'vitest';
import { type Launched, launch, temporaryFolder } from '../../examples/testing.ts';

/** Where the examples are. */
export interface Served {
  readonly url: string;
}

/** The examples, as a process. */
interface Running extends Served {
  /** Ends it as `kill -9` does; whoever doesn't start it again has that done when the test is over. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>;
}

/**
 * The examples for the tests of a `describe`, as one process: starting it, building its pages and making its city is most of what a short
 * test costs. Who writes brings a name that no other test has.
 */
export function runForAll(): () => Running {
  let running: Launched | undefined;
  let url = '';
  let restart = async (): Promise<void> => {};
  const kill = async (): Promise<void> => {
    const killed = running;
    running = undefined;
    killed?.kill('SIGKILL');
    await killed?.ended;
  };
  beforeAll(async () => {
    const { dir, remove } = temporaryFolder();
    running = await launch({ DATA_DIR: dir });
    const { port } = running;
    url = running.url;
    restart = async () => {
      running = await launch({ DATA_DIR: dir, PORT: port });
      expect(running.output.err).toBe('');
    };
    return async () => {
      await kill();
      remove();
    };
  });
  return () => ({
    url,
    kill: () => {
      onTestFinished(() => (running ? undefined : restart()));
      return kill();
    },
    restart,
  });
}

/**
 * An empty window of a person's own, until the test is over. Whatever goes wrong in it, and isn't expected, fails the test.
 *
 * @param expected what may be told as an error. Default: that there is no server
 * @param atEnd is given what closes the window. Default: the test, for when it is over
 */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
  expected = /ERR_CONNECTION_/,
  atEnd: (close: () => Promise<void>) => void = onTestFinished,
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  const note = (text: string): unknown => expected.test(text) || errors.push(text);
  page.on('pageerror', ({ message }) => note(message));
  page.on('console', (message) => message.type() === 'error' && note(message.text()));
  atEnd(async () => {
    await context.close();
    expect(errors).toEqual([]);
  });
  return page;
}
