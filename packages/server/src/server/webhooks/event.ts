/**
 * What webhooks tell: an entry that was appended, a member that came or went, as JSON with the payload as its author sent it. Its id says
 * where it stands in its log, so the same event has the same id, whoever tells it. It knows entries and members, no address.
 */
import { createHash } from 'node:crypto';
import { readStateEntry } from '@syncline/protocol/wire';
import type { Append, Appended } from '../../broker/broker.ts';
import type { Event } from './delivery.ts';

export type EventName = 'joined' | 'left' | 'appended';

/** What an event holds beside its payload. */
const bytesAround = 512;

/** An entry was appended to a channel. */
export function appendedEvent(channel: string, append: Append, appended: Appended): Event {
  const { data, from } = append;
  // Bytes aren't JSON: that there is something new is told, and no more.
  const payload = typeof data === 'string' ? data : undefined;
  return event('appended', channel, appended, { from }, payload);
}

/** A member came into a channel, with what it says of itself, or went. */
export function memberEvent(
  name: 'joined' | 'left',
  channel: string,
  { key = '', from, data }: Pick<Append, 'key' | 'from' | 'data'>,
  appended: Appended,
): Event {
  const change = readStateEntry({ offset: 0, at: 0, from: null, data });
  const payload = change.op === 'set' ? change.value.text : undefined;
  return event(name, channel, appended, { key, user: from }, payload);
}

function event(
  type: EventName,
  channel: string,
  { epoch, offset, check, at }: Appended,
  facts: Readonly<Record<string, unknown>>,
  payload: string | undefined,
): Event {
  return {
    bytes: bytesAround + (payload?.length ?? 0),
    id: () => {
      const place = JSON.stringify([type, channel, epoch, offset]);
      return `evt_${createHash('sha256').update(place).digest('base64url').slice(0, 27)}`;
    },
    body: () => {
      const timestamp = new Date(at).toISOString();
      const data = JSON.stringify({ channel, epoch, offset, check, ...facts });
      const told = payload === undefined ? data : `${data.slice(0, -1)},"payload":${payload}}`;
      return `{"type":"${type}","timestamp":"${timestamp}","data":${told}}`;
    },
  };
}
