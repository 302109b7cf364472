/**
 * What the compiler allows of the server's own writes by a contract: checked by `tsc`, never run. Each line that expects an
 * error proves that a wrong channel, kind or value doesn't compile.
 */
import { defineChannels, doc, type Schema, state, stream } from '@syncline/protocol';
import type { Server } from './server.ts';

declare const message: Schema<{ readonly text: string }>;
declare const place: Schema<{ readonly lat: number }>;

const channels = defineChannels({
  'chat/:room': stream({ message }),
  'fleet/:city': state({ value: place, ttl: '60s', own: true, keys: 10 }),
  'board/:id': doc(),
});
declare const server: Server<typeof channels>;

void server.publish('chat/lobby', { text: 'hi' });
void server.set('fleet/berlin', 'van', { lat: 1 });
void server.set('fleet/berlin', 'van', { lat: 1 }, { ttl: '5s', at: 1, ifVersion: 0 });
void server.delete('fleet/berlin', 'van', { ifVersion: 7 });

void server.withDoc('board/7', (document) => document.getMap('shapes').clear());
void server.withDoc('board/7', async (document) => document.getText('title').insert(0, 'x'));
void server.replaceDoc('board/7', () => {});
void server.readDoc('board/7').then(({ shapes }) => shapes);

// @ts-expect-error: a stream is no document
void server.withDoc('chat/lobby', () => {});
// @ts-expect-error: nor is a state channel
void server.readDoc('fleet/berlin');
// @ts-expect-error: a document takes no messages
void server.publish('board/7', { text: 'hi' });
// @ts-expect-error: a state channel takes no messages
void server.publish('fleet/berlin', { lat: 1 });
// @ts-expect-error: a stream has no keys
void server.set('chat/lobby', 'van', { text: 'hi' });
// @ts-expect-error: nor does a doc
void server.delete('board/7', 'van');
// @ts-expect-error: the wrong value
void server.set('fleet/berlin', 'van', { lng: 1 });
// @ts-expect-error: a removal has no time to live
void server.delete('fleet/berlin', 'van', { ttl: '5s' });
// @ts-expect-error: no time is written so
void server.set('fleet/berlin', 'van', { lat: 1 }, { ttl: '5 seconds' });
// @ts-expect-error: keys are counted
state({ keys: 'many' });
