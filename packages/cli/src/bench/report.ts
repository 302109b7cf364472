/**
 * What a run came to, as text for people and as JSON for programs, and what it means: loss, doubles, and whether the generator can be
 * believed at all. It measures nothing.
 */
import { many, safe } from '../output.ts';
import type { Outcome, Plan } from './load.ts';
import { busyMax } from './machine.ts';
import { barsMs, type Times } from './tally.ts';

const barCharsMax = 40;

/** Of the times of a run. */
interface Shares {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** Something that went wrong, how often, and what was said the first time. */
interface Reason {
  readonly code: string;
  readonly count: number;
  readonly message: string;
}

/** The result of a run, in ms, bytes and counts; as `--json` prints it. */
export interface Result {
  readonly url: string;
  readonly connections: { readonly asked: number; readonly open: number; readonly cut: number };
  readonly channels: number;
  readonly seconds: number;
  readonly published: {
    readonly sent: number;
    readonly acked: number;
    readonly held: number;
    readonly unknown: number;
  };
  readonly deliveries: {
    readonly count: number;
    readonly perSecond: number;
    readonly bytesPerSecond: number;
  };
  readonly deliveryMs: Shares;
  readonly answerMs: Shares;
  readonly openingMs: Shares;
  readonly check: {
    readonly ok: boolean;
    readonly lost: number;
    readonly missing: number;
    readonly doubled: number;
    readonly storedTwice: number | null;
    readonly diverged: number;
    readonly gaps: number;
    readonly conflated: number;
  };
  readonly refused: readonly Reason[];
  /** How connections ended that were open. */
  readonly cut: readonly Reason[];
  readonly generator: {
    readonly busy: number;
    readonly delayMs: number;
    readonly latenessMs: number;
    readonly saturated: boolean;
  };
}

export function resultOf(plan: Plan, { tally, machine, ranMs, open, own, unknown }: Outcome): Result {
  const { lost, missing, doubled, diverged, gaps, conflated, acked } = tally;
  const seconds = ranMs / 1000;
  // What nobody was answered for may be there or not.
  const storedTwice = own === undefined ? null : Math.max(0, own - acked - unknown);
  const ok = lost + missing + doubled + diverged + gaps + (storedTwice ?? 0) === 0;
  return {
    url: plan.url,
    connections: { asked: plan.connections, open, cut: tally.cuts },
    channels: plan.channels,
    seconds: round(seconds),
    published: { sent: tally.published, acked, held: tally.held, unknown },
    deliveries: {
      count: tally.delivery.count,
      perSecond: round(tally.delivery.count / seconds),
      bytesPerSecond: Math.round(tally.bytes / seconds),
    },
    deliveryMs: sharesOf(tally.delivery),
    answerMs: sharesOf(tally.answer),
    openingMs: sharesOf(tally.opening),
    check: { ok, lost, missing, doubled, storedTwice, diverged, gaps, conflated },
    refused: reasons(tally.refused),
    cut: reasons(tally.cut),
    generator: {
      busy: round(machine.busy),
      delayMs: round(machine.delayMs),
      latenessMs: round(machine.latenessMs),
      saturated: machine.saturated,
    },
  };
}

/** The result for people. */
export function reportOf(result: Result, { tally }: Outcome): string {
  const { connections, published, deliveries, refused } = result;
  const lines = [
    `${result.url}: ${many(connections.open)} of ${many(connections.asked)} connections, ${many(result.channels)} ${result.channels === 1 ? 'channel' : 'channels'}, ${result.seconds} s`,
    '',
    row(
      'published',
      `${many(published.acked)} acknowledged of ${many(published.sent)}${published.held ? `; ${many(published.held)} had to wait for the server` : ''}`,
    ),
    row(
      'delivered',
      `${many(deliveries.count)}, ${many(deliveries.perSecond)} a second, ${many(deliveries.bytesPerSecond / 1024)} KiB a second`,
    ),
    '',
    row('', ['p50', 'p90', 'p99', 'p99.9', 'max'].map((head) => head.padStart(9)).join('')),
    row('delivery, ms', times(result.deliveryMs)),
    row('answer, ms', times(result.answerMs)),
    row('opening, ms', times(result.openingMs)),
    '',
    ...histogram(tally.delivery),
    ...checkLines(result),
    ...result.cut.map(({ code, count, message }) => row('cut', `${many(count)} × ${code}: ${safe(message)}`)),
    ...refused.map(({ code, count, message }) =>
      row('refused', `${many(count)} × ${code}: ${safe(message)}`),
    ),
    ...generatorLines(result),
  ];
  return lines.join('\n');
}

function checkLines({ check, connections }: Result): string[] {
  const cut = connections.cut > 0 ? ` ${many(connections.cut)} connections broke meanwhile and went on.` : '';
  if (check.ok) return [row('check', `nothing lost, nothing doubled.${cut}`)];
  const faults = [
    check.lost && `${many(check.lost)} lost: something after them came`,
    check.missing && `${many(check.missing)} had not come when the time to settle was over`,
    check.doubled && `${many(check.doubled)} came twice`,
    check.storedTwice && `${many(check.storedTwice)} stand in the log twice`,
    check.diverged && `${many(check.diverged)} are not what their author was answered`,
    check.gaps &&
      `${many(check.gaps)} times a reader was told of a gap: the log keeps too little for how far it fell behind, or is another one`,
  ];
  const found = faults.flatMap((fault) => (fault ? [row('', `- ${fault}`)] : []));
  return [row('check', `NOT GOOD.${cut}`), ...found];
}

function generatorLines({ generator: { busy, delayMs, latenessMs, saturated } }: Result): string[] {
  const facts = `busy ${Math.round(busy * 100)} % of the time, late by ${delayMs} ms (p99), publishes by ${latenessMs} ms (p99)`;
  if (!saturated) return [row('generator', facts)];
  const why = busy > busyMax ? 'it had no time left' : 'this machine had no time for it';
  return [
    row('generator', `SATURATED, since ${why}: ${facts}.`),
    row(
      '',
      'The times above are the generator’s own as much as the server’s: ask for less, or run several from several machines.',
    ),
  ];
}

/** Bars for how times are distributed; none where nothing was measured. */
function histogram(all: Times): string[] {
  const { bars, count } = all;
  if (count === 0) return [];
  const first = bars.findIndex((bar) => bar > 0);
  const last = bars.findLastIndex((bar) => bar > 0);
  const lines = bars.slice(first, last + 1).map((bar, i) => {
    const most = barsMs[first + i];
    const head = most === undefined ? `> ${barsMs.at(-1)} ms` : `≤ ${most} ms`;
    const length = Math.ceil((bar / count) * barCharsMax);
    return `${head.padStart(12)}  ${'█'.repeat(length)} ${((bar / count) * 100).toFixed(1)} %`;
  });
  return [...lines, ''];
}

function row(head: string, text: string): string {
  return `${head.padEnd(14)}${text}`.trimEnd();
}

function times({ p50, p90, p99, p999, max }: Shares): string {
  return [p50, p90, p99, p999, max].map((ms) => (ms === null ? '-' : ms.toFixed(1)).padStart(9)).join('');
}

function reasons(counts: ReadonlyMap<string, Omit<Reason, 'code'>>): Reason[] {
  return [...counts].map(([code, { count, message }]) => ({ code, count, message }));
}

function sharesOf(all: Times): Shares {
  const at = (percentile: number) => {
    const ms = all.at(percentile);
    return ms === null ? null : round(ms);
  };
  return {
    count: all.count,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: all.max === null ? null : round(all.max),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
