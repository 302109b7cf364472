/**
 * The chat's contract: which channels there are and what they carry. Server, page and tests import it; types and checks
 * follow from it. It must not know which of them it serves.
 */
import { defineChannels, stream } from '@syncline/protocol';
import { type InferOutput, maxLength, object, optional, pipe, regex, string } from 'valibot';

export const textCharsMax = 2000;
export const nameCharsMax = 40;

const Message = object({
  name: pipe(string(), regex(/\S/), maxLength(nameCharsMax)),
  text: pipe(string(), regex(/\S/), maxLength(textCharsMax)),
  /** The window that wrote it, so that a page knows its own after a reload. Nobody checks it, nor names: this is a demo. */
  by: optional(pipe(string(), maxLength(40))),
});
export type Message = InferOutput<typeof Message>;

/** A demo: whoever gets in may read and write. */
const anonymous = ['subscribe', 'publish', 'history'] as const;

export const channels = defineChannels({
  'chat/:room': stream({ message: Message, keep: { entries: 1000, age: '7d' }, stamp: true, anonymous }),
  /** Each room that somebody opened, by its name. */
  rooms: stream({ message: pipe(string(), regex(/^[a-z0-9-]{1,40}$/)), keep: { entries: 200 }, anonymous }),
});
