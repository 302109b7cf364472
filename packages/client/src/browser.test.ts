/**
 * Where the SDK meets a browser: addresses, hints of page and network, and the WebSocket it finds there. A page is played by
 * event targets; the sockets of a real runtime are tested with a real server, outside this package.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createClient } from './index.ts';
import { type Hint, pageLifecycle } from './lifecycle.ts';
import { resolveUrl, websocket } from './transports/websocket.ts';

afterEach(() => vi.unstubAllGlobals());

describe('addresses', () => {
  test.each([
    ['wss://host/sync', 'wss://host/sync'],
    ['https://host/sync?a=1', 'wss://host/sync?a=1'],
    ['http://localhost:8000', 'ws://localhost:8000/'],
  ])('%s', (given, used) => expect(resolveUrl(given)).toBe(used));

  test('on a page a path will do, and /sync is the default', () => {
    vi.stubGlobal('location', { href: 'https://app.example/rooms/1?x#y' });
    expect(resolveUrl()).toBe('wss://app.example/sync');
    expect(resolveUrl('/live')).toBe('wss://app.example/live');
    expect(resolveUrl('//other.example/')).toBe('wss://other.example/');
  });

  test('without a page there is nothing to take the host from, and the sentence says so', () => {
    expect(() => resolveUrl()).toThrow(
      '`url` to be like "wss://host/sync" or, on a page, a path, got "/sync"',
    );
  });

  test.each(['', 'sync', 'ftp://host/', 'javascript:alert(1)', 'wss://host/#x', 'https://'])(
    '%s is refused',
    (given) => {
      expect(() => resolveUrl(given)).toThrow(expect.objectContaining({ code: 'bad_option' }));
    },
  );
});

describe('hints', () => {
  function page() {
    const target = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
    vi.stubGlobal('document', document);
    const hints: Hint[] = [];
    const unbind = pageLifecycle((hint) => hints.push(hint));
    return { target, document, hints, unbind };
  }

  test('online, a page shown again or restored wake; offline probes', () => {
    const { target, document, hints } = page();
    target.dispatchEvent(new Event('online'));
    target.dispatchEvent(new Event('offline'));
    target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    document.dispatchEvent(new Event('visibilitychange'));
    expect(hints).toEqual(['wake', 'offline', 'wake', 'wake']);
  });

  test('a page that is first shown, or hidden, is no hint', () => {
    const { target, document, hints } = page();
    target.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    expect(hints).toEqual([]);
  });

  test('they end when they are unbound', () => {
    const { target, document, hints, unbind } = page();
    unbind();
    target.dispatchEvent(new Event('online'));
    document.dispatchEvent(new Event('visibilitychange'));
    expect(hints).toEqual([]);
  });

  test('without a page there are none', () => {
    expect(() => pageLifecycle(() => {})()).not.toThrow();
  });
});

describe('the WebSocket', () => {
  class FakeSocket {
    static made: FakeSocket[] = [];
    readonly bufferedAmount = 7;
    readonly calls: unknown[] = [];
    onmessage: (event: { data: unknown }) => void = () => {};
    onclose: (event: { code: number; reason: string }) => void = () => {};

    constructor(...args: unknown[]) {
      this.calls.push(args);
      FakeSocket.made.push(this);
    }

    send(data: unknown): void {
      this.calls.push(data);
    }

    close(code: unknown): void {
      this.calls.push(code);
    }
  }

  test('[F1] carries the subprotocol, the token beside it, frames and the close', () => {
    vi.stubGlobal('WebSocket', FakeSocket);
    const got: unknown[] = [];
    const handlers = {
      message: (data: unknown) => got.push(data),
      close: (...why: unknown[]) => got.push(why),
    };
    const link = websocket.open('ws://host/', 'a.b-c_d', handlers);
    websocket.open('ws://host/', undefined, handlers);
    const [socket, plain] = FakeSocket.made;
    link.send('frame');
    link.close(1000);
    expect(socket?.calls).toEqual([
      ['ws://host/', ['syncline.v1', 'syncline.v1.tell', 'bearer.a.b-c_d']],
      'frame',
      1000,
    ]);
    expect(plain?.calls).toEqual([['ws://host/', ['syncline.v1', 'syncline.v1.tell']]]);
    expect(link.bufferedAmount).toBe(7);
    socket?.onmessage({ data: 'text' });
    socket?.onclose({ code: 1006, reason: 'r' });
    expect(got).toEqual(['text', [1006, 'r']]);
  });

  test('a token with other characters can never work', async () => {
    const client = createClient({ url: 'ws://localhost:1/', getToken: () => 'no token' });
    client.stream('chat/a').onMessage(() => {});
    await expect
      .poll(() => client.status.get())
      .toMatchObject({
        ...{
          state: 'closed',
          error: { code: 'bad_option', message: 'Expected an ASCII token, got another.' },
        },
      });
  });

  test('where nobody is, the client says so, and where it looked', async () => {
    const client = createClient({ url: 'ws://localhost:1/sync' });
    client.stream('chat/a').onMessage(() => {});
    await expect
      .poll(() => client.status.get())
      .toMatchObject({
        state: 'waiting',
        error: { message: 'No link to ws://localhost:1/sync: not there, not for this page? (1006)' },
      });
    client.close();
  });

  test('createClient connects with it', () => {
    vi.stubGlobal('WebSocket', FakeSocket);
    const client = createClient({ url: 'ws://host/sync' });
    client.stream('chat/a').onMessage(() => {});
    expect(FakeSocket.made.at(-1)?.calls).toEqual([['ws://host/sync', ['syncline.v1', 'syncline.v1.tell']]]);
    client.close();
    expect(client.status.get()).toMatchObject({ state: 'closed' });
  });
});
