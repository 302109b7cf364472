/**
 * A node's open channels: by name, opened on first use, closed when nobody has read or appended for a while, and with each
 * the fold of its log, where there is one. Sessions ask it for channels and views; it decides their numeric ids. It knows definitions
 * of the contract, not who may use them.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import type { Cancel, Lookup, Signalled, ViewFilter } from '@syncline/protocol/wire';
import type { Broker } from './broker/broker.ts';
import { memory } from './broker/memory.ts';
import { Channel, type ChannelTools } from './channel.ts';
import type { View, Viewer } from './cursor.ts';
import { type DocOptions, type DocSettings, Docs } from './fold/docs.ts';
import { Ledgers } from './fold/durable/ledgers.ts';
import { foldOf } from './fold/kinds.ts';
import { Refresh } from './fold/refresh.ts';
import type { Values } from './fold/state.ts';
import type { FoldSettings } from './fold.ts';
import { Admission } from './hub/admission.ts';
import { Crosstalk } from './hub/crosstalk.ts';
import { Durables } from './hub/durables.ts';
import { type LeaseSettings, Leases, type MemberNews } from './hub/leases.ts';
import { Reaper } from './hub/reaper.ts';

export interface HubSettings extends FoldSettings, DocSettings, LeaseSettings {
  readonly channelIdleMs: number;
  readonly channelsOpenMax: number;
  readonly payloadBytesMax: number;
  readonly presenceBytesMax: number;
  readonly tailEntriesMax: number;
  readonly tailBytesMax: number;
}

/** What may be said of a hub. */
export interface HubOptions extends DocOptions {
  /** Hears who comes and goes. Default: nobody. */
  readonly news?: MemberNews | undefined;
}

/** A channel that is open or opening, and whether anyone asked for it since the last sweep. */
interface Slot {
  readonly id: number;
  readonly opening: Promise<Channel>;
  /** Once it can be used. */
  channel: Channel | undefined;
  /** What must be closed with it, in this order: what was opened last stands first. */
  parts: readonly { close(): void }[];
  /** Asks what other nodes wrote; left out where none can. */
  refresh: Refresh | undefined;
  used: boolean;
  askedAt: number;
}

/** Bytes of a log in memory that are held besides what they come to, and the same again for readers who are a little behind. */
const memoryBytesMax = 128 * 1024;

/** The bounds of a channel whose log lies in memory: anyone may have as many of them as a session may enter. */
function inMemory(settings: HubSettings): HubSettings {
  const foldBytesMax = Math.min(settings.foldBytesMax, memoryBytesMax);
  return { ...settings, foldBytesMax, tailBytesMax: Math.min(settings.tailBytesMax, memoryBytesMax) };
}

/** Who asked for a channel this short a time ago may be about to use it. */
const justNowMs = 1000;

export class Hub {
  /** What payloads become on their way into channels. */
  readonly admission: Admission;
  /** Who has entered where. */
  readonly leases: Leases;
  /** What the documents that are open share, and each one's folder. */
  readonly docs: Docs;
  /** What is known of the durable logs that are open, and what is asked of them. */
  readonly ledgers: Ledgers;
  readonly durables: Durables;
  readonly #settings: HubSettings;
  readonly #tools: ChannelTools;
  /** The tools of channels whose logs needn't outlive the nodes; and what must be closed with this node, if that is its own. */
  readonly #volatile: ChannelTools;
  readonly #ownBroker: Broker | undefined;
  readonly #lookup: Lookup;
  /** Left out where no other node shares the broker. */
  readonly #crosstalk: Crosstalk | undefined;
  readonly #reaper: Reaper | undefined;
  readonly #slots = new Map<string, Slot>();
  readonly #freeIds: number[] = [];
  #nextId = 1;
  #cancelSweep: Cancel;
  #closed = false;

  constructor(settings: HubSettings, tools: ChannelTools, lookup: Lookup, options: HubOptions = {}) {
    this.#settings = settings;
    this.#tools = tools;
    this.#lookup = lookup;
    // A log that nobody has open is worth nothing: the next who comes begins another one.
    this.#ownBroker = tools.broker.volatile ? undefined : memory({ clock: tools.clock, logsMax: 0 });
    this.#volatile = { ...tools, broker: tools.broker.volatile ?? this.#ownBroker ?? tools.broker };
    const { clock, broker } = tools;
    const { nodes } = broker;
    const now = () => broker.now?.() ?? clock.now();
    this.admission = new Admission(settings.payloadBytesMax, { now }, settings.presenceBytesMax);
    // Members are the other nodes' concern only where their logs are as well.
    const shared = nodes &&
      broker.volatile && {
        node: nodes.id,
        now,
        values: (name: string) => this.#reaper?.values(name),
      };
    const { news } = options;
    this.leases = new Leases(settings, {
      ...tools,
      shared,
      news,
      open: async (name) => await this.open(name),
    });
    this.#reaper = nodes && shared && new Reaper({ ...tools, nodes, leases: this.leases, news });
    this.#crosstalk = nodes && new Crosstalk(nodes, clock, settings.presenceBytesMax);
    this.docs = new Docs(settings, tools, options);
    this.ledgers = new Ledgers(tools, (name) => this.open(name));
    this.durables = new Durables(this);
    this.#cancelSweep = this.#sweepLater();
  }

  /** What the contract says of a name. @throws SyncError `unknown_channel` */
  definition(name: string): Definition {
    return this.#lookup(name);
  }

  /** The channel, when it is open already: the way that hot paths take without a promise. */
  opened(name: string): Channel | undefined {
    const slot = this.#slots.get(name);
    if (slot?.channel) this.#ask(slot);
    return slot?.channel;
  }

