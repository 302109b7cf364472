/**
 * Webhooks: who of yours is told what happens on this node's account: that it appended an entry, that a member came or went by it. The
 * server's front makes one of its options. Nothing waits for it; each webhook has a delivery of its own.
 */
import { SyncError } from '@syncline/protocol';
import { type Clock, type Lookup, splitName } from '@syncline/protocol/wire';
import { compile, type May } from '../access/capabilities.ts';
import { addressOption } from '../access/outbound.ts';
import type { Broker } from '../broker/broker.ts';
import { watched } from '../broker/watched.ts';
import { isSaid } from '../fold/kinds.ts';
import type { MemberNews } from '../hub/leases.ts';
import type { Logger, Metrics } from '../observe.ts';
import { Delivery, type Event } from './webhooks/delivery.ts';
import { appendedEvent, type EventName, memberEvent } from './webhooks/event.ts';
import { signer } from './webhooks/sign.ts';

/** One webhook: an address of yours that is told of some events. */
export interface WebhookTarget {
  /** Where: https, or http on this machine. It answers with a status from 200 to 299; redirects aren't followed. */
  readonly url: string;
  /** `whsec_` and 24 to 64 random bytes in base64; a list while one is being changed for another. */
  readonly secret: string | readonly string[];
  /** Of what. Default: of all. */
  readonly events?: readonly EventName[];
  /** Patterns of the channels that it is told of, as in capabilities: `chat/:room`, or `*` for all. */
  readonly channels: readonly string[];
}

export interface WebhookTools {
  readonly webhookEventsMax: number;
  readonly webhookBytesMax: number;
  readonly webhookRetryMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Target {
  readonly events: ReadonlySet<EventName>;
  readonly concerns: (channel: string) => boolean;
  readonly delivery: Delivery;
}

const eventNames: readonly EventName[] = ['joined', 'left', 'appended'];
const fields = ['url', 'secret', 'events', 'channels'];

export class Webhooks {
  readonly #targets: readonly Target[];

  /** @throws SyncError `bad_option`, which repeats neither a secret nor an address */
  constructor(targets: readonly WebhookTarget[], tools: WebhookTools) {
    this.#targets = targets.map((target, i) => readTarget(`webhooks[${i}]`, target, tools));
  }

  /** The same broker, whose appends are told of where somebody wants to know. @param find what stands behind the name of a channel */
  watch(broker: Broker, find: Lookup): Broker {
    const targets = this.#targets.filter(({ events }) => events.has('appended'));
    if (targets.length === 0) return broker;
    return watched(broker, {
      wants: (channel) => targets.some(({ concerns }) => concerns(channel)),
      appended: (channel, append, appended) => {
        if (!isSaid(find(channel), append.data)) return;
        this.#tell('appended', channel, () => appendedEvent(channel, append, appended));
      },
    });
  }

  /** What is told of members; undefined where nobody wants to know. */
  get news(): MemberNews | undefined {
    const wanted = this.#targets.some(({ events }) => events.has('joined') || events.has('left'));
    return wanted ? { joined: this.#member('joined'), left: this.#member('left') } : undefined;
  }

  /** Tells what waits, for up to `withinMs`, and gives the rest up. */
  async close(withinMs: number): Promise<void> {
    await Promise.all(this.#targets.map(({ delivery }) => delivery.close(withinMs)));
  }

  #member(name: 'joined' | 'left'): MemberNews['joined'] {
    return (companion, append, appended) => {
      const [channel] = splitName(companion);
      this.#tell(name, channel, () => memberEvent(name, channel, append, appended));
    };
  }

  #tell(name: EventName, channel: string, make: () => Event): void {
    let event: Event | undefined;
    for (const { events, concerns, delivery } of this.#targets) {
      if (!events.has(name) || !concerns(channel)) continue;
      event ??= make();
      delivery.take(event);
    }
  }
}

function readTarget(name: string, target: WebhookTarget, tools: WebhookTools): Target {
  if (typeof target !== 'object' || target === null)
    throw new SyncError('bad_option', `Expected \`${name}\` to be an object with ${fields.join(', ')}.`);
  const { events = eventNames, channels } = target;
  if (!Object.keys(target).every((field) => fields.includes(field)))
    throw new SyncError(
      'bad_option',
      `\`${name}\` has a member that there isn't. There are ${fields.join(', ')}.`,
    );
  const url = addressOption(`${name}.url`, target.url);
  const sign = signer(`\`${name}.secret\``, target.secret);
  if (!Array.isArray(events) || events.length === 0 || !events.every((one) => eventNames.includes(one)))
    throw new SyncError(
      'bad_option',
      `Expected \`${name}.events\` to be a list of ${eventNames.join(', ')}.`,
    );
  const may = patterns(name, channels);
  const concerns = (channel: string): boolean => may('subscribe', channel);
  return { events: new Set(events), concerns, delivery: new Delivery({ ...tools, url, sign }) };
}

/** Patterns mean what they mean in capabilities. What is no channel's name, as a companion's isn't, fits none. */
function patterns(name: string, channels: unknown): May {
  const expected = `Expected \`${name}.channels\` to be a list of patterns such as "chat/:room"`;
  if (!Array.isArray(channels) || channels.length === 0 || !channels.every((one) => typeof one === 'string'))
    throw new SyncError('bad_option', `${expected}; "*" stands for every channel.`);
  try {
    return compile(Object.fromEntries(channels.map((one) => [String(one), ['subscribe'] as const])));
  } catch {
    throw new SyncError('bad_option', `${expected}, and one of them can't be one.`);
  }
}
