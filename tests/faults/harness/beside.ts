/**
 * Something that runs beside nodes and clients for one scenario: a server that nodes ask or tell, files that they read, a network that
 * they are in. The rig starts it before the first node and ends it last; it knows nothing of what it is.
 */
import type { Quirks } from './quirks.ts';

export interface Beside {
  /** What nodes have of it. */
  readonly quirks: Quirks;
  /** Where clients get their tokens: the client's name is put at its end. Left out: they have none. */
  readonly tokenUrl?: string;
  /** What the process of the clients gets of it. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts nodes, in the place of Node. */
  readonly by?: readonly string[];
  close(): Promise<void>;
}
