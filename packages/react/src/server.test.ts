/**
 * Rendering on a server: what the hooks give there, that nothing connects, and that a page rendered so is taken over as it is. The
 * browser's half is in tests/browser.
 */
import { createClient } from '@syncline/client/doc';
import { defineChannels, doc, state, stream } from '@syncline/protocol';
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createHooks } from './docs.ts';

const channels = defineChannels({ 'chat/:room': stream(), 'fleet/:city': state(), 'board/:id': doc() });
const { SynclineProvider, useClient, ...hooks } = createHooks<typeof channels>();

/** Renders as a server does, and says what went wrong where nobody waits for it, and to where there was an attempt to connect. */
function render(Component: FunctionComponent) {
  const dialled: unknown[] = [];
  vi.stubGlobal(
    'WebSocket',
    class {
      constructor(url: unknown) {
        dialled.push(url);
      }
    },
  );
  const errors: unknown[] = [];
  const client = createClient({
    channels,
    url: 'wss://example.com/sync',
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => client.close());
  const html = renderToString(createElement(SynclineProvider, { client }, createElement(Component)));
  return { client, html, dialled, errors };
}

test('on a server everything is empty, and nothing connects', async () => {
  const shown: unknown[] = [];
  const { client, dialled, errors } = render(() => {
    const { items, hasOlder, loading, freshness } = hooks.useTimeline('chat/lobby');
    shown.push(items, hasOlder, loading, freshness, hooks.useStatus());
    shown.push(hooks.useEntries('fleet/berlin').entries.size);
    shown.push(hooks.useEntries('fleet/berlin', { prefix: 'v' }).entries.size);
    shown.push(hooks.useEntry('fleet/berlin', 'van'));
    shown.push(hooks.usePresence('chat/lobby', { name: 'Ada' }), hooks.useSignal('chat/lobby')[0]);
    shown.push(hooks.useFreshness(useClient().state('fleet/berlin')));
    const { doc, awareness, sync } = hooks.useDoc('board/7');
    shown.push(awareness.doc === doc, sync);
    return null;
  });
  const unheard = { state: 'catching-up', left: 1 };
  expect(shown).toEqual([
    ...[[], false, false, unheard, { state: 'idle' }],
    ...[0, 0, undefined, [], [], unheard],
    ...[true, { state: 'loading', unsaved: 0 }],
  ]);
  await endOfTurn();
  expect(client.status.get()).toEqual({ state: 'idle' });
  expect([dialled, errors]).toEqual([[], []]);
});

test('whoever stands outside of a provider is told so', () => {
  expect(() => renderToString(createElement(Outside))).toThrow('outside of every <SynclineProvider');
});

test('a name that is not in the contract fails where it is used', () => {
  const nowhere = 'nowhere' as 'chat/lobby';
  expect(() => render(() => String(hooks.useTimeline(nowhere)))).toThrow('nowhere');
});

function Outside() {
  return hooks.useStatus().state;
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
