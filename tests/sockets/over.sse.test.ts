/**
 * Every test of this folder once more, by clients that have no WebSocket but an event stream: whatever they promise holds there too.
 */
import { vi } from 'vitest';

vi.mock('../../packages/client/src/transports/websocket.ts', async (original) => ({
  ...(await original<object>()),
  websocket: (await import('../../packages/client/src/transports/sse.ts')).sse,
}));

await import('./client.test.ts');
await import('./doc.test.ts');
await import('./moving.test.ts');
await import('./presence.test.ts');
await import('./refused.test.ts');
await import('./state.test.ts');
await import('./views.test.ts');
