// What an application without documents imports, server and client: it has no yjs, and its types must do without it. It is compiled
// only.
import { type Client, createClient, type StreamChannel } from '@syncline/client';
import { createServer, type Server } from '@syncline/server';
import { channels } from './channels.ts';

export const server: Server<typeof channels> = createServer({ channels, originsAllowed: [] });
export const client: Client<typeof channels> = createClient({ channels, url: 'ws://localhost:8080/sync' });
export const lobby: StreamChannel<{ text: string; by?: string }> = client.stream('chat/lobby');
