/**
 * How a session opens views of channels, moves them and ends them (rules V1 to V8). The session's switch calls it. What a view
 * lets through and when it tells of it is the fold's matter; it is taken from as cursors are.
 */
import { limits, SyncError } from '@syncline/protocol';
import type { ClientFrame, FrameOf, ViewFilter } from '@syncline/protocol/wire';
import type { Context } from './context.ts';
import type { Viewing } from './subscriptions.ts';

/** How often a view is told whose reader doesn't say: a frame for each change would cost more than it is worth. */
const usual = { maxHz: limits.viewHz.default };

/** Answers `view`: a new view begins, one of this session's shows something else from now on, or one is over. */
export async function view(context: Context, frame: FrameOf<ClientFrame, 'view'>): Promise<void> {
  const { subscriptions } = context;
  const { ref, channel: name, id, filter } = frame;
  if (filter !== null && id === 0)
    return await subscriptions.withRoomToView(() => open(context, frame, filter));
  const viewing = subscriptions.view(id);
  const known = viewing?.name === name ? viewing : undefined;
  if (filter === null) {
    if (known) subscriptions.end(known);
  } else if (known) known.reading.move({ ...usual, ...filter });
  else
    throw new SyncError(
      'bad_payload',
      `This session has no view ${id} of "${name}". Open a new one, with 0 for its number.`,
    );
  context.say({ type: 'viewing', ref, id });
}

async function open(
  context: Context,
  { ref, channel: name }: FrameOf<ClientFrame, 'view'>,
  filter: ViewFilter,
): Promise<void> {
  const definition = context.definition(name);
  if (context.ended) return;
  let rights = await context.demand('subscribe', name, definition);
  const channel = await context.channel(name);
  let viewing: Viewing | undefined;
  const wake = () => {
    if (viewing) context.subscriptions.woken(viewing);
  };
  const reading = await context.tools.hub.view(
    channel,
    { ...usual, ...filter },
    { onWake: wake, purse: context.purse },
  );
  try {
    // They may have been renewed meanwhile, and others checked before this one was there to be checked.
    while (rights !== context.rights) rights = await context.demand('subscribe', name, definition);
  } catch (thrown) {
    reading.release();
    throw thrown;
  }
  if (context.ended) return reading.release();
  viewing = { id: reading.id, name, channel, definition, reading, ready: false, behind: undefined };
  context.subscriptions.addView(viewing);
  context.say({ type: 'viewing', ref, id: reading.id });
  wake();
}