  /** The channel of that name; everyone who asks while it opens gets the same one. @throws SyncError `too_many`, or the broker's. */
  open(name: string): Promise<Channel> {
    const slot = this.#slots.get(name) ?? this.#openSlot(name, this.#lookup(name));
    this.#ask(slot);
    return slot.opening;
  }

  /** The channel, once it knows all that is in its log as of now, whichever node appended it. @throws SyncError as `open`, or the broker's */
  async current(name: string): Promise<Channel> {
    const channel = this.opened(name) ?? (await this.open(name));
    await this.#slots.get(name)?.refresh?.ask();
    return channel;
  }

  /**
   * Opens a view of what a channel's log comes to, under a number of its own, which no channel has meanwhile.
   *
   * @throws SyncError `unsupported_data` where there is nothing to view, `bad_payload` for a filter that doesn't fit
   */
  async view(channel: Channel, filter: ViewFilter, viewer: Viewer): Promise<View> {
    const id = this.#takeId();
    let taken = true;
    const onRelease = (): void => {
      if (taken) this.#freeIds.push(id);
      taken = false;
    };
    try {
      return await channel.view({ ...viewer, id, onRelease }, filter);
    } catch (thrown) {
      onRelease();
      throw thrown;
    }
  }

  /** Tells all who follow a channel, on every node (rule N6). False when more is signalled here than can be told at once. */
  signal(name: string, signal: Signalled): boolean {
    const told = this.opened(name)?.signal(signal) ?? true;
    if (told) this.#crosstalk?.tell(name, signal);
    return told;
  }

  #takeId(): number {
    return this.#freeIds.pop() ?? this.#nextId++;
  }

  #ask(slot: Slot): void {
    slot.used = true;
    slot.askedAt = this.#tools.clock.now();
  }

  /** Closes all channels. Appends under way are the broker's to finish. Resolves when the process that folds is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSweep();
    this.leases.close();
    this.#reaper?.close();
    this.ledgers.close();
    for (const [name, slot] of this.#slots) this.#closeSlot(name, slot);
    await Promise.all([this.docs.close(), this.#ownBroker?.close()]);
  }

  #openSlot(name: string, definition: Definition): Slot {
    if (this.#closed) throw new SyncError('restart');
    const { channelsOpenMax } = this.#settings;
    if (this.#slots.size >= channelsOpenMax && !this.#closeIdlest()) {
      throw new SyncError(
        'too_many',
        `This node holds ${channelsOpenMax} channels open, its most, and all are in use. Try again, or raise \`channelsOpenMax\`.`,
      );
    }
    const id = this.#takeId();
    const slot: Slot = {
      id,
      opening: Promise.resolve().then(() => this.#openInto(slot, name, definition)),
      channel: undefined,
      parts: [],
      refresh: undefined,
      used: true,
      askedAt: 0,
    };
    this.#slots.set(name, slot);
    this.#tools.metrics.channelsOpen++;
    slot.opening.catch(() => this.#closeSlot(name, slot));
    return slot;
  }

  /** Opens the channel, and folds its log before anyone gets it. What is opened when the slot is closed is closed with it. */
  async #openInto(slot: Slot, name: string, definition: Definition): Promise<Channel> {
    const { stamped, keep, volatile } = definition;
    const tools = volatile ? this.#volatile : this.#tools;
    const bounds = volatile ? inMemory(this.#settings) : this.#settings;
    const { tailEntriesMax, tailBytesMax } = bounds;
    const opened = <Part extends { close(): void }>(part: Part): Part => {
      // Made anew, since a list that is pushed to makes room for many more.
      slot.parts = [part, ...slot.parts];
      if (this.#slots.get(name) === slot) return part;
      part.close();
      throw new SyncError('restart');
    };
    const settings = { id: slot.id, name, stamped, keep, tailEntriesMax, tailBytesMax };
    const channel = opened(await Channel.open(settings, tools));
    const reaper = definition.leased ? this.#reaper : undefined;
    if (reaper) opened({ close: () => reaper.unfollow(name) });
    else if (this.#crosstalk && !definition.leased) opened({ close: this.#crosstalk.hear(channel) });
    const follow = reaper && ((values: Values) => reaper.follow(channel, values));
    const fold = foldOf(definition, channel, bounds, tools, this, follow);
    if (fold) await opened(fold).open();
    if (this.#tools.broker.nodes) slot.refresh = new Refresh(channel, tools);
    slot.channel = channel;
    return channel;
  }

  /** Makes room by closing a channel that nobody reads, appends to, or asked for just now; false when there is none. */
  #closeIdlest(): boolean {
    const justNow = this.#tools.clock.now() - justNowMs;
    for (const [name, slot] of this.#slots) {
      if (!slot.channel?.idle || slot.askedAt > justNow) continue;
      this.#closeSlot(name, slot);
      return true;
    }
    return false;
  }

  #closeSlot(name: string, slot: Slot): void {
    if (this.#slots.get(name) !== slot) return;
    this.#slots.delete(name);
    for (const part of slot.parts) part.close();
    this.#freeIds.push(slot.id);
    this.#tools.metrics.channelsOpen--;
  }

  /** Once per idle time: a channel goes that is idle and was not asked for since the last sweep. */
  #sweepLater(): Cancel {
    return this.#tools.clock.timer(this.#settings.channelIdleMs, () => {
      for (const [name, slot] of this.#slots) {
        if (slot.channel?.idle && !slot.used) this.#closeSlot(name, slot);
        slot.used = false;
      }
      this.#cancelSweep = this.#sweepLater();
    });
  }
}
