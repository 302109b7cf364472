/**
 * Messages as people see them: what was said of a message later, an edit or a reaction, is put to the message itself. The log
 * calls it with all items of a timeline, pending ones too, so that what one does shows at once. It must not know the page.
 */
import type { TimelineItem } from '@syncline/client';
import type { Message, Post } from './channels.ts';

export type Item = TimelineItem<Message>;

/** A message with all that was said of it. */
export interface Line {
  readonly item: Item;
  readonly post: Post;
  readonly edited: boolean;
  /** The names of those who put an emoji there, by their marks, by emoji. */
  readonly reactions: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** An edit or a reaction that failed. */
  readonly failed: Item | undefined;
}

/**
 * The lines that items make, in their order. An amendment whose message isn't among them waits until it is loaded; one by
 * somebody else than its author changes nothing.
 */
export function reduce(items: readonly Item[]): Line[] {
  const lines = new Map<string, Line>();
  const byOffset = new Map<number, string>();
  for (const item of items) {
    const { data, offset, key } = item;
    if (!('amends' in data)) {
      lines.set(key, { item, post: data, edited: false, reactions: new Map(), failed: undefined });
      if (offset !== null) byOffset.set(offset, key);
      continue;
    }
    const line = lines.get(byOffset.get(data.amends) ?? '');
    if (!line) continue;
    const next = item.status === 'failed' ? { ...line, failed: item } : amended(line, data);
    if (next) lines.set(line.item.key, next);
    else lines.delete(line.item.key);
  }
  return [...lines.values()];
}

/** The line as an amendment has it; undefined when it is taken back. */
function amended(line: Line, data: Exclude<Message, Post>): Line | undefined {
  if ('emoji' in data) {
    const { emoji, by, name, on } = data;
    const people = new Map(line.reactions.get(emoji));
    if (on) people.set(by, name);
    else people.delete(by);
    const reactions = new Map(line.reactions).set(emoji, people);
    if (people.size === 0) reactions.delete(emoji);
    return { ...line, reactions };
  }
  if (data.by !== line.post.by) return line;
  return data.text === null ? undefined : { ...line, post: { ...line.post, text: data.text }, edited: true };
}
