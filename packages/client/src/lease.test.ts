/**
 * When a client leaves what it entered without being asked to: the page goes for good, or the client is closed. A page is played by
 * an event target.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createClientWith } from './internal.ts';
import { Lease, pageLeave } from './lease.ts';
import { keyOf } from './testing/lobby.ts';
import { ScriptedServer } from './testing/scripted.ts';

afterEach(() => vi.unstubAllGlobals());

const hide = (persisted: boolean) => Object.assign(new Event('pagehide'), { persisted });

describe('a page', () => {
  function page() {
    const target = new EventTarget();
    vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
    vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
    let left = 0;
    const end = pageLeave(() => left++);
    return { target, end, left: () => left };
  }

  test('that goes for good leaves; one that the browser keeps doesn’t', () => {
    const { target, left } = page();
    target.dispatchEvent(hide(true));
    expect(left()).toBe(0);
    target.dispatchEvent(hide(false));
    expect(left()).toBe(1);
  });

  test('tells nothing after it was ended', () => {
    const { target, end, left } = page();
    end();
    target.dispatchEvent(hide(false));
    expect(left()).toBe(0);
  });

  test('that isn’t there is none', () => {
    expect(() => pageLeave(() => {})()).not.toThrow();
  });
});

test('[N3] all that was entered is left, on the link that there is; what was left already isn’t', async () => {
  const clock = fakeClock();
  const server = new ScriptedServer();
  const page = new EventTarget();
  let bound = 0;
  const onLeave = (run: () => void) => {
    bound++;
    page.addEventListener('pagehide', run);
    return () => {
      bound--;
      page.removeEventListener('pagehide', run);
    };
  };
  const surroundings = { clock, transport: server, lifecycle: () => () => {}, onLeave };
  const client = createClientWith(surroundings, { url: 'ws://test/' });
  expect(bound).toBe(0);
  const [a, b, c] = ['chat/a', 'chat/b', 'chat/c'].map((name) => client.stream(name).presence);
  for (const presence of [a, b]) void presence?.enter(1);
  void c?.leave();
  const { link } = server;
  link.welcome();
  for (const _ of [a, b]) link.say({ type: 'entered', ref: link.take('enter').ref, key: keyOf('me') });
  expect(bound).toBe(1);
  page.dispatchEvent(new Event('pagehide'));
  expect([link.take('leave').channel, link.take('leave').channel]).toEqual(['chat/a', 'chat/b']);
  expect(link.inbox).toEqual([]);
  client.close();
  await clock.advance(0);
  expect(bound).toBe(0);
});

test('[N1] each client has another secret', () => {
  const clock = fakeClock();
  const secrets = Array.from({ length: 50 }, () => new Lease({ clock }).secret);
  expect(new Set(secrets).size).toBe(50);
  for (const secret of secrets) expect(secret).toMatch(/^[a-z0-9]{16,64}$/);
});
