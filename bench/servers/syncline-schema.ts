/**
 * Syncline that knows who is there, as in syncline-jwt.ts, and besides looks into each payload: a schema in the contract
 * validates what is published before it is stored.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { report } from './control.ts';
import { authenticate, common, payload } from './syncline.options.ts';

const channels = defineChannels({ 'bench/:name': stream({ message: payload }) });
const server = createServer({ ...common, channels, authenticate });
const { port } = await server.listen(0, '127.0.0.1');
report(port);
