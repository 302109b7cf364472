/**
 * `syncline bench`: load on a deployment of one's own, and what came of it: times, rates, loss and doubles. Here are the words of the
 * command line; the run is bench/load.ts, and what it came to is told by bench/report.ts.
 */
import { Load, type Plan, type Stage } from './bench/load.ts';
import { reportOf, resultOf } from './bench/report.ts';
import { addressOf, type ConnectOptions, readCa, refuseClear, tokens } from './connect.ts';
import { socketOptions } from './link.ts';
import { exit, leaveWith, many, onLeave, progress, writeLine, writeNotice } from './output.ts';

/** The options, as they are read. */
export interface BenchOptions extends Omit<ConnectOptions, 'url'> {
  readonly channel: string;
  readonly channels: number;
  readonly connections: number;
  readonly publishers: number;
  readonly rate: number;
  readonly size: number;
  readonly message?: string;
  /** ms. */
  readonly duration: number;
  /** ms. */
  readonly settle: number;
  readonly json?: true;
}

/** Runs, and prints what came of it. @throws what keeps it from beginning */
export async function bench(url: string, options: BenchOptions): Promise<void> {
  const { channel, channels, message } = options;
  if (channels > 1 && !channel.includes('{n}'))
    throw new Error(
      `--channel ${channel} is one channel, and --channels asks for ${channels}: put {n} into its name.`,
    );
  const address = addressOf(url);
  const getToken = tokens(options);
  if (getToken) refuseClear(address);
  await getToken?.();
  const ca = await readCa(options);
  const plan: Plan = {
    ...{ channel, channels, message },
    ...{ connections: options.connections, publishers: options.publishers, rate: options.rate },
    ...{ durationMs: options.duration, settleMs: options.settle, sizeBytes: options.size },
    url: address.href,
    options: async () => socketOptions(ca, await getToken?.()),
  };
  const load = new Load(plan);
  onLeave(() => load.stop());
  const shown = progress();
  const outcome = await load.run((stage) => shown.tick(() => stageLine(stage, plan)));
  shown.end();
  const result = resultOf(plan, outcome);
  if (outcome.failed !== undefined) writeNotice(`${outcome.failed} ${mendFor(outcome.failed)}`.trim());
  if (options.json) writeLine(JSON.stringify(result));
  else if (outcome.failed === undefined) writeLine(reportOf(result, outcome));
  if (outcome.failed !== undefined) return leaveWith(exit.failed);
  leaveWith(result.check.ok ? exit.done : exit.lost);
}

function stageLine({ stage, open, ranMs, tally }: Stage, plan: Plan): string {
  if (stage === 'opening') return `opening: ${many(open)} of ${many(plan.connections)} connections`;
  const rates = `${many(tally.acked)} published, ${many(tally.delivered)} delivered`;
  const p99 = tally.delivery.at(99);
  const times = p99 === null ? '' : `, p99 ${p99.toFixed(1)} ms`;
  const of =
    stage === 'settling'
      ? 'waiting for the last'
      : `${Math.floor(ranMs / 1000)} of ${plan.durationMs / 1000} s`;
  return `${of}: ${rates}${times}`;
}

/** What helps against what let nobody in. */
function mendFor(failed: string): string {
  const mends: Readonly<Record<string, string>> = {
    unknown_channel: 'Name channels of your contract: --channel "chat/{n}".',
    forbidden:
      'The token must allow `subscribe` and `publish` there: syncline token --can "chat/:room=subscribe,publish".',
    unauthenticated: 'Give a token: --token-file, or SYNCLINE_TOKEN.',
    bad_payload:
      'What is published doesn’t fit the contract: give one that does, --message \'{"text":"{run} {n}"}\'.',
    too_many:
      'A limit of the server was reached: see sessionsPerIpMax and sessionsPerUserMax among its options.',
  };
  return mends[/\((\w+)\)$/.exec(failed)?.[1] ?? ''] ?? '';
}
