/**
 * The chat's contract: which channels there are and what they carry. Server, page and tests import it; types and checks
 * follow from it. It must not know which of them it serves.
 */
import { defineChannels, state, stream } from '@syncline/protocol';
import * as v from 'valibot';

export const textCharsMax = 2000;
export const nameCharsMax = 40;

const name = v.pipe(v.string(), v.regex(/\S/), v.maxLength(nameCharsMax));
const text = v.pipe(v.string(), v.regex(/\S/), v.maxLength(textCharsMax));
const offset = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** The window that wrote it, so that a page knows its own after a reload. Nobody checks it, nor names: this is a demo. */
const by = v.pipe(v.string(), v.maxLength(40));

/** A message that people read. What says nothing of its kind is one. */
const Post = v.object({ kind: v.optional(v.literal('post')), name, text, by: v.optional(by) });
export type Post = v.InferOutput<typeof Post>;

/** Says of an earlier message what it is to read now; null: it is taken back. Only its author's word counts. */
const Edit = v.object({ kind: v.literal('edit'), amends: offset, text: v.nullable(text), by });

/** Puts an emoji under an earlier message, or takes it away again. */
const Reaction = v.object({
  kind: v.literal('reaction'),
  amends: offset,
  emoji: v.pipe(v.string(), v.maxLength(16)),
  on: v.boolean(),
  name,
  by,
});

/** A log is never changed: what is said of a message is a message too, and reduce.ts puts the two together. */
const Message = v.variant('kind', [Post, Edit, Reaction]);
export type Message = v.InferOutput<typeof Message>;

/** Who is here, and who types. */
const Person = v.object({ name, by });
export type Person = v.InferOutput<typeof Person>;

/** A demo: whoever gets in may do everything. */
const anonymous = ['subscribe', 'publish', 'history', 'presence'] as const;

export const channels = defineChannels({
  'chat/:room': stream({
    message: Message,
    presence: Person,
    signal: Person,
    keep: { entries: 1000, age: '7d' },
    stamp: true,
    anonymous,
  }),
  /** How far each window has read: under its mark the offset of the last message that it has shown. */
  'read/:room': state({ value: v.object({ name, offset }), ttl: '7d', anonymous }),
  /** Each room that somebody opened, by its name. */
  rooms: stream({
    message: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/)),
    keep: { entries: 200 },
    anonymous,
  }),
});
