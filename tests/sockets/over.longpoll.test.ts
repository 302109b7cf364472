/**
 * Every test of this folder once more, by clients that have no WebSocket but long polling: whatever they promise holds there too.
 */
import { longPoll } from '@syncline/client/http';
import { vi } from 'vitest';

type Door = { readonly createClient: (options: object) => unknown };
type Front = { readonly createServer: (options: object) => unknown };

/** A door whose clients connect in no other way. */
const only = (door: Door): Door => ({
  ...door,
  createClient: (options) => door.createClient({ transports: [longPoll], ...options }),
});

/** A server that doesn't wait for long for who polls no more. */
const soon = (front: Front): Front => ({
  ...front,
  createServer: (options) => front.createServer({ linkGraceMs: 2500, ...options }),
});

vi.mock('@syncline/client', async (original) => only(await original()));
vi.mock('@syncline/client/doc', async (original) => only(await original()));
vi.mock('@syncline/server', async (original) => soon(await original()));

// Should a door slip through, nothing passes: there is no other way.
Object.defineProperty(globalThis, 'WebSocket', { value: undefined });

// All of them in one file, beside others that are as busy.
vi.setConfig({ testTimeout: 60_000 });

await import('./client.test.ts');
await import('./doc.test.ts');
await import('./moving.test.ts');
await import('./presence.test.ts');
await import('./refused.test.ts');
await import('./state.test.ts');
await import('./views.test.ts');
