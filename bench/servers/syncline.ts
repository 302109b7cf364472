/**
 * Syncline as an application would start it: one stream pattern in the contract, the memory broker, default options but
 * for the bound on requests. Each entry is stored, numbered and acknowledged before it is delivered, which the peers beside
 * it don't do.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { report } from './control.ts';
import { common } from './syncline.options.ts';

const server = createServer({ ...common, channels: defineChannels({ 'bench/:name': stream() }) });
const { port } = await server.listen(0, '127.0.0.1');
report(port);
