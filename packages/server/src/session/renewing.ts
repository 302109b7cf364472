/**
 * How a session gets new rights without a new connection, and what becomes of what it holds (rules I2 to I5). The session's
 * switch calls it. Who someone is, and what they may, is the access room's matter.
 */
import { SyncError } from '@syncline/protocol';
import type { ClientFrame, FrameOf } from '@syncline/protocol/wire';
import type { Context } from './context.ts';
import { revokedFrame } from './port.ts';
import { judgeMembers } from './presence.ts';
import type { Reader } from './subscriptions.ts';

/** Answers `auth`: new rights for the same user; what they no longer allow ends. */
export async function renew(context: Context, { ref, token }: FrameOf<ClientFrame, 'auth'>): Promise<void> {
  const { tools, subscriptions } = context;
  const { access } = tools;
  const identity = await access.identify({ ...context.caller, token, headers: {} });
  if (identity.user !== context.rights.identity.user)
    throw new SyncError(
      'forbidden',
      'The token is of someone else, and a session keeps its user. Connect anew.',
    );
  const rights = access.rights(identity);
  const demand = ({ name, definition }: Reader) => rights.demand('subscribe', name, definition);
  await subscriptions.judge(demand, (refusals) => {
    if (context.over) return;
    context.renew(access.rights(access.good(identity)));
    context.say({ type: 'authenticated', ref, expiresMs: context.expireLater() });
    for (const one of subscriptions.all())
      one.publishes = context.rights.grant('publish', one.name, one.definition);
    for (const [reader, error] of refusals) {
      subscriptions.end(reader);
      context.say(revokedFrame(reader.id, error));
    }
  });
  await judgeMembers(context);
}
