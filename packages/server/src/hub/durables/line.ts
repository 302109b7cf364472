/**
 * The requests to one durable log that wait on this node. Those that wait together are judged one after another, each by what the ones
 * before it would make of the log, and what is to be done for them is stored as one entry: they share one write, and none of them fails
 * the condition of another. It is judged anew when other nodes were first. It knows the log, and nobody who asks.
 */
import { type Position, SyncError } from '@syncline/protocol';
import { type DurableAct, type DurableState, durableEntry, durableNext } from '@syncline/protocol/wire';
import type { Channel } from '../../channel.ts';
import { type DurableRequest, judge, type Verdict } from '../../fold/durable/judge.ts';
import type { Ledgers } from '../../fold/durable/ledgers.ts';
import type { Ledger } from '../../fold/durable.ts';

/** What became of a request, and where the log ends then. */
export interface Judged extends Verdict {
  readonly position: Position;
}

/** What the hub does for it: opens channels, and their ledgers with them. */
export interface Opening {
  readonly ledgers: Ledgers;
  opened(name: string): Channel | undefined;
  open(name: string): Promise<Channel>;
}

/** How often a request is judged anew because others wrote meanwhile. */
const triesMax = 64;
/** What is stored together at most; one request alone may be larger. */
const actsMax = 128;
const bytesMax = 64 * 1024;

/** So many bytes of requests may wait, and each counts as so many besides its body: where a log hangs there would else be no end of them. */
const waitingBytesMax = 16 * 1024 * 1024;
const askedBytes = 1024;
const retryMs = 1000;

/** A request that waits for its answer. */
interface Asked {
  readonly request: DurableRequest;
  readonly from: string | null;
  readonly resolve: (judged: Judged) => void;
  readonly reject: (thrown: unknown) => void;
  tries: number;
}

/** Those who waited longest, and what they are to be answered once `acts` are stored. */
interface Group {
  readonly answers: readonly { readonly asked: Asked; readonly verdict: Verdict }[];
  readonly acts: readonly DurableAct[];
  /** Whose acts they are. */
  readonly from: string | null;
  /** Where the log ends by now. */
  readonly position: Position;
}

export class Line {
  readonly #name: string;
  readonly #hub: Opening;
  /** Called when nothing waits any more. */
  readonly #onEmpty: () => void;
  readonly #waiting: Asked[] = [];
  #running = false;
  #waitingBytes = 0;

  constructor(name: string, hub: Opening, onEmpty: () => void) {
    this.#name = name;
    this.#hub = hub;
    this.#onEmpty = onEmpty;
  }

  /** Answers what is asked, after what was asked before. @throws SyncError `too_many`, `unavailable` when others kept writing first, or the broker's */
  async ask(request: DurableRequest, from: string | null): Promise<Judged> {
    const bytes = askedBytes + ('body' in request ? request.body.bytes.length : 0);
    if (this.#waitingBytes + bytes > waitingBytesMax && this.#waitingBytes > 0)
      throw new SyncError('too_many', `Too much waits for "${this.#name}". Come back later.`, { retryMs });
    this.#waitingBytes += bytes;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.push({ request, from, resolve, reject, tries: 0 });
        if (!this.#running) void this.#run();
      });
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const waited = this.#waiting.length;
      try {
        await this.#answerSome();
      } catch (thrown) {
        for (const { reject } of this.#waiting.splice(0, waited)) reject(thrown);
      }
    }
    this.#running = false;
    this.#onEmpty();
  }

  /** Answers those who have waited longest, as many as one entry can do for; where others wrote first they wait again. */
  async #answerSome(): Promise<void> {
    const { channel, ledger } = await opened(this.#hub, this.#name);
    const group = await this.#decide(channel, ledger);
    this.#waiting.splice(0, group.answers.length);
    try {
      const position = group.acts.length > 0 ? await this.#store(channel, group) : group.position;
      if (position) return await answer(ledger, group, position);
      await ledger.refresh();
      this.#waiting.unshift(...group.answers.flatMap(({ asked }) => this.#goesOn(asked)));
    } catch (thrown) {
      for (const { asked } of group.answers) asked.reject(thrown);
    }
  }

  /** An entry proves what it is stored by; what is answered without one may be news of yesterday, so the log is asked before. */
  async #decide(channel: Channel, ledger: Ledger): Promise<Group> {
    await ledger.reached(channel.top);
    const group = grouped(channel, ledger, this.#waiting);
    if (group.acts.length > 0) return group;
    // What the log says now is too old for who comes while it is asked.
    const before = [...this.#waiting];
    await ledger.refresh();
    return grouped(channel, ledger, before);
  }

  /** Where it was stored; undefined where something else came first. */
  async #store(channel: Channel, { acts, from, position }: Group): Promise<Position | undefined> {
    try {
      const data = durableEntry(acts);
      const { epoch, offset, check } = await channel.append({ data, from, ifTopAt: position.offset });
      return { epoch, offset, check };
    } catch (thrown) {
      if (thrown instanceof SyncError && thrown.code === 'precondition') return undefined;
      throw thrown;
    }
  }

  /** Others wrote first: who has tried often enough is told so, and nobody is left to go on. */
  #goesOn(asked: Asked): readonly Asked[] {
    asked.tries++;
    if (asked.tries < triesMax) return [asked];
    asked.reject(
      new SyncError(
        'unavailable',
        `Others kept writing to "${this.#name}" first, ${triesMax} times. Nothing was stored; try again.`,
        { stored: false },
      ),
    );
    return [];
  }
}

/** Judges those who wait, each by what the ones before it would make of the log, as many as one entry can do for. */
function grouped({ settings }: Channel, { known, now }: Ledger, waiting: readonly Asked[]): Group {
  const { keep } = settings;
  const answers: Group['answers'][number][] = [];
  const acts: DurableAct[] = [];
  let first: Asked | undefined;
  let state: DurableState = known.state;
  let bytes = 0;
  for (const asked of waiting) {
    const verdict = judge(state, asked.request, { now, keep });
    const { act } = verdict;
    if (act) {
      bytes += act.body.length;
      const full = acts.length >= actsMax || bytes > bytesMax;
      if (first && (full || !joins(first, asked))) break;
      first ??= asked;
      acts.push(act);
      state = durableNext(state, act, now);
    }
    answers.push({ asked, verdict });
  }
  return { answers, acts, from: first?.from ?? null, position: known.position };
}

async function answer(ledger: Ledger, { answers }: Group, position: Position): Promise<void> {
  // Whoever asks this node next is to find it; where the node leaves, nobody does.
  await ledger.reached(position).catch(() => {});
  const begins = answers.some(
    ({ verdict }) => verdict.outcome === 'created' || verdict.outcome === 'deleted',
  );
  if (begins) await ledger.clean();
  for (const { asked, verdict } of answers) asked.resolve({ ...verdict, position });
}

/** A channel and its ledger. @throws SyncError `restart` when they are closing, or the broker's */
export async function opened(hub: Opening, name: string): Promise<{ channel: Channel; ledger: Ledger }> {
  const channel = hub.opened(name) ?? (await hub.open(name));
  const ledger = hub.ledgers.get(name);
  if (!ledger) throw new SyncError('restart');
  return { channel, ledger };
}

/** Whether what is to be done for both can be one entry: appends of one author. What begins or ends a log stands alone. */
function joins(first: Asked, next: Asked): boolean {
  return first.request.op === 'append' && next.request.op === 'append' && first.from === next.from;
}
