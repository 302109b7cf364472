/**
 * Three nodes of Syncline on one Redis. The benchmark starts this program; a node is in cluster/.
 */
import { serveNodes } from './cluster/nodes.ts';

await serveNodes(new URL('cluster/syncline.ts', import.meta.url));
