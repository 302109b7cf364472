/**
 * How a session comes to read a channel, and stops to: it asks for a cursor where the client wants to begin, and tells what
 * came of it (rules S1 to S6). The session's switch calls it; what a cursor gives is taken elsewhere.
 */
import type { ClientFrame, FrameOf } from '@syncline/protocol/wire';
import type { Context } from './context.ts';
import { Subscription } from './subscriptions.ts';

/** Answers `subscribe`: the subscription of that name begins there, or moves there. */
export async function subscribe(context: Context, frame: FrameOf<ClientFrame, 'subscribe'>): Promise<void> {
  await context.subscriptions.withRoom(frame.channel, () => join(context, frame));
}

async function join(context: Context, frame: FrameOf<ClientFrame, 'subscribe'>): Promise<void> {
  const { ref, channel: name, start } = frame;
  const definition = context.definition(name);
  if (context.ended) return;
  let rights = await context.demand('subscribe', name, definition);
  const channel = await context.channel(name);
  const subscription = new Subscription(context.subscriptions, name, channel, definition);
  const { cursor, position, gap } = await channel.join(start, subscription);
  try {
    // They may have been renewed meanwhile, and others checked before this one was there to be checked.
    while (rights !== context.rights) rights = await context.demand('subscribe', name, definition);
  } catch (thrown) {
    cursor.release();
    throw thrown;
  }
  if (context.ended) return cursor.release();
  subscription.begin(cursor);
  subscription.publishes = context.rights.grant('publish', name, definition);
  context.subscriptions.add(subscription);
  const { id, stamped } = channel.settings;
  context.say({ type: 'subscribed', ref, id, position, top: channel.top.offset, gap, stamped });
  subscription.wake();
}

/** Answers `unsubscribe`, also where nothing is subscribed. */
export async function unsubscribe(
  context: Context,
  { ref, channel }: FrameOf<ClientFrame, 'unsubscribe'>,
): Promise<void> {
  context.subscriptions.remove(channel);
  context.say({ type: 'unsubscribed', ref });
}
