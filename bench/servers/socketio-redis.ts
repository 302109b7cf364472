/**
 * Three nodes of Socket.IO with its Redis adapter, which stores nothing. The benchmark starts this program; a node is in cluster/.
 */
import { serveNodes } from './cluster/nodes.ts';

await serveNodes(new URL('cluster/socketio-redis.ts', import.meta.url));
