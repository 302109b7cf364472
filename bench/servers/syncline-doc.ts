/**
 * Syncline with documents, as an application would start it, with the memory broker: each update is stored and acknowledged
 * before it is delivered, and folded into a snapshot in a process beside.
 */
import { defineChannels, doc } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { report } from './control.ts';
import { common } from './syncline.options.ts';

const server = createServer({ ...common, channels: defineChannels({ 'bench/:name': doc() }) });
const { port } = await server.listen(0, '127.0.0.1');
report(port);
