/**
 * Three nodes of Socket.IO with its Redis Streams adapter. The benchmark starts this program; a node is in cluster/.
 */
import { serveNodes } from './cluster/nodes.ts';

await serveNodes(new URL('cluster/socketio-streams.ts', import.meta.url));
