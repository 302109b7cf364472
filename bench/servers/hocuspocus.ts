/**
 * Hocuspocus as its documentation shows it, without extensions: documents are held in memory and stored nowhere, which is the
 * least that it can be asked for.
 */
import { Server } from '@hocuspocus/server';
import { report } from './control.ts';

const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, stopOnSignals: false });
await server.listen();
report(server.address.port);
