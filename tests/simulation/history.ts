/**
 * What happened in a run, as the applications saw it, and the judge who reads it afterwards. Events are recorded inside
 * the application's own handlers, not at the socket. The judge knows nothing of Syncline's insides.
 */

/** One event of a client's application. `unsure`: the outcome of the publish is unknown. */
export type Happening =
  | {
      readonly type: 'invoke' | 'fail' | 'unsure';
      readonly client: string;
      readonly channel: string;
      readonly id: string;
    }
  | {
      readonly type: 'ok';
      readonly client: string;
      readonly channel: string;
      readonly id: string;
      readonly offset: number;
    }
  | {
      readonly type: 'deliver';
      readonly client: string;
      readonly channel: string;
      readonly id: string;
      readonly offset: number;
    }
  | { readonly type: 'gap'; readonly client: string; readonly channel: string; readonly reason: string }
  | { readonly type: 'start'; readonly client: string; readonly channel: string };

/** The log at the end, as the broker has it. */
export type FinalLog = readonly { readonly offset: number; readonly id: string }[];

/** What a run must have contained to be worth anything. */
export interface Floor {
  readonly acknowledged: number;
  readonly delivered: number;
  readonly reconnects: number;
}

/** What the judge is given. */
export interface Evidence {
  readonly history: readonly Happening[];
  readonly logs: ReadonlyMap<string, FinalLog>;
  /** Which channels each client was subscribed to when the run ended. */
  readonly subscribed: readonly { readonly client: string; readonly channel: string }[];
  readonly unsent: number;
  readonly reconnects: number;
  readonly floor: Floor;
}

/**
 * What is wrong, a sentence each; nothing when all is well. Its first word names the promise that was broken: acknowledged and
 * `lost`, given and `invented`, stored or given `twice` or out of order, a `hole` that nobody was told of, a `gap` where nothing is
 * missing, a place that `differs` for two, `refused` and stored all the same, and `stuck` short of the end. `idle` is the run itself.
 */
export function judge(evidence: Evidence): string[] {
  const faults: string[] = [];
  for (const [channel, log] of evidence.logs) faults.push(...judgeChannel(evidence, channel, log));
  for (const { client, channel } of evidence.subscribed)
    faults.push(...judgeReader(evidence, client, channel));
  if (evidence.unsent > 0) faults.push(`stuck: ${evidence.unsent} publishes were never answered`);
  faults.push(...judgeFloor(evidence));
  return faults;
}

/** What was published against what the log holds and everyone was told. */
function judgeChannel({ history }: Evidence, channel: string, log: FinalLog): string[] {
  const faults: string[] = [];
  const byId = new Map<string, number>();
  const byOffset = new Map(log.map(({ offset, id }) => [offset, id]));
  for (const { offset, id } of log) {
    if (byId.has(id)) faults.push(`twice: stored ${id} at ${byId.get(id)} and ${offset} of ${channel}`);
    byId.set(id, offset);
  }
  for (const [i, { offset }] of log.entries())
    if (offset !== (log[0]?.offset ?? 1) + i)
      faults.push(`hole: the log of ${channel} has a hole at ${offset}`);
  const first = log[0]?.offset ?? 1;
  const invoked = new Set<string>();
  // What was trimmed since is known from what anyone was told of it.
  const told = new Map<number, string>(byOffset);
  for (const h of history) {
    if (h.channel !== channel || h.type === 'gap' || h.type === 'start') continue;
    if (h.type === 'invoke') invoked.add(h.id);
    if (h.type === 'ok') {
      const known = told.get(h.offset) ?? h.id;
      if (known !== h.id)
        faults.push(
          `differs: ${h.id} was acknowledged at ${h.offset} of ${channel}, where others have ${known}`,
        );
      told.set(h.offset, h.id);
      if (h.offset >= first && byOffset.get(h.offset) !== h.id)
        faults.push(
          `lost: ${h.id} was acknowledged at ${h.offset} of ${channel}, but the log holds ${byOffset.get(h.offset) ?? 'nothing'} there`,
        );
    }
    if (h.type === 'fail' && byId.has(h.id))
      faults.push(`refused: ${h.id} was refused for certain, and is in the log at ${byId.get(h.id)}`);
    if (h.type === 'deliver') {
      if (!invoked.has(h.id)) faults.push(`invented: ${h.client} was given ${h.id}, which nobody published`);
      const known = told.get(h.offset) ?? (h.offset < first ? h.id : undefined);
      if (known !== h.id)
        faults.push(
          `differs: ${h.client} was given ${h.id} at ${h.offset} of ${channel}, where others have ${known ?? 'nothing'}`,
        );
      told.set(h.offset, h.id);
    }
  }
  return faults;
}

/** One reader's deliveries, in the order its handler saw them. */
function judgeReader({ history, logs }: Evidence, client: string, channel: string): string[] {
  const faults: string[] = [];
  const log = logs.get(channel) ?? [];
  const ids = new Set(log.map(({ id }) => id));
  let last: number | undefined;
  let gap = false;
  let started = false;
  /** Whether something was published once the reader was there, and stored. */
  let newer = false;
  for (const h of history) {
    if (h.channel === channel && h.type === 'invoke' && started) newer ||= ids.has(h.id);
    if (h.client !== client || h.channel !== channel) continue;
    if (h.type === 'start') started = true;
    if (h.type === 'gap') {
      gap = true;
      // A log that was never written to may begin anew; one that holds all it was told leaves no reason.
      if (last !== undefined && log[0]?.offset === 1)
        faults.push(
          `gap: ${client} was told of one (${h.reason}) in ${channel}, which still holds everything`,
        );
    }
    if (h.type !== 'deliver') continue;
    // A gap leads onward: no log begins anew here.
    if (last !== undefined && h.offset <= last)
      faults.push(`twice: ${client} was given ${h.offset} of ${channel} after ${last}`);
    else if (last !== undefined && h.offset !== last + 1 && !gap)
      faults.push(`hole: ${client} was given ${h.offset} of ${channel} after ${last} and not told of a gap`);
    last = h.offset;
    gap = false;
  }
  const top = log.at(-1)?.offset ?? 0;
  if (last !== undefined && last !== top)
    faults.push(`stuck: ${client} stopped at ${last} of ${channel}, whose log ends at ${top}`);
  // Whoever came when all had been said is given nothing, rightly.
  if (last === undefined && top > 0 && (newer || !started))
    faults.push(`stuck: ${client} was given nothing of ${channel}, whose log ends at ${top}`);
  return faults;
}

/** A run that tested nothing fails. */
function judgeFloor({ history, reconnects, floor }: Evidence): string[] {
  const count = (type: Happening['type']) => history.filter((h) => h.type === type).length;
  const seen = { acknowledged: count('ok'), delivered: count('deliver'), reconnects };
  return (Object.keys(floor) as (keyof Floor)[])
    .filter((name) => seen[name] < floor[name])
    .map(
      (name) =>
        `idle: the run saw only ${seen[name]} ${name}, fewer than the ${floor[name]} that make it worth something`,
    );
}
