/**
 * Every test of this folder once more, by clients that have no WebSocket but an event stream: whatever they promise holds there too.
 */
import { sse } from '@syncline/client/http';
import { vi } from 'vitest';

type Door = { readonly createClient: (options: object) => unknown };
/** A door whose clients connect in no other way. */
const only = (door: Door): Door => ({
  ...door,
  createClient: (options) => door.createClient({ transports: [sse], ...options }),
});

vi.mock('@syncline/client', async (original) => only(await original()));
vi.mock('@syncline/client/doc', async (original) => only(await original()));

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
