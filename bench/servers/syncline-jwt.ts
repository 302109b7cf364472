/**
 * Syncline that knows who is there: every session comes with a token of its own user, and may do what the capabilities
 * in it allow. All else is as in syncline.ts.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { createServer } from '@syncline/server';
import { report } from './control.ts';
import { authenticate, common } from './syncline.options.ts';

const channels = defineChannels({ 'bench/:name': stream() });
const server = createServer({ ...common, channels, authenticate });
const { port } = await server.listen(0, '127.0.0.1');
report(port);
