/**
 * The whiteboard's contract: each board is one document, and whoever is on it tells where they point and what they are drawing.
 * Server, page and tests import it; what a document holds no server looks at, so that is checked where it is read.
 */
import { defineChannels, doc } from '@syncline/protocol';
import * as v from 'valibot';
import { Draft } from './shapes.ts';

export const nameCharsMax = 40;
const coordinate = v.pipe(v.number(), v.finite());

export const Peer = v.object({
  name: v.pipe(v.string(), v.regex(/\S/), v.maxLength(nameCharsMax)),
  /** A place on the board; null while they point elsewhere. */
  pointer: v.nullable(v.object({ x: coordinate, y: coordinate })),
  draft: v.optional(Draft),
});
export type Peer = v.InferOutput<typeof Peer>;

/** A demo: whoever gets in may look and draw. */
const anonymous = ['subscribe', 'publish', 'presence'] as const;

export const channels = defineChannels({
  /** An awareness says in presence by which number its edits go, and its state. */
  'board/:id': doc({ presence: v.object({ clientId: v.number(), state: Peer }), anonymous }),
});
