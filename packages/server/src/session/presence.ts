/**
 * How a session enters channels, leaves them and signals to those who read them (rules N1 to N7). The session's switch calls it.
 * Who holds which key for how long is the hub's matter, and who is told of a signal the channel's.
 */
import { createHash } from 'node:crypto';
import { type Definition, SyncError } from '@syncline/protocol';
import { type ClientFrame, type FrameOf, validate } from '@syncline/protocol/wire';
import type { Context } from './context.ts';
import { own } from './port.ts';

/** After how many ms a signal that found no room is worth another attempt. */
const crowdedMs = 50;

/** The name of the companion that says who is in a channel. */
export function companionOf(channel: string): string {
  return `${channel}?presence`;
}

export class Presence {
  readonly #context: Context;
  #lease = '';
  #key = '';

  constructor(context: Context) {
    this.#context = context;
  }

  /** Answers `enter`: the session is a member, or what it says of itself is replaced. */
  async enter({ ref, channel: base, lease, data }: FrameOf<ClientFrame, 'enter'>): Promise<void> {
    const context = this.#context;
    const { access, hub } = context.tools;
    const channel = companionOf(base);
    const definition = context.definition(channel);
    let rights = await context.demand('presence', channel, definition);
    const { identity } = rights;
    const key = this.#keyOf(lease);
    let intake = hub.admission.enter(key, String(own(data)), definition);
    if (definition.schema || access.screens)
      intake = await hub.admission.examine(channel, intake, definition, (_key, value) =>
        access.screen({ identity, channel, key, data: value }),
      );
    while (rights !== context.rights) rights = await context.demand('presence', channel, definition);
    this.#refuseGone();
    const append = { ...intake.append, from: identity.user };
    await hub.leases.enter(context.holder, { channel, key, append, tokenId: rights.identity.tokenId });
    context.say({ type: 'entered', ref, key });
  }

  /** Answers `leave`, also where nothing was entered. */
  async leave({ ref, channel, lease }: FrameOf<ClientFrame, 'leave'>): Promise<void> {
    const { tools, holder } = this.#context;
    await tools.hub.leases.leave(holder, companionOf(channel), this.#keyOf(lease));
    this.#context.say({ type: 'left', ref });
  }

  /** Answers `signal`, and has those who read the channel told in this turn. */
  async signal({ ref, channel, lease, data }: FrameOf<ClientFrame, 'signal'>): Promise<void> {
    const context = this.#context;
    const { hub } = context.tools;
    const definition = this.#signalled(channel);
    let rights = await context.demand('presence', channel, definition);
    hub.admission.checkMember(data);
    if (definition.signal) await validate(definition.signal, JSON.parse(data));
    while (rights !== context.rights) rights = await context.demand('presence', channel, definition);
    this.#refuseGone();
    const key = this.#keyOf(lease);
    if (!hub.signal(channel, [key, rights.identity.user, data]))
      throw new SyncError('too_many', `More is signalled on "${channel}" than can be told at once.`, {
        retryMs: crowdedMs,
      });
    context.say({ type: 'signalled', ref, key });
  }

  /** The definition of a channel that has members. @throws SyncError `unknown_channel` */
  #signalled(channel: string): Definition {
    this.#context.definition(companionOf(channel));
    return this.#context.definition(channel);
  }

  /**
   * The key of whoever has this lease: 132 bits, which nobody finds who doesn't know it, and no other user gets.
   *
   * @throws SyncError `forbidden` for another lease than this session's: one client is one member, however much it asks for
   */
  #keyOf(lease: string): string {
    if (lease === this.#lease) return this.#key;
    if (this.#lease !== '')
      throw new SyncError(
        'forbidden',
        'A session has one lease, and this one came with another. Make it once, and send the same each time.',
      );
    const secret = JSON.stringify([this.#context.rights.identity.user, lease]);
    this.#key = createHash('sha256').update(secret).digest('base64url').slice(0, 22);
    this.#lease = lease;
    return this.#key;
  }

  /** What was waited for came too late, or its token was revoked meanwhile. */
  #refuseGone(): void {
    const { over, tools, rights } = this.#context;
    if (over) throw new SyncError('restart');
    tools.access.good(rights.identity);
  }
}

/** Ends what the session's rights no longer allow (rule N5): called when they were renewed. */
export async function judgeMembers({ tools, holder, rights }: Context): Promise<void> {
  const { leases } = tools.hub;
  const judged = leases.of(holder).map(async ({ channel, key }) => {
    const allowed = rights.demand('presence', channel, tools.hub.definition(channel));
    await allowed.catch(() => leases.leave(holder, channel, key));
  });
  await Promise.allSettled(judged);
}
