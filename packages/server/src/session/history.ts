/**
 * How a session looks back: pages of a channel's log, without a subscription (rule S7). The session's switch calls it. It keeps
 * nothing between pages, and reads the next only when the last has been taken.
 */
import { type ClientFrame, type FrameOf, wireText } from '@syncline/protocol/wire';
import type { Context } from './context.ts';

/** Answers `history` with one page. */
export async function history(context: Context, frame: FrameOf<ClientFrame, 'history'>): Promise<void> {
  const { ref, channel: name, direction, offset, limit } = frame;
  await context.demand('history', name, context.definition(name));
  await context.requests.line(name);
  // Nobody is there any more to read it.
  if (context.ended) return;
  const channel = await context.channel(name);
  const { epoch, entries, more } = await channel.history(direction, offset, limit);
  const { stamped } = channel.settings;
  const texts = entries.map((entry) => wireText(entry, stamped));
  const first = entries[0]?.offset ?? offset;
  context.say({ type: 'history', ref, epoch, first, more, stamped, entries: texts });
  // Pages are the one answer that is large: the next is read when this one has been taken.
  if (!context.ended) await context.answers.taken();
}
