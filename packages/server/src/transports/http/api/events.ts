/**
 * What webhooks are told, as shapes: the description and the reference page are generated from it, and a test holds what is really told
 * to it. It knows no webhook.
 */
import * as s from './shape.ts';

const channel = s.text(1, 255, { doc: 'the channel', example: 'chat/lobby' });
const payload = s.payload({
  doc: 'what was appended, or what the member says of itself, as its author sent it',
});
const place = {
  channel,
  epoch: s.text(1, 64, {
    doc: 'the life of the log that it stands in: of a member that of the channel’s members',
  }),
  offset: s.integer(1, Number.MAX_SAFE_INTEGER, {
    doc: 'its number there: of two events of one log the later has the higher',
  }),
  check: s.integer(0, 2 ** 32 - 1, { doc: 'proves the log up to there' }),
};
const user = s.orNull(s.text(1, 255, { doc: 'whose it is; null for nobody in particular' }));
const key = s.text(1, 255, { doc: 'one client of that user: a reconnect keeps it' });

function event(type: string, data: s.Fields): s.Shape<unknown> {
  return s.object({
    type: s.word([type], { doc: 'which event it is' }),
    timestamp: s.moment({ doc: 'when it was stored' }),
    data: s.object(data),
  });
}

export const events = {
  appended: {
    summary: 'An entry was appended to a channel',
    body: event('appended', { ...place, from: user, payload: s.optional(payload) }),
  },
  joined: {
    summary: 'Somebody is in a channel; told again of one who changes over to another node',
    body: event('joined', { ...place, key, user, payload }),
  },
  left: {
    summary: 'Somebody left a channel',
    body: event('left', { ...place, key, user }),
  },
} as const;
