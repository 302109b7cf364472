/**
 * Channels as plain HTTP shows them where several nodes serve them: what one node took, any other shows at once, however late its news
 * come. Real servers and sockets on one log; what each node hears of it, and how often it asks, a test decides.
 */
import { defineChannels, doc, SyncError, state, stream } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { memory } from '../broker/memory.ts';
import { lasting, meddle } from '../testing/meddle.ts';
import { memoryNodes, onNode } from '../testing/nodes.ts';
import { serveChannels } from '../testing/serve.ts';

const channels = defineChannels({
  'chat/:room': stream(),
  'fleet/:city': state(),
  'board/:id': doc(),
});

/** A node on these logs: what a test meddles with lies between the two. */
async function serveOn(logs: ReturnType<typeof memory>, nodes = memoryNodes()) {
  const { broker, meddling } = meddle(logs);
  const { port, server } = await serveChannels(channels, { broker: onNode(broker, nodes.join()) });
  const url = (path: string) => `http://localhost:${port}/sync/streams/${path}`;
  const ask = (path: string, init: RequestInit = {}) => fetch(url(path), init);
  return { server, meddling, ask };
}

/** Two nodes; the second hears nothing of what the first appends. */
async function two() {
  const logs = lasting(memory());
  const nodes = memoryNodes();
  const [near, far] = [await serveOn(logs, nodes), await serveOn(logs, nodes)];
  far.meddling.news = () => {};
  return { near, far };
}

const next = ({ headers }: Response) => headers.get('stream-next-offset');
const json = { 'Content-Type': 'application/json' };

describe('a node that heard nothing of what another one took', () => {
  it('[P7] [P16] shows it nevertheless, from nowhere and from a place before it', async () => {
    const { near, far } = await two();
    await near.server.publish('chat/x', 1);
    const before = await far.ask('chat/x');
    const etag = before.headers.get('etag') ?? '';
    expect(await before.text()).toBe('[1]');
    const posted = await near.ask('chat/x', { method: 'POST', headers: json, body: '2' });
    expect(posted.status).toBe(204);
    const anew = await far.ask('chat/x', { headers: { 'If-None-Match': etag } });
    expect([anew.status, next(anew), await anew.text()]).toEqual([200, next(posted), '[1,2]']);
    expect(anew.headers.get('stream-up-to-date')).toBe('true');
    await near.ask('chat/x', { method: 'POST', headers: json, body: '3' });
    expect(await (await far.ask(`chat/x?offset=${next(posted)}`)).text()).toBe('[3]');
  });

  it('[P6] [P17] tells where the log ends', async () => {
    const { near, far } = await two();
    await far.ask('chat/x');
    const posted = await near.ask('chat/x', { method: 'POST', headers: json, body: '1' });
    expect(next(await far.ask('chat/x', { method: 'HEAD' }))).toBe(next(posted));
    const more = await near.ask('chat/x', { method: 'POST', headers: json, body: '2' });
    expect(next(await far.ask('chat/x?offset=now'))).toBe(next(more));
  });

  it('[P10] [P11] shows the values of a state channel, and a document', async () => {
    const { near, far } = await two();
    await far.ask('fleet/x');
    await far.ask('board/x');
    await near.server.set('fleet/x', 'van', 4);
    await near.server.withDoc('board/x', (board) => void board.getMap('shapes').set('s', 5));
    expect(await (await far.ask('fleet/x')).json()).toMatchObject([{ key: 'van', value: 4 }]);
    expect((await (await far.ask('board/x')).arrayBuffer()).byteLength).toBeGreaterThan(10);
  });

  it('[P8] finds that the log is another one', async () => {
    const logs = lasting(memory());
    const { broker, meddling, replace } = meddle(logs);
    const { port, server } = await serveChannels(channels, { broker: onNode(broker, memoryNodes().join()) });
    await server.publish('chat/x', 'old');
    meddling.news = () => {};
    const other = lasting(memory());
    await other.append('chat/x', { data: '"new"', from: null, keep: null });
    replace(other);
    expect(await (await fetch(`http://localhost:${port}/sync/streams/chat/x`)).text()).toBe('["new"]');
  });

  it('[P7] says that it can’t tell where the logs can’t be asked', async () => {
    const { far } = await two();
    await far.ask('chat/x');
    far.meddling.read = () => Promise.reject(new SyncError('unavailable'));
    const refused = await far.ask('chat/x', { method: 'HEAD' });
    expect([refused.status, refused.headers.get('stream-next-offset')]).toEqual([503, null]);
  });
});

describe('a node alone', () => {
  it('hears all that is appended, and asks for nothing', async () => {
    const { broker, meddling } = meddle(lasting(memory()));
    const { port, server } = await serveChannels(channels, { broker });
    const url = `http://localhost:${port}/sync/streams/chat/x`;
    await server.publish('chat/x', 1);
    const from = next(await fetch(url, { method: 'HEAD' }));
    const before = meddling.reads;
    for (let n = 0; n < 5; n++) await fetch(url, { method: 'HEAD' });
    expect(meddling.reads).toBe(before);
    expect(await (await fetch(`${url}?offset=${from}`)).text()).toBe('[]');
    expect(meddling.reads).toBe(before);
  });
});
